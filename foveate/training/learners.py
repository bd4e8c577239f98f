"""How an agent learns from played episodes: on policy from fresh ones (PPO), or off policy from remembered ones (SAC).

The trainer knows only this: it hands over what was played, and asks for an update when there is enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from foveate.episode import Episode
from foveate.registry import Registry


@dataclass(frozen=True, kw_only=True)
class Played:
    """Full-length episodes of some scenes, with every step kept."""

    episode: Episode
    rewards: Tensor  # [n, T]


class Learner(Protocol):
    """Owns what was collected and the agent's own optimiser; knows nothing of the backbone's training."""

    def collect(self, parts: list[Played]) -> None:
        """What one training step played, in its accumulated parts."""

    @property
    def is_ready(self) -> bool:
        """Whether enough was collected to learn from."""

    def learn(self, *, lr_scale: float, seed: int) -> Mapping[str, float]:
        """Update the agent; losses and diagnostics, empty where there is nothing to train."""

    def forget(self) -> None:
        """Drop what was collected."""

    def state(self) -> dict[str, Any]:
        """For a checkpoint: plain mappings of tensors."""

    def restore(self, state: dict[str, Any], device: torch.device) -> None: ...


LEARNERS: Registry[Any] = Registry("learner")
LEARNERS.register(
    "ppo", "foveate.training.ppo_learner:PpoLearner", settings="ppo", summary="proximal policy optimisation"
)
LEARNERS.register("sac", "foveate.training.sac_learner:SacLearner", settings="sac", summary="soft actor-critic")
