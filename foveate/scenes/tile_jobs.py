"""From a look to tiles and back: which level, which tiles, and how they become the look's pixels.

What is planned depends on the look and the picture alone. Shape letters: h x w pixels, C bands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.geometry.parts import CropPlan, bands_of, plan_crop
from foveate.geometry.viewpoint import SNAP_PX
from foveate.scenes.pyramid import Level, Pyramid, downsample
from foveate.scenes.tile_cache import Key, Tile

MAX_WINDOW_PX = 1 << 22  # a look that reads more (it is long and thin) is put together in bands
TINY = 1e-9  # a look may have no extent
SPARE = 1.01  # a level may be this much coarser than wanted: sizes of levels are rounded to whole pixels


@dataclass(frozen=True, kw_only=True)
class Job:
    """A look, or a band of one."""

    look: int
    place: tuple[slice, slice]  # rows and columns of the glimpse
    plan: CropPlan
    tile_px: tuple[int, int]
    keys: tuple[Key, ...]  # the tiles that it needs

    def window(self, glimpse: NDArray[Any]) -> NDArray[Any]:
        """Where the tiles are put together: in the glimpse ``[C, h, w]`` itself, if it is a copy of them."""
        if self.plan.is_copy:
            return glimpse[:, self.place[0], self.place[1]]
        return np.zeros((len(glimpse), *self.plan.window_px), glimpse.dtype)

    def paste(self, window: NDArray[Any], key: Key, tile: Tile) -> None:
        """What the tile shares with the window."""
        _paste(window, self.plan, tile.pixels, (key[2] * self.tile_px[0], key[3] * self.tile_px[1]))

    def finish(self, glimpse: NDArray[Any], window: NDArray[Any]) -> None:
        """Write the pixels into the look's glimpse, once all tiles are there."""
        if not self.plan.is_copy:
            glimpse[:, self.place[0], self.place[1]] = self.plan.crop(window)


def level_of(pyramid: Pyramid, box_px: NDArray[np.float64], size_px: tuple[int, int], *, antialias: bool = True) -> int:
    """The coarsest level that is as fine as a look asks for; for point sampling the finest, as others are averages."""
    if not antialias:
        return 0
    top, left, bottom, right = box_px.tolist()
    height, width = pyramid.levels[0].size_px
    least = height * size_px[0] / (bottom - top + TINY), width * size_px[1] / (right - left + TINY)
    number = 0
    for coarser in pyramid.levels[1:]:
        if coarser.size_px[0] * SPARE < least[0] or coarser.size_px[1] * SPARE < least[1]:
            break
        number += 1
    return number


def jobs_of(
    pyramid: Pyramid, box_px: NDArray[np.float64], size_px: tuple[int, int], *, look: int, picture: int, antialias: bool
) -> Iterator[Job]:
    """How a box ``[4]`` of the picture becomes a glimpse of ``size_px``; in one go unless it is long and thin."""
    number = level_of(pyramid, box_px, size_px, antialias=antialias)
    level = pyramid.levels[number]
    box = _at_level(box_px, pyramid, number)
    plan = plan_crop(box, level.size_px, size_px, antialias=antialias)
    count = -(-prod(plan.window_px) // MAX_WINDOW_PX)
    if count == 1 or plan.is_copy:
        yield _job(plan, level, (slice(0, size_px[0]), slice(0, size_px[1])), look, (picture, number))
        return
    axis = int(np.argmax(plan.window_px))
    for few, part in bands_of(box, size_px, axis=axis, count=count):
        place = (few, slice(0, size_px[1])) if axis == 0 else (slice(0, size_px[0]), few)
        part_px = (few.stop - few.start, size_px[1]) if axis == 0 else (size_px[0], few.stop - few.start)
        plan = plan_crop(part, level.size_px, part_px, antialias=antialias)
        yield _job(plan, level, place, look, (picture, number))


def _at_level(box_px: NDArray[np.float64], pyramid: Pyramid, number: int) -> NDArray[np.float64]:
    if number == 0:
        return box_px
    box = box_px / np.tile(downsample(pyramid, number), 2)
    nearest = np.round(box)
    box = np.where(np.abs(box - nearest) < SNAP_PX, nearest, box)
    return np.clip(box, 0, np.tile(pyramid.levels[number].size_px, 2))


def _job(plan: CropPlan, level: Level, place: tuple[slice, slice], look: int, where: tuple[int, int]) -> Job:
    rows, cols = plan.rows.parts(level.tile_px[0]), plan.cols.parts(level.tile_px[1])
    keys = tuple((*where, row, col) for row in rows for col in cols)
    return Job(look=look, place=place, plan=plan, tile_px=level.tile_px, keys=keys)


def _paste(window: NDArray[Any], plan: CropPlan, pixels: NDArray[Any], at: tuple[int, int]) -> None:
    """What a tile ``[h, w, C]`` at ``at`` shares with the window ``[C, ...]``."""
    inside, of_tile = [], []
    for axis, start, side in zip((plan.rows, plan.cols), at, pixels.shape, strict=False):
        first, last = max(axis.window[0], start), min(axis.window[1], start + side)
        inside.append(slice(first - axis.window[0], last - axis.window[0]))
        of_tile.append(slice(first - start, last - start))
    window[:, inside[0], inside[1]] = pixels[of_tile[0], of_tile[1]].transpose(2, 0, 1)
