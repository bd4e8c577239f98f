"""Square crops of labelled pictures with the augmentation of the published ImageNet recipe, and its evaluation crop.

Training: random resized crop, mirror, RandAugment, erasing, then Mixup or CutMix within the batch, targets softened.
Everything is a function of the epoch seed and the indices, so a batch can be made again bit by bit.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from foveate.errors import DataError, SceneError
from foveate.geometry.viewpoint import from_boxes_px
from foveate.scenes.folders import PictureFolder
from foveate.scenes.loading import middle
from foveate.scenes.memory import ArrayScenes
from foveate.scenes.pictures import PictureScenes
from foveate.scenes.splits import fingerprint
from foveate.training.rand_augment import rand_augment
from foveate.training.sources import Batch, Indices

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class CropAugment:
    """The defaults are the published recipe's."""

    area_frac: tuple[float, float] = (0.08, 1.0)
    """Share of the picture's area that a crop takes."""
    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    """Width over height of a crop, before it is resized to the square."""
    rand_magnitude: float = 9.0
    """Of RandAugment; 0 switches it off."""
    erase_frac: float = 0.25
    """Chance that a rectangle is replaced by noise."""
    mixup_alpha: float = 0.8
    """Of the beta distribution; 0 switches Mixup off."""
    cutmix_alpha: float = 1.0
    """Of the beta distribution; 0 switches CutMix off. With both on, each has half of the batches."""
    label_smoothing: float = 0.1


class CropSource:
    """See the module's docstring. ``broken`` maps the files that could not be read to the reason."""

    def __init__(
        self,
        folder: PictureFolder,
        *,
        scene_px: int,
        augment: CropAugment | None = None,
        eval_frac: float = 0.925,
        num_threads: int | None = None,
        hashes: Sequence[str] | None = None,
    ) -> None:
        """``scene_px``: side of the square scenes. Without ``augment``: the middle square, ``eval_frac`` of the short
        side (288 of 311 px in the paper's code), and hard labels."""
        self.folder, self.scene_px, self.augment = folder, scene_px, augment
        self.broken: dict[str, str] = {}
        self._eval_frac, self._hashes = eval_frac, hashes
        self._num_threads = num_threads or min(16, os.cpu_count() or 1)

    def __len__(self) -> int:
        return len(self.folder)

    @cached_property
    def fingerprint(self) -> str:
        changes = {"scene_px": self.scene_px, **(asdict(self.augment) if self.augment else {"eval": self._eval_frac})}
        return "+".join([fingerprint(self.folder, self._hashes), *(f"{k}={v}" for k, v in changes.items())])

    def batch(self, indices: Indices, epoch_seed: int) -> Batch:
        """The given pictures without the broken ones; DataError if all of them are."""
        rows = np.asarray(indices, np.int64)
        with ThreadPoolExecutor(self._num_threads) as pool:
            scenes = list(pool.map(lambda row: self._scene(row, epoch_seed), rows.tolist()))
        kept = np.array([row for row, scene in zip(rows, scenes, strict=True) if scene is not None], np.int64)
        if len(kept) == 0:
            raise DataError(
                f"none of {len(rows)} pictures could be read; one of them: {next(iter(self.broken.values()))}"
            )
        pixels = np.stack([scene for scene in scenes if scene is not None])
        labels = torch.from_numpy(self.folder.labels[kept])
        if self.augment is None:
            return Batch(scenes=ArrayScenes(pixels), target=labels, indices=kept)
        soft = soften(labels, len(self.folder.class_names), self.augment.label_smoothing)
        rng = np.random.default_rng((abs(epoch_seed), 1, *kept.tolist()))
        pixels, target = mix(pixels, soft, rng, self.augment)
        return Batch(scenes=ArrayScenes(pixels), target=target, indices=kept)

    def _scene(self, row: int, epoch_seed: int) -> Pixels | None:
        size_px, rng = (self.scene_px, self.scene_px), np.random.default_rng((abs(epoch_seed), 0, row))
        try:
            one = PictureScenes([self.folder.paths[row]])
            view = self._eval_view(one.sizes_px) if self.augment is None else _crop(one.sizes_px, rng, self.augment)
            pixels = one.read(view, size_px).pixels[0, 0]
        except SceneError as error:
            self.broken[self.folder.paths[row]] = str(error)
            return None
        return np.asarray(pixels) if self.augment is None else _changed(pixels, rng, self.augment)

    def _eval_view(self, sizes_px: NDArray[np.int64]) -> NDArray[np.float64]:
        view = middle(sizes_px, (self.scene_px, self.scene_px))
        view[..., 2:] *= self._eval_frac
        return view


