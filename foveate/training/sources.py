"""Where training scenes and their targets come from: a source gives any batch of its scenes again, bit by bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from foveate.core import Scenes
from foveate.scenes.composed import ComposedSet
from foveate.scenes.memory import ArrayScenes

Indices = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Scenes with their targets."""

    scenes: Scenes
    target: Any  # whatever the task takes, on the CPU
    indices: Indices  # [n] in the source; fewer than asked for when broken files were skipped


class Source(Protocol):
    """A data set of scenes and targets."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same key would give another scene or target."""

    def __len__(self) -> int: ...

    def batch(self, indices: Indices, epoch_seed: int) -> Batch:
        """The given scenes; the epoch seed decides all randomness in them (composition, augmentation)."""


TargetOf = Callable[[Mapping[str, NDArray[Any]], tuple[int, int]], Any]


def stream_seed(epoch_seed: int, stream: int) -> int:
    """The seed of an epoch of one of the streams of a set, which share no scene: they lie further apart than any epoch
    seed reaches."""
    return epoch_seed + (stream << 40)


class ComposedSource:
    """Composed scenes with the target that a task needs of them."""

    def __init__(
        self, composed: ComposedSet, target_of: TargetOf, *, stream: int = 0, with_masks: bool = False
    ) -> None:
        """Sources of one set with different ``stream`` numbers share no scene. ``with_masks``: targets are made of the
        objects' masks too."""
        self.composed, self.target_of, self.stream, self.with_masks = composed, target_of, stream, with_masks

    def __len__(self) -> int:
        return len(self.composed)

    @property
    def fingerprint(self) -> str:
        return f"{self.composed.fingerprint}-{self.stream}"

    def batch(self, indices: Indices, epoch_seed: int) -> Batch:
        seed = stream_seed(epoch_seed, self.stream)
        images, targets = self.composed.batch(indices, seed, masks=self.with_masks)
        target = self.target_of(targets, self.composed.config.canvas_px)
        return Batch(scenes=ArrayScenes(images, value_range=(0.0, 255.0)), target=target, indices=indices)


def places_of(num_targets: int) -> TargetOf:
    """Centres ``[n, K, 2]`` in the frame of the first K objects: the target of a search."""

    def target_of(targets: Mapping[str, NDArray[Any]], canvas_px: tuple[int, int]) -> torch.Tensor:
        centers = targets["centers_px"][:, :num_targets] / np.asarray(canvas_px, np.float32) * 2 - 1
        return torch.from_numpy(centers.astype(np.float32))

    return target_of


def only_label(targets: Mapping[str, NDArray[Any]], canvas_px: tuple[int, int]) -> torch.Tensor:
    """Class ``[n]`` of the first object: the target of a classification."""
    return torch.from_numpy(targets["labels"][:, 0])


def label_and_place(targets: Mapping[str, NDArray[Any]], canvas_px: tuple[int, int]) -> dict[str, torch.Tensor]:
    """Class ``[n]`` of the first object, counted from 1, 0 for none, and its centre: the target of spotting."""
    return {
        "label": torch.from_numpy(targets["labels"][:, 0] + 1),
        "place": places_of(1)(targets, canvas_px),
    }


def class_map(targets: Mapping[str, NDArray[Any]], canvas_px: tuple[int, int]) -> torch.Tensor:
    """Class ``[n, H, W]`` of every pixel, counted from 1, 0 where no object is: the target of a segmentation. Needs
    the masks."""
    classes = np.concatenate([np.zeros_like(targets["labels"][:, :1]), targets["labels"] + 1], axis=1)
    masks = targets["masks"]
    return torch.from_numpy(classes[np.arange(len(masks))[:, None, None], masks].astype(np.int64))


def training_indices(
    step: int, *, batch_size: int, num_scenes: int, seed: int, multiple_of: int = 1
) -> tuple[Indices, int]:
    """Scenes of a training step and their epoch seed: each epoch is its own permutation; a rest too small for a batch
    waits for the next epoch, so that no batch mixes epochs. The whole is a pure function of the step. A batch is no
    larger than the data set, and a multiple of ``multiple_of``, so that processes and accumulated parts are even."""
    size = min(batch_size, num_scenes) // multiple_of * multiple_of
    per_epoch = num_scenes // size
    epoch, place = divmod(step, per_epoch)
    epoch_seed = seed * 1_000_003 + epoch
    if num_scenes >= 1 << 18:  # procedural and practically endless: order carries no information
        return np.arange(place * size, (place + 1) * size), epoch_seed
    order = np.random.default_rng((seed, epoch)).permutation(num_scenes)
    return order[place * size : (place + 1) * size], epoch_seed
