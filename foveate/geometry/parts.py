"""Crop-and-resize of a picture of which only a part is at hand: bit for bit what the whole picture would have given.

First a plan says which pixels a box touches; whoever holds the picture fetches those; then the plan is carried out.
Shape letters: C bands, h x w glimpse pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.geometry.resample import STRIP_PX, TILE_PX, Taps, axis_of, blend_in_cache, strips_of

Span = tuple[int, int]  # first and one past the last


@dataclass(frozen=True, kw_only=True)
class AxisPlan:
    """What one axis of a box reads."""

    window: Span
    """Pixels that an array for :meth:`CropPlan.crop` must cover."""
    strips: tuple[tuple[slice, Taps], ...]  # empty for an exact copy

    @cached_property
    def needed(self) -> NDArray[np.int64]:
        """Those of the pixels that count, ascending; the others may hold anything finite."""
        first, last = self.window
        if not self.strips:
            return np.arange(first, last)
        counts = np.zeros(last - first, np.bool_)
        for _, taps in self.shifted():
            start = int(taps.start[0])
            counts[start : start + taps.window_px] |= (taps.weights[0] > 0).any(0)
        return np.flatnonzero(counts) + first

    def parts(self, length_px: int) -> list[int]:
        """Which parts of the axis, cut into such lengths, hold pixels that count."""
        if not self.strips:
            return list(range(self.window[0] // length_px, (self.window[1] - 1) // length_px + 1))
        return np.unique(self.needed // length_px).tolist()

    def shifted(self) -> list[tuple[slice, Taps]]:
        """The strips, in the window's own pixels."""
        return [(few, replace(taps, start=taps.start - self.window[0])) for few, taps in self.strips]


@dataclass(frozen=True, kw_only=True)
class CropPlan:
    """One box of one picture, resized."""

    rows: AxisPlan
    cols: AxisPlan
    size_px: tuple[int, int]

    @property
    def is_copy(self) -> bool:
        """Whether the glimpse is the window itself."""
        return not self.rows.strips

    @property
    def window_px(self) -> tuple[int, int]:
        """Height and width of the window."""
        return self.rows.window[1] - self.rows.window[0], self.cols.window[1] - self.cols.window[0]

    def crop(self, window: NDArray[Any]) -> NDArray[Any]:
        """Glimpse ``[C, h, w]`` of the window's pixels ``[C, *window_px]``, in their dtype."""
        if self.is_copy:
            return window
        one = np.zeros(1, np.int64)
        return blend_in_cache(window[None], one, self.rows.shifted(), self.cols.shifted())[0]


def plan_crop(
    box_px: NDArray[np.float64], full_px: tuple[int, int], size_px: tuple[int, int], *, antialias: bool = True
) -> CropPlan:
    """How a box ``[4]`` (top, left, bottom, right) inside a picture of ``full_px`` becomes a glimpse of ``size_px``."""
    if _is_copy(box_px, size_px):
        return CropPlan(
            rows=_copied(int(box_px[0]), size_px[0]), cols=_copied(int(box_px[1]), size_px[1]), size_px=size_px
        )
    rows, cols = (
        axis_of(box_px[None, axis], box_px[None, axis + 2], full_px[axis], size_px[axis], antialias) for axis in (0, 1)
    )
    down, across = tuple(strips_of(rows, STRIP_PX)), tuple(strips_of(cols, TILE_PX))
    return CropPlan(rows=_blended(down), cols=_blended(across), size_px=size_px)


def bands_of(
    box_px: NDArray[np.float64], size_px: tuple[int, int], *, axis: int, count: int
) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """A box in ``count`` bands along an axis (0: rows): which pixels of the glimpse, and the box that gives them.

    A pixel comes out as in one go, but for rounding: the filter reads beyond the borders of a band."""
    num_out = size_px[axis]
    scale = (box_px[axis + 2] - box_px[axis]) / num_out
    step = -(-num_out // min(count, num_out))
    for first in range(0, num_out, step):
        last = min(first + step, num_out)
        band = box_px.copy()
        band[axis], band[axis + 2] = box_px[axis] + first * scale, box_px[axis] + last * scale
        yield slice(first, last), band


def _is_copy(box_px: NDArray[np.float64], size_px: tuple[int, int]) -> bool:
    """Whether a box lies on whole pixels and is not resized: then resampling copies it."""
    top, left, bottom, right = box_px.tolist()
    return (bottom - top, right - left) == size_px and top.is_integer() and left.is_integer()


def _copied(start: int, length: int) -> AxisPlan:
    return AxisPlan(window=(start, start + length), strips=())


def _blended(strips: tuple[tuple[slice, Taps], ...]) -> AxisPlan:
    starts = [int(taps.start[0]) for _, taps in strips]
    first, last = min(starts), max(start + taps.window_px for start, (_, taps) in zip(starts, strips, strict=True))
    return AxisPlan(window=(first, last), strips=strips)
