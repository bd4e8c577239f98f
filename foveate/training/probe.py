"""A small held-out test while training: learned looks against uniformly random looks with the same weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from foveate.noise import Noise
from foveate.policies import POLICIES
from foveate.rollout import Player, rollout
from foveate.system import System, resolve
from foveate.training.config import TrainConfig
from foveate.training.sources import Source


class Probe:
    """Callable on a system; the scenes stay the same for the whole run."""

    def __init__(self, held_out: Source, config: TrainConfig, device: torch.device) -> None:
        count = min(config.eval_scenes, len(held_out))
        self.batch = held_out.batch(np.arange(count), epoch_seed=0)
        self.num_looks = config.num_looks
        self.device = device

    def __call__(self, system: System) -> dict[str, float]:
        random = POLICIES.get("random")(resolve(POLICIES.facts("random")["config"])())
        learned, control = self._metric(system, system.policy), self._metric(system, random)
        return {"eval/metric": learned, "eval/metric_random": control, "eval/gap": learned - control}

    @torch.inference_mode()
    def _metric(self, system: System, policy: Any) -> float:
        system.train(False)
        noise = Noise(seed=0, scenes=self.batch.indices)
        player = Player(model=system.model, policy=policy, max_looks=self.num_looks)
        episode = rollout(self.batch.scenes, player, noise=noise, explore=not hasattr(policy, "score"))
        target = self.batch.target.to(self.device)
        metrics = system.task.metrics(episode.prediction, target)
        system.train()
        return float(metrics[system.task.primary_metric].mean())