def _crop(sizes_px: NDArray[np.int64], rng: np.random.Generator, augment: CropAugment) -> NDArray[np.float64]:
    """A viewpoint ``[1, 1, 4]`` of random area and shape; the middle square if ten draws do not fit."""
    height, width = (int(side) for side in sizes_px[0])
    for _ in range(10):
        area = height * width * rng.uniform(*augment.area_frac)
        aspect = np.exp(rng.uniform(*np.log(augment.aspect)))
        h, w = round(np.sqrt(area / aspect)), round(np.sqrt(area * aspect))
        if 0 < h <= height and 0 < w <= width:
            top, left = rng.integers(height - h + 1), rng.integers(width - w + 1)
            return np.asarray(from_boxes_px(np.array([[[top, left, top + h, left + w]]], np.float64), sizes_px))
    return middle(sizes_px, (1, 1))


def _changed(pixels: Pixels, rng: np.random.Generator, augment: CropAugment) -> Pixels:
    if rng.random() < 0.5:
        pixels = np.ascontiguousarray(pixels[:, :, ::-1])
    if augment.rand_magnitude:
        pixels = rand_augment(pixels, rng, magnitude=augment.rand_magnitude)
    return erase(pixels, rng) if rng.random() < augment.erase_frac else pixels


def erase(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """A rectangle of 2 to 33 % of the area replaced by noise, per pixel (arXiv:1708.04896)."""
    bands, height, width = pixels.shape
    changed = pixels.copy()
    for _ in range(10):
        area, aspect = height * width * rng.uniform(0.02, 1 / 3), np.exp(rng.uniform(np.log(0.3), np.log(1 / 0.3)))
        h, w = round(np.sqrt(area * aspect)), round(np.sqrt(area / aspect))
        if 0 < h < height and 0 < w < width:
            top, left = rng.integers(height - h + 1), rng.integers(width - w + 1)
            # Standard normal after the usual normalisation (mean 0.45, deviation 0.225 of the range).
            noise = rng.normal(0.45 * 255, 0.225 * 255, (bands, h, w))
            changed[:, top : top + h, left : left + w] = np.clip(noise, 0, 255).astype(np.uint8)
            break
    return changed


def soften(labels: torch.Tensor, num_classes: int, smoothing: float) -> torch.Tensor:
    """Distributions ``[n, K]``: the label's class has 1 - smoothing more than all others."""
    soft = torch.full((len(labels), num_classes), smoothing / num_classes)
    soft[torch.arange(len(labels)), labels] += 1 - smoothing
    return soft


def mix(
    pixels: Pixels, target: torch.Tensor, rng: np.random.Generator, augment: CropAugment
) -> tuple[Pixels, torch.Tensor]:
    """Mixup or CutMix of every scene with its mirror place in the batch, at one share for all (as the paper's code)."""
    kinds = [kind for kind, alpha in (("mixup", augment.mixup_alpha), ("cutmix", augment.cutmix_alpha)) if alpha]
    if not kinds:
        return pixels, target
    kind = kinds[int(rng.integers(len(kinds)))]
    alpha = augment.mixup_alpha if kind == "mixup" else augment.cutmix_alpha
    share = float(rng.beta(alpha, alpha))
    if kind == "mixup":
        mixed = np.rint(share * pixels + (1 - share) * pixels[::-1].astype(np.float32)).astype(np.uint8)
    else:
        height, width = pixels.shape[2:]
        side = np.sqrt(1 - share)
        middle_row, middle_col = rng.integers(height), rng.integers(width)
        rows = np.clip([middle_row - height * side / 2, middle_row + height * side / 2], 0, height).astype(int)
        cols = np.clip([middle_col - width * side / 2, middle_col + width * side / 2], 0, width).astype(int)
        mixed = pixels.copy()
        mixed[:, :, rows[0] : rows[1], cols[0] : cols[1]] = pixels[::-1, :, rows[0] : rows[1], cols[0] : cols[1]]
        share = 1 - float((rows[1] - rows[0]) * (cols[1] - cols[0])) / (height * width)
    return mixed, share * target + (1 - share) * target.flip(0)
