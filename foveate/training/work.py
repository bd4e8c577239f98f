"""What a training step learns from: scenes to play, in accumulated parts, and further ones to open and no more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foveate.training.config import TrainConfig
from foveate.training.parallel import World
from foveate.training.sources import Batch, Source, training_indices


@dataclass(frozen=True, kw_only=True)
class Work:
    """One process's share of a step."""

    parts: list[Batch]
    opened: Batch | None
    num_asked: int
    """Scenes of the parts of all processes, before broken files were left out."""


def work_of(step: int, *, source: Source, config: TrainConfig, world: World) -> Work:
    """A pure function of the step; all of an epoch's scenes are different ones."""
    each = world.size * config.accumulate
    batch_size, opening_scenes = config.batch_size // each * each, -(-config.opening_scenes // each) * each
    indices, epoch_seed = training_indices(
        step,
        batch_size=batch_size + opening_scenes,
        num_scenes=len(source),
        seed=config.seed,
        multiple_of=each,
    )
    played, opened = np.split(indices, [batch_size])
    parts = np.array_split(world.slice(played), config.accumulate)
    return Work(
        parts=[source.batch(part, epoch_seed) for part in parts],
        opened=source.batch(world.slice(opened), epoch_seed) if len(opened) else None,
        num_asked=len(played),
    )
