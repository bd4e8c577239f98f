"""What each training step is for: overviews first, then looks that are not the policy's own, then the policy's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from foveate.system import System, fresh_policy
from foveate.training.config import TrainConfig
from foveate.training.guide import Guide


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What a training step is for."""

    num_looks: int
    policy_of: Callable[[Any], Any]
    """Who looks, by what is known of a batch: its target."""
    backbone_learns: bool
    agent_learns: bool


class Curriculum:
    """The stages of a training; ``TrainConfig`` says until which share of it each lasts."""

    def __init__(self, config: TrainConfig, system: System) -> None:
        self.config, self.system = config, system
        self.stroller = fresh_policy("random", system.model.observation_shape)
        self._until = (
            (config.opening_frac, Stage(num_looks=0, policy_of=self._own, backbone_learns=True, agent_learns=False)),
            (config.guided_frac, self._led_by(self._guide)),
            (config.random_frac, self._led_by(lambda target: self.stroller)),
        )

    @property
    def agent_starts(self) -> float:
        """The share of the training after which the agent learns."""
        return max(self.config.agent_warmup_frac, *(until for until, _ in self._until))

    def at(self, step: int, *, progress: float) -> Stage:
        """Of a step that begins when the share ``progress`` of the training is done."""
        for until, stage in self._until:
            if progress < until:
                return stage
        is_agents_turn = step // self.config.alternate_every % 2 == 0
        waits = progress < self.config.agent_warmup_frac
        alternates = self.config.backbone == "alternating" and not waits
        return Stage(
            num_looks=self.config.num_looks,
            policy_of=self._own,
            backbone_learns=self.config.backbone != "frozen" and not (alternates and is_agents_turn),
            agent_learns=not waits and not (alternates and not is_agents_turn),
        )

    def _led_by(self, policy_of: Callable[[Any], Any]) -> Stage:
        return Stage(num_looks=self.config.num_looks, policy_of=policy_of, backbone_learns=True, agent_learns=False)

    def _own(self, target: Any) -> Any:
        return self.system.policy

    def _guide(self, target: Any) -> Guide:
        shape, at_once = self.system.model.observation_shape, self.system.policy.noise_shape[0]
        return Guide(target, shape, num_looks_per_step=at_once)
