"""Reading procedural scenes: renders the pixels that a glimpse needs, at the level that it needs, and no others.

Level j is the picture averaged over 2^j x 2^j pixels, rounded once; a pyramid file of the scene holds the same levels.
That is exact but for one thing: where a thing covers a pixel partly, the ground is taken as even within that pixel.
Shape letters: n scenes, b looks, C bands, r rows and c columns painted, h x w glimpse.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from foveate.core import Glimpses
from foveate.errors import UsageError
from foveate.geometry.resample import crop_resize_flat
from foveate.geometry.viewpoint import Array
from foveate.scenes.layout import Layout, Style
from foveate.scenes.levels import level_size_px, levels_for
from foveate.scenes.reading import request, row_numbers, unpaid
from foveate.scenes.things import ThingPainter

REACH_PX = 2  # read beyond the filter, so that the edge of what was rendered is never felt

CHUNK_VALUES = 1 << 22  # float32 values rendered at a time: 16 MB, whatever is asked for


class ProceduralScenes:
    """A scene batch that is rendered where it is looked at.

    Ledger: ``decoded_px`` and ``read_bytes`` are 0: nothing is stored anywhere. Memory is bounded by the glimpses.
    """

    value_range = (0.0, 255.0)

    def __init__(self, layout: Layout, style: Style) -> None:
        self.layout, self.style = layout, style
        self.num_bands = style.bands
        self.num_levels = style.num_levels
        self.sizes_px: NDArray[np.int64] = np.tile(np.array(style.size_px, np.int64), (len(layout.grounds), 1))

    @cached_property
    def _things(self) -> ThingPainter:
        return ThingPainter(layers=self.style.layers(self.layout), stamps=self.style.stamps)

    def __len__(self) -> int:
        return len(self.sizes_px)

    def read(
        self, viewpoints: Array, size_px: tuple[int, int], valid: Array | None = None, *, antialias: bool = True
    ) -> Glimpses:
        """Glimpses ``[n, k, C, h, w]``, numpy uint8. Looks not valid are zeros."""
        looks = request(viewpoints, self.sizes_px, valid)
        kind = self._averaged if antialias else self._at_points
        return unpaid(looks.placed(kind(looks.owner, looks.boxes_px, size_px)))

    def max_read_bytes(self) -> NDArray[np.int64]:
        """Zeros ``[n]``: nothing is fetched."""
        return np.zeros(len(self), np.int64)

    def select(self, rows: Any) -> Self:
        """The given rows (indices or a mask)."""
        return type(self)(self.layout.select(row_numbers(rows, len(self))), self.style)

    def window(self, row: int, level: int, box_px: tuple[int, int, int, int]) -> NDArray[np.uint8]:
        """Pixels ``[C, r, c]`` of a level of one scene, (top, left, bottom, right) in that level's own pixels.

        UsageError for a level that there is not, or a box that is empty or sticks out."""
        if not 0 <= level < self.num_levels:
            raise UsageError(f"level is {level}; this scene has the levels 0 to {self.num_levels - 1}")
        height, width = level_size_px(self.style.size_px, level)
        top, left, bottom, right = box_px
        if not (0 <= top < bottom <= height and 0 <= left < right <= width):
            raise UsageError(f"the box {box_px} is not inside level {level} of {height} x {width} px")
        return self._paint(np.array([row]), level, np.array([[top, left]]), (bottom - top, right - left))[0]

    def _averaged(
        self, owner: NDArray[np.int64], boxes_px: NDArray[np.float64], size_px: tuple[int, int]
    ) -> NDArray[np.uint8]:
        levels = levels_for(boxes_px, size_px, self.num_levels)
        boxes = boxes_px / (1 << levels)[:, None]
        limits = -(-np.array(self.style.size_px) // (1 << levels)[:, None])
        spans = _spans(boxes, size_px, limits)
        pixels = np.empty((len(boxes), self.num_bands, *size_px), np.uint8)
        shapes = np.concatenate([levels[:, None], spans[:, 2:] - spans[:, :2]], 1)
        for few in _alike(shapes, most_values=CHUNK_VALUES // self.num_bands):
            level, height, width = shapes[few[0]].tolist()
            windows = self._paint(owner[few], level, spans[few, :2], (height, width))
            inside = boxes[few] - np.tile(spans[few, :2], 2)
            pixels[few] = crop_resize_flat(windows, np.arange(len(few)), inside, size_px)
        return pixels

    def _at_points(
        self, owner: NDArray[np.int64], boxes_px: NDArray[np.float64], size_px: tuple[int, int]
    ) -> NDArray[np.uint8]:
        """Between the four pixels around each point of full resolution; only those are rendered."""
        pixels = np.empty((len(boxes_px), self.num_bands, *size_px), np.uint8)
        for look, (top, left, bottom, right) in enumerate(boxes_px):
            rows, down = _neighbours(top, bottom, size_px[0], self.style.size_px[0])
            cols, across = _neighbours(left, right, size_px[1], self.style.size_px[1])
            ground, view = self.style.ground(self.layout, int(owner[look]))
            four = ground.paint(view, 0, rows, cols)
            self._things.paint_points(four, int(owner[look]), rows, cols)
            np.rint(four, out=four)
            tall = four[:, ::2] + (four[:, 1::2] - four[:, ::2]) * down[:, None]
            pixels[look] = np.rint(tall[..., ::2] + (tall[..., 1::2] - tall[..., ::2]) * across)
        return pixels

    def _paint(
        self, owner: NDArray[np.int64], level: int, corners: NDArray[np.int64], shape: tuple[int, int]
    ) -> NDArray[np.uint8]:
        """Windows ``[b, C, *shape]`` of a level at corners ``[b, 2]``. A pixel depends on its own place alone, so
        windows agree where they overlap."""
        pictures = np.empty((len(owner), self.num_bands, *shape), np.float32)
        for at, row in enumerate(owner.tolist()):
            ground, view = self.style.ground(self.layout, row)
            rows, cols = (corner + np.arange(side) for corner, side in zip(corners[at], shape, strict=True))
            pictures[at] = ground.paint(view, level, rows, cols)
        self._things.paint(pictures, owner, level, corners)
        return np.rint(pictures, out=pictures).astype(np.uint8)


def _alike(shapes: NDArray[np.int64], *, most_values: int) -> Iterator[NDArray[np.int64]]:
    """Rows of equal (level, height, width), so many at a time that they hold about so many pixels."""
    for shape in np.unique(shapes, axis=0):
        rows = np.flatnonzero((shapes == shape).all(1))
        many = max(1, most_values // int(shape[1] * shape[2]))
        yield from (rows[first : first + many] for first in range(0, len(rows), many))


def _spans(boxes: NDArray[np.float64], size_px: tuple[int, int], limits: NDArray[np.int64]) -> NDArray[np.int64]:
    """Whole pixels ``[b, 4]`` that boxes need to become ``size_px``, within pictures of ``limits`` ``[b, 2]``."""
    scale = (boxes[:, 2:] - boxes[:, :2]) / np.array(size_px)
    is_copy = ((scale == 1) & (boxes[:, :2] == np.floor(boxes[:, :2]))).all(1, keepdims=True)
    reach = np.where(is_copy, 0, np.ceil(np.maximum(scale, 1)) + REACH_PX)
    low = np.maximum(np.floor(boxes[:, :2]) - reach, 0)
    high = np.minimum(np.ceil(boxes[:, 2:]) + reach, limits)
    return np.concatenate([low, high], 1).astype(np.int64)


def _neighbours(low: float, high: float, num_out: int, limit: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The two pixels ``[2 * num_out]`` around each point of an axis; and how far towards the second the point lies."""
    at = low + (np.arange(num_out) + 0.5) * ((high - low) / num_out) - 0.5
    before = np.floor(at)
    both = np.clip(np.stack([before, before + 1], -1).reshape(-1), 0, limit - 1).astype(np.int64)
    return both, (at - before).astype(np.float32)
