"""Scenes cut from the photographs that foveate ships, to be learned as they are: reconstruction without a download."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from foveate.errors import UsageError
from foveate.geometry.resample import crop_resize_flat
from foveate.noise import uniforms
from foveate.scenes.memory import ArrayScenes
from foveate.scenes.photos import Split, load_photos, photos_fingerprint
from foveate.training.sources import Batch, Indices

NUM_LEVELS = 4  # a part is cut from the photograph, or its half, quarter, eighth: the smallest that is not too small


class PhotoCropSource:
    """Random parts of photographs, of one size. Scene i of an epoch is a function of its seed, i and the stream."""

    def __init__(
        self,
        split: Split,
        *,
        scene_px: tuple[int, int],
        size: int,
        crop_frac: tuple[float, float] = (0.35, 1.0),
        mirror: bool = True,
        stream: int = 0,
    ) -> None:
        """``scene_px``: (height, width) of all scenes. ``size``: how many there are. ``crop_frac``: the area of a part,
        from least to most, as a share of the largest one of the scene's aspect that the photograph holds. ``mirror``:
        mirror half of them. Sources with different ``stream`` numbers share no scene."""
        self._fingerprint = photos_fingerprint(split)
        if min(scene_px) < 1 or size < 1:
            raise UsageError(f"scene_px is {scene_px} and size is {size}; all of these are 1 or more")
        if not 0 < crop_frac[0] <= crop_frac[1] <= 1:
            raise UsageError(f"crop_frac is {crop_frac}; needed are two shares of an area, above 0 and up to 1")
        self.split, self.scene_px, self.size = split, scene_px, size
        self.crop_frac, self.mirror, self.stream = crop_frac, mirror, stream

    def __len__(self) -> int:
        return self.size

    @property
    def fingerprint(self) -> str:
        """Of the photographs, and of what is done to them."""
        names = ("split", "scene_px", "size", "crop_frac", "mirror", "stream")
        return "+".join([f"photos-{self._fingerprint}", *(f"{name}={getattr(self, name)}" for name in names)])

    def batch(self, indices: Indices, epoch_seed: int) -> Batch:
        """Scenes uint8 ``[n, 3, h, w]``; the target is their own pixels, uint8, in the same memory."""
        sizes_px, levels = _canvases(self.split)
        which, area, down, across, turn = uniforms(epoch_seed, indices, self.stream, shape=(5,)).T
        owner = (which * len(sizes_px)).astype(np.int64)
        boxes = self._boxes_px(sizes_px[owner], area, np.stack([down, across], -1))
        halvings = np.floor(np.log2((boxes[:, 2] - boxes[:, 0]) / self.scene_px[0])).clip(0, len(levels) - 1)
        pixels = np.empty((len(owner), 3, *self.scene_px), np.uint8)
        for level in np.unique(halvings).astype(int):
            rows = np.flatnonzero(halvings == level)
            pixels[rows] = crop_resize_flat(levels[level], owner[rows], boxes[rows] / 2**level, self.scene_px)
        if self.mirror:
            turned = turn < 0.5
            pixels[turned] = pixels[turned, :, :, ::-1]
        return Batch(scenes=ArrayScenes(pixels), target=torch.from_numpy(pixels), indices=indices)

    def _boxes_px(
        self, sizes_px: NDArray[np.float64], area: NDArray[np.float64], place: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """``[n, 4]`` (top, left, bottom, right) for draws ``area`` ``[n]`` and ``place`` ``[n, 2]`` in (0, 1)."""
        least, most = self.crop_frac
        scene_px = np.array(self.scene_px, np.float64)
        largest = scene_px * (sizes_px / scene_px).min(1, keepdims=True)
        part = largest * np.sqrt(least + (most - least) * area)[:, None]
        start = place * (sizes_px - part)
        return np.concatenate([start, start + part], axis=1)


@cache
def _canvases(split: Split) -> tuple[NDArray[np.float64], list[NDArray[np.uint8]]]:
    """The (height, width) ``[m, 2]`` of each photograph, and all in one array ``[m, 3, S, S]``, then halved, and again.

    Each is continued by its border to a square, so that one call cuts parts of all, whatever their sizes.
    """
    photos = [photo.pixels for photo in load_photos(split)]
    sizes = np.array([pixels.shape[1:] for pixels in photos])
    side = -(-sizes.max() // 2 ** (NUM_LEVELS - 1)) * 2 ** (NUM_LEVELS - 1)
    squares = [
        np.pad(pixels, ((0, 0), (0, side - height), (0, side - width)), mode="edge")
        for pixels, (height, width) in zip(photos, sizes, strict=True)
    ]
    levels = [np.stack(squares)]
    while len(levels) < NUM_LEVELS:
        quads = levels[-1].reshape(len(photos), 3, len(levels[-1][0, 0]) // 2, 2, -1, 2).astype(np.uint16)
        levels.append(((quads.sum((3, 5)) + 2) // 4).astype(np.uint8))
    return sizes.astype(np.float64), levels
