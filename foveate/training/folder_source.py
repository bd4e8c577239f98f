"""Batches of labelled picture files: decoded in threads, kept in memory up to a limit, cut and flipped by their key.

A broken file is skipped, counted and remembered with its reason; it never stops a run. Pixels stay native.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from foveate.core import Scenes
from foveate.errors import DataError, SceneError, UsageError
from foveate.geometry.resample import crop_resize
from foveate.noise import uniforms
from foveate.scenes.decode import Header, decode, read_bytes, read_header
from foveate.scenes.folders import PictureFolder
from foveate.scenes.memory import ArrayScenes
from foveate.scenes.pictures import LEVELS, PictureScenes
from foveate.scenes.splits import fingerprint
from foveate.training.kept import CACHE_BYTES, Kept
from foveate.training.sources import Batch, Indices

AMOUNTS = 4  # in which pictures are cut
Picture = NDArray[np.uint8]  # [C, H, W]


@dataclass(frozen=True, kw_only=True)
class Augment:
    """What may change in a training picture, drawn per (epoch seed, picture)."""

    crop_frac: float = 0.15
    """At most this share of each side is cut away, at a random place, in a few amounts from nothing to all of it:
    pictures of one size stay of few sizes, which are read together."""
    flip: bool = False
    """Mirror half of the pictures; wrong where left and right matter (text, digits, signs)."""

    def __post_init__(self) -> None:
        if not 0 <= self.crop_frac < 1:
            raise UsageError(f"crop_frac is {self.crop_frac}; it is a share of the side, 0 to below 1")


class FolderSource:
    """See the module's docstring. ``broken`` maps the files that could not be read to the reason."""

    def __init__(
        self,
        folder: PictureFolder,
        *,
        augment: Augment | None = None,
        from_files: bool = False,
        max_scene_px: int | None = None,
        cache_bytes: int = CACHE_BYTES,
        num_threads: int | None = None,
        hashes: Sequence[str] | None = None,
    ) -> None:
        """``augment``: None leaves pictures as they are. ``from_files``: scenes read their files while they are looked
        at, as `foveate look` does, so that bytes and seconds are honest; else they are decoded ahead and kept, up to
        ``cache_bytes`` in all. ``max_scene_px``: larger pictures are shrunk to this longest side (None: native).
        ``hashes``: of the files, if known."""
        if from_files and (augment is not None or max_scene_px is not None):
            raise UsageError("from_files gives the files as they are: leave out augment and max_scene_px")
        self.folder, self.augment, self.from_files = folder, augment, from_files
        self.broken: dict[str, str] = {}
        self._max_scene_px, self._hashes = max_scene_px, hashes
        self._num_threads = num_threads or min(4, os.cpu_count() or 1)
        self._kept: Kept[Picture] = Kept(cache_bytes)
        self._checked: set[int] = set()

    def __len__(self) -> int:
        return len(self.folder)

    @cached_property
    def fingerprint(self) -> str:
        """Of the files' contents, their labels and what is done to them."""
        changes = [f"{name}={value}" for name, value in asdict(self.augment).items()] if self.augment else []
        if self._max_scene_px is not None:
            changes.append(f"max_scene_px={self._max_scene_px}")
        return "+".join([fingerprint(self.folder, self._hashes), *changes])

    def batch(self, indices: Indices, epoch_seed: int) -> Batch:
        """The given pictures without the broken ones; DataError if all of them are."""
        rows = np.asarray(indices, np.int64)
        with ThreadPoolExecutor(self._num_threads) as pool:
            pictures = list(pool.map(self._picture, rows.tolist()))
        good = np.array([i for i, picture in enumerate(pictures) if picture is not None], np.int64)
        if len(good) == 0:
            raise DataError(f"none of {len(rows)} pictures could be read; the first: {self._why(rows)}")
        kept = rows[good]
        scenes: Scenes
        if self.from_files:
            scenes = PictureScenes([self.folder.paths[row] for row in kept])
        else:
            scenes = ArrayScenes([self._changed(pictures[i], int(rows[i]), epoch_seed) for i in good])
        return Batch(scenes=scenes, target=torch.from_numpy(self.folder.labels[kept]), indices=kept)

    def _why(self, rows: Indices) -> str:
        return self.broken[self.folder.paths[rows[0]]] if len(rows) else "none was asked for"

    def _picture(self, row: int) -> Picture | None:
        """Decoded, or None if the file is broken."""
        path = self.folder.paths[row]
        if path in self.broken:
            return None
        if row in self._checked:  # scenes read their file themselves
            return np.empty((0, 0, 0), np.uint8)
        picture = self._kept.get(row)
        if picture is None:
            try:
                picture = read_picture(path, max_scene_px=self._max_scene_px)
            except SceneError as error:
                self.broken[path] = str(error)
                return None
            if self.from_files:
                self._checked.add(row)
            else:
                self._kept.put(row, picture)
        return picture

    def _changed(self, picture: Any, row: int, epoch_seed: int) -> Picture:
        if self.augment is None:
            return np.asarray(picture)
        amount, down, across, mirror = uniforms(epoch_seed, row, shape=(4,))
        keep = 1 - self.augment.crop_frac * int(amount * AMOUNTS) / (AMOUNTS - 1)
        height, width = (max(1, round(side * keep)) for side in picture.shape[1:])
        top, left = int(down * (picture.shape[1] - height + 1)), int(across * (picture.shape[2] - width + 1))
        part = picture[:, top : top + height, left : left + width]
        return np.ascontiguousarray(part[:, :, ::-1]) if self.augment.flip and mirror < 0.5 else np.asarray(part)


def read_picture(path: str, *, max_scene_px: int | None = None) -> Picture:
    """RGB pixels of a file, upright; shrunk if its longest side is above ``max_scene_px``. SceneError if broken."""
    header = read_header(path)
    pixels = decode(read_bytes(path), header, path, mode="RGB", level=_level(header, max_scene_px))
    picture = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    longest = max(picture.shape[1:])
    if max_scene_px is None or longest <= max_scene_px:
        return picture
    height, width = (max(1, round(side * max_scene_px / longest)) for side in picture.shape[1:])
    box = np.array([[[0, 0, picture.shape[1], picture.shape[2]]]], np.float64)
    return np.asarray(crop_resize(picture[None], box, (height, width))[0, 0])


def _level(header: Header, max_scene_px: int | None) -> int:
    if max_scene_px is None or not header.can_scale:
        return 1
    return next((level for level in LEVELS if max(header.size_px) >= 2 * level * max_scene_px), 1)
