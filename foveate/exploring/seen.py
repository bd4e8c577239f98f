"""What was seen so far: every glimpse at its place and as coarse as it was sensed, the finest on top.

Pixels are not smoothed, so that what was not sampled does not seem to be known.
Shape letters: H x W canvas, h x w glimpse.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foveate.answers import Box
from foveate.drawing import Picture

CANVAS_SIDE_PX = 1024  # scenes up to this are shown pixel by pixel, larger ones shrunk


@dataclass(frozen=True, kw_only=True)
class Sight:
    """One read."""

    box_px: Box
    """In pixels of the scene."""
    pixels: Picture  # [h, w, 3]

    @property
    def step_px(self) -> float:
        """Scene pixels along a side per sample: 1 is native resolution, less is enlarged."""
        top, left, bottom, right = self.box_px
        height, width = self.pixels.shape[:2]
        return math.sqrt((bottom - top) * (right - left) / (height * width))


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Where ``mask`` is False nothing was seen, and the pixels mean nothing."""

    pixels: Picture  # [H, W, 3]
    mask: NDArray[np.bool_]  # [H, W]

    @property
    def share(self) -> float:
        """Of the scene's area that was covered, however coarsely."""
        return float(self.mask.mean())


def canvas_size(size_px: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of the canvas of a scene."""
    scale = min(1.0, CANVAS_SIDE_PX / max(size_px))
    return max(round(size_px[0] * scale), 1), max(round(size_px[1] * scale), 1)


def seen_so_far(sights: Sequence[Sight], size_px: tuple[int, int]) -> Seen:
    """All sights on the canvas of a scene of ``size_px`` (height, width); of two as fine, the later one on top."""
    height, width = canvas_size(size_px)
    pixels, mask = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), bool)
    scale = np.array([height / size_px[0], width / size_px[1]] * 2)
    for sight in sorted(sights, key=lambda one: -one.step_px):
        box = np.array(sight.box_px) * scale
        rows, cols = (_covered(box[axis], box[axis + 2], pixels.shape[axis]) for axis in (0, 1))
        pixels[rows, cols] = _resampled(sight.pixels, box, rows, cols)
        mask[rows, cols] = True
    return Seen(pixels=pixels, mask=mask)


def _covered(low: float, high: float, size: int) -> slice:
    """The pixels of an axis whose centres lie between two edges; the nearest one where there is none."""
    start, stop = math.ceil(low - 0.5), math.ceil(high - 0.5)
    if stop <= start:
        start = min(max(math.floor((low + high) / 2), 0), size - 1)
        stop = start + 1
    return slice(max(start, 0), min(stop, size))


def _resampled(pixels: Picture, box: NDArray[np.float64], rows: slice, cols: slice) -> Picture:
    """A glimpse of a box as the canvas pixels ``rows`` x ``cols``: averaged where it is finer, else the nearest."""
    shape = (rows.stop - rows.start, cols.stop - cols.start)
    if shape[0] < pixels.shape[0] or shape[1] < pixels.shape[1]:
        return np.asarray(Image.fromarray(pixels).resize((shape[1], shape[0]), Image.Resampling.BOX))
    nearest = []
    for axis, part in enumerate((rows, cols)):
        low, high = box[axis], box[axis + 2]
        at = (np.arange(part.start, part.stop) + 0.5 - low) / (high - low) * pixels.shape[axis]
        nearest.append(at.astype(int).clip(0, pixels.shape[axis] - 1))
    picked: Picture = pixels[nearest[0][:, None], nearest[1]]
    return picked
