"""A small held-out test while training: learned looks against uniformly random looks with the same weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from foveate.episode import Player
from foveate.errors import TrainingError
from foveate.noise import Noise
from foveate.rollout import rollout
from foveate.rows import to_device
from foveate.system import System, fresh_policy
from foveate.tasks.primary import primary
from foveate.training.config import TrainConfig
from foveate.training.divergence import MEND, playing
from foveate.training.sources import Source

MAX_SCENES = 64  # at a time, which bounds the memory of large pictures


class Probe:
    """Callable on a system; the scenes stay the same for the whole run."""

    def __init__(self, held_out: Source, config: TrainConfig, device: torch.device) -> None:
        count = min(config.eval_scenes, len(held_out))
        parts = np.array_split(np.arange(count), -(-count // MAX_SCENES))
        self.batches = [held_out.batch(part, epoch_seed=0) for part in parts]
        self.num_looks = config.num_looks
        self.device = device

    def __call__(self, system: System) -> dict[str, float]:
        """Raises TrainingError for a model whose looks or answers are no numbers any more."""
        random = fresh_policy("random", system.model.observation_shape)
        learned = self._metric(system, system.policy, explore=system.is_drawn)
        control = self._metric(system, random, explore=True)
        return {"eval/metric": learned, "eval/metric_random": control, "eval/gap": learned - control}

    @torch.inference_mode()
    def _metric(self, system: System, policy: Any, *, explore: bool) -> float:
        system.train(False)
        player = Player(model=system.model, policy=policy, max_looks=self.num_looks)
        scores = []
        for batch in self.batches:
            noise = Noise(seed=0, scenes=batch.indices)
            with playing():
                episode = rollout(batch.scenes, player, noise=noise, explore=explore)
            metrics = system.task.metrics(episode.prediction, to_device(batch.target, self.device))
            if bool(torch.as_tensor(metrics.get(system.task.primary_metric, 0.0)).isnan().all()):
                raise TrainingError(f"training diverged: no answer is a number any more; {MEND}")
            scores.append(primary(system.task, metrics))
        system.train()
        return float(torch.cat(scores).mean())
