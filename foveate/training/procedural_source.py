"""Training on procedural big pictures: fresh scenes for ever, rendered only where they are looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from foveate.scenes.procedural import ProceduralConfig, ProceduralSet
from foveate.training.clues import known_clues
from foveate.training.sources import Batch, Indices, TargetOf, label_and_place, stream_seed


def clues(targets: Mapping[str, NDArray[Any]], size_px: tuple[int, int]) -> dict[str, torch.Tensor]:
    """All that is known of procedural scenes, as :func:`foveate.training.clues.known_clues`; things are objects and
    look-alikes."""
    boxes_px, labels = targets["thing_boxes_px"], targets["labels"]
    classes = np.zeros(boxes_px.shape[:2], np.int64)
    classes[:, : labels.shape[1]] = labels + 1
    return known_clues(
        boxes_px=boxes_px,
        classes=classes,
        is_thing=targets["is_thing"],
        is_target=targets["is_target"],
        sizes_px=np.asarray(size_px, np.float32)[None],
        **label_and_place(targets, size_px),
    )


def crowded(target_of: TargetOf, *, scenes: ProceduralConfig, at_large: ProceduralConfig) -> TargetOf:
    """Targets of ``scenes`` in which more is searched than in those ``at_large``, told how much that changes: the gains
    of :mod:`foveate.tasks.spotting`, which hold at every scale."""
    heat_gain, label_gain = (ratio(scenes) / ratio(at_large) for ratio in (_mean_objects, _odds))

    def told(targets: Mapping[str, NDArray[Any]], size_px: tuple[int, int]) -> dict[str, torch.Tensor]:
        known = dict(target_of(targets, size_px))
        count = len(targets["labels"])
        return {
            **known,
            "heat_gain": torch.full((count,), heat_gain),
            "label_gain": torch.full((count,), label_gain),
        }

    return told


def _mean_objects(config: ProceduralConfig) -> float:
    return (1 - config.none_frac) * sum(config.num_objects) / 2


def _odds(config: ProceduralConfig) -> float:
    """That there is any."""
    return (1 - config.none_frac) / config.none_frac


class ProceduralSource:
    """Procedural scenes with the target that a task needs of them."""

    def __init__(self, procedural: ProceduralSet, target_of: TargetOf = clues, *, stream: int = 0) -> None:
        """Sources of one set with different ``stream`` numbers share no scene."""
        self.procedural, self.target_of, self.stream = procedural, target_of, stream

    def __len__(self) -> int:
        return len(self.procedural)

    @property
    def fingerprint(self) -> str:
        return f"{self.procedural.fingerprint}-{self.stream}"

    def batch(self, indices: Indices, epoch_seed: int) -> Batch:
        scenes, targets = self.procedural.batch(indices, stream_seed(epoch_seed, self.stream))
        return Batch(scenes=scenes, target=self.target_of(targets, self.procedural.config.size_px), indices=indices)
