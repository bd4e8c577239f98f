"""Scenes of one size of a listed data set, with what is to be learned of each: its label, its mask, or itself.

To evaluate, a picture is squashed to the scene, whatever its aspect, as the papers do; to train, a random part of it.
A JPEG that is at least four times too large is decoded at a fraction of its size. A broken file, or a mask without any
class, is skipped, counted and remembered with its reason; it never stops a run.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from foveate.datasets.listing import Pair, Pictures, Target
from foveate.errors import DataError, SceneError, UsageError
from foveate.scenes.decode import Header, decode, read_bytes, read_header
from foveate.scenes.memory import ArrayScenes
from foveate.scenes.pictures import LEVELS, SPARE_SHRINK
from foveate.tasks import IGNORED
from foveate.training.kept import CACHE_BYTES, Kept
from foveate.training.picture_augment import PictureAugment
from foveate.training.sources import Batch, Indices

Resample = Literal["bilinear", "bicubic"]
Pixels = NDArray[np.uint8]

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@dataclass(frozen=True)
class _Shown:
    """A picture and, if it is wanted, the mask of the same size."""

    pixels: Pixels  # [H, W, 3]
    mask: Pixels | None  # [H, W]

    @property
    def nbytes(self) -> int:
        return self.pixels.nbytes + (0 if self.mask is None else self.mask.nbytes)


class PictureSource:
    """See the module's docstring. ``broken`` maps the pictures that could not be read to the reason."""

    def __init__(
        self,
        pictures: Pictures,
        *,
        target: Target,
        scene_px: Pair,
        augment: PictureAugment | None = None,
        resample: Resample = "bilinear",
        cache_bytes: int = CACHE_BYTES,
        num_threads: int | None = None,
    ) -> None:
        """``scene_px``: (height, width) of all scenes. ``augment``: None shows whole pictures. ``resample``: how
        pictures are resized, antialiased; masks always take the nearest pixel. ``cache_bytes``: how much of what was
        decoded is kept, in all."""
        if target not in pictures.gives:
            raise UsageError(f"target is {target!r}; {pictures.name} was listed with {', '.join(pictures.gives)}")
        if min(scene_px) < 1:
            raise UsageError(f"scene_px is {scene_px}; needed are a height and a width of 1 or more")
        self.pictures, self.target, self.scene_px, self.augment = pictures, target, scene_px, augment
        self.resample = resample
        self.broken: dict[str, str] = {}
        self._num_threads = num_threads or min(16, os.cpu_count() or 1)
        self._kept: Kept[_Shown] = Kept(cache_bytes)

    def __len__(self) -> int:
        return len(self.pictures)

    @cached_property
    def fingerprint(self) -> str:
        """Of the listed files, and of what is done to them."""
        changes = {"target": self.target, "scene_px": self.scene_px, "resample": self.resample}
        changes |= asdict(self.augment) if self.augment else {}
        return "+".join([self.pictures.fingerprint, *(f"{name}={value}" for name, value in changes.items())])

    def batch(self, indices: Indices, epoch_seed: int) -> Batch:
        """The given pictures without the broken ones; DataError if all of them are.

        Scenes are uint8 ``[n, 3, h, w]``. Targets: "label", int64 ``[n]``; "mask", int64 ``[n, h, w]`` with 255 for
        what is ignored; "picture", uint8 ``[n, 3, h, w]``, the scenes' own pixels, in the same memory.
        """
        rows = np.asarray(indices, np.int64)
        with ThreadPoolExecutor(self._num_threads) as pool:
            shown = list(pool.map(lambda row: self._shown(row, epoch_seed), rows.tolist()))
        good = [one for one in shown if one is not None]
        if not good:
            why = next((self.broken[self.pictures.paths[row]] for row in rows), "none was asked for")
            raise DataError(f"none of {len(rows)} pictures of {self.pictures.name} could be read; the first: {why}")
        kept = rows[[one is not None for one in shown]]
        pixels = np.ascontiguousarray(np.stack([one.pixels for one in good]).transpose(0, 3, 1, 2))
        return Batch(scenes=ArrayScenes(pixels), target=self._target(kept, pixels, good), indices=kept)

    def _target(self, rows: Indices, pixels: Pixels, shown: list[_Shown]) -> torch.Tensor:
        if self.target == "picture":
            return torch.from_numpy(pixels)
        if self.target == "label":
            assert self.pictures.labels is not None
            return torch.from_numpy(self.pictures.labels[rows])
        return torch.from_numpy(np.stack([one.mask for one in shown if one.mask is not None]).astype(np.int64))

    def _shown(self, row: int, epoch_seed: int) -> _Shown | None:
        """A picture as the scene shows it, or None if a file is broken."""
        path = self.pictures.paths[row]
        if path in self.broken:
            return None
        whole = self._kept.get(row)
        if whole is None:
            try:
                whole = self._decoded(row)
            except SceneError as error:
                self.broken[path] = str(error)
                return None
            self._kept.put(row, whole)
        if self.augment is None:
            return whole
        change = self.augment.change(whole.pixels.shape[:2], epoch_seed=epoch_seed, row=row)
        top, left, bottom, right = change.box_px
        part = (slice(top, bottom), slice(left, right))
        mirrored = slice(None, None, -1 if change.is_mirrored else 1)
        shown = self._fitted(whole.pixels[part], None if whole.mask is None else whole.mask[part], self.scene_px)
        return _Shown(shown.pixels[:, mirrored], None if shown.mask is None else shown.mask[:, mirrored])

    def _decoded(self, row: int) -> _Shown:
        """A whole picture and its mask, no larger than scenes can show of it."""
        path, masks = self.pictures.paths[row], self.pictures.masks
        header = read_header(path)
        size_px = self._least_px(header.size_px)
        pixels = decode(read_bytes(path), header, path, mode="RGB", level=_level(header, size_px))
        mask = masks[row].read(header.size_px) if self.target == "mask" and masks is not None else None
        shown = self._fitted(pixels, mask, size_px)
        if masks is not None and shown.mask is not None and (shown.mask == IGNORED).all():
            raise SceneError(
                "is a mask of which no pixel has a class: nothing can be learned from it, and nothing measured",
                path=masks[row].origin,
            )
        return shown

    def _least_px(self, size_px: Pair) -> Pair:
        """(height, width) at which a whole picture is kept: the scene's, or so that its smallest part fills a scene."""
        if self.augment is None or self.augment.area_frac is None:
            return self.scene_px
        zoom = 1 / math.sqrt(self.augment.area_frac[0])
        shrink = min(1.0, max(zoom * scene / side for scene, side in zip(self.scene_px, size_px, strict=True)))
        return max(1, round(size_px[0] * shrink)), max(1, round(size_px[1] * shrink))

    def _fitted(self, pixels: Pixels, mask: Pixels | None, size_px: Pair) -> _Shown:
        small = None if mask is None else _resized(mask, size_px, Image.Resampling.NEAREST)
        return _Shown(_resized(pixels, size_px, FILTERS[self.resample]), small)


def _level(header: Header, size_px: Pair) -> int:
    """The fraction of its size that a file is decoded at: the filter of what then remains hides how it was made."""
    shrink = min(side / wanted for side, wanted in zip(header.size_px, size_px, strict=True)) / SPARE_SHRINK
    return next((level for level in LEVELS if header.can_scale and shrink >= level), 1)


def _resized(pixels: Pixels, size_px: Pair, resample: Image.Resampling) -> Pixels:
    if pixels.shape[:2] == size_px:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((size_px[1], size_px[0]), resample))
