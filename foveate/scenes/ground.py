"""The ground of procedural scenes, at any level: a photograph from afar, and the grain of its surfaces close up.

A window of a photograph is stretched over the scene, bilinearly, so that the coarsest level shows it at about its own
resolution. Grain from the same photograph is laid over it: cells of CELL_PX that all fade into the same seam, so that
any may lie beside any; a hash of its place says which. Both are linear and aligned with the levels, so a pixel of any
level is the exact mean of what it covers, and costs the same at every level. Rounding is left to the caller.
Shape letters: C bands, r rows and c columns of what is painted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foveate.noise import uniforms
from foveate.scenes.backgrounds import PAINTERS
from foveate.scenes.levels import COARSEST_PX, num_levels
from foveate.scenes.painting import Field
from foveate.scenes.photos import Split, load_photos

Floats = NDArray[np.float32]
Places = NDArray[np.int64]

MIDDLE, SWING = np.float32(128), 64.0  # grey levels of a photograph at gain 1
PHOTO_PX = 256  # of the longer side of the photograph's window; the smallest photograph has 285
ORIGIN_STEP = PHOTO_PX // COARSEST_PX
SATURATION = 0.7  # muted, as surfaces are beside things that are meant to be seen
CELL_LEVELS = 8
CELL_PX, SEAM_PX = 1 << CELL_LEVELS, 24  # 280 px of the photograph; the smallest has 285
GRAIN_STD, MAX_GRAIN = 9.0, 28.0  # grey levels
NUM_CELLS = 8
PAINTED_PX = (432, 576)  # of paintings that stand in for photographs


@dataclass(frozen=True, kw_only=True)
class View:
    """How a scene shows its photograph."""

    size_px: tuple[int, int]
    """(height, width) of the scene."""
    origin: tuple[int, int]
    """Row and column of the photograph, mirrored or not, that lie at the scene's corner: multiples of ORIGIN_STEP."""
    mirrored: bool
    gain: float
    """Of the photograph's contrast."""
    light: Floats  # [C] grey levels that are added
    seed: int
    """Of the order of the grain's cells."""
    clutter: float
    """Share of the grain that is kept."""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """One photograph, prepared."""

    near: Floats  # [C, h, w] from -SWING to SWING; lines are drawn between the centres of its pixels
    far: tuple[Floats, ...]  # the mean of that surface over each pixel, and levels of these
    grain: tuple[Floats, ...]  # per level the cells [NUM_CELLS * side * side], flat; each cell's mean is 0

    def paint(self, view: View, level: int, rows: Places, cols: Places) -> Floats:
        """``[C, r, c]`` at pixels ``rows`` x ``cols`` of a level; a pixel depends on its own place alone."""
        depth = level - photo_level(view.size_px)
        picture = self._far(view, depth, rows, cols) if depth >= 0 else self._near(view, 1 << -depth, rows, cols)
        if view.clutter and level <= CELL_LEVELS:
            picture += np.float32(view.clutter) * self._grain(level, rows, cols, view.seed)
        return picture

    def _far(self, view: View, depth: int, rows: Places, cols: Places) -> Floats:
        planes = self.far[depth][..., ::-1] if view.mirrored else self.far[depth]
        top, left = (place >> depth for place in view.origin)
        window = planes[:, top + rows[0] : top + rows[-1] + 1, left + cols[0] : left + cols[-1] + 1]
        return _lit(window[:, rows - rows[0]][..., cols - cols[0]], view)

    def _near(self, view: View, texel_px: int, rows: Places, cols: Places) -> Floats:
        planes = self.near[..., ::-1] if view.mirrored else self.near
        down = _Stretch.over(rows, texel_px=texel_px, origin=view.origin[0], size_px=planes.shape[1])
        across = _Stretch.over(cols, texel_px=texel_px, origin=view.origin[1], size_px=planes.shape[2])
        few = _lit(planes[:, down.first : down.last + 1, across.first : across.last + 1], view)
        left = few.take(across.low, 2)
        wide = left + (few.take(across.high, 2) - left) * across.share
        picture, below = wide.take(down.low, 1), wide.take(down.high, 1)
        below -= picture
        below *= down.share[:, None]
        picture += below
        return picture

    def _grain(self, level: int, rows: Places, cols: Places, seed: int) -> Floats:
        bits = CELL_LEVELS - level
        side = 1 << bits
        cell_rows, row_of = _cells_of(rows >> bits)
        cell_cols, col_of = _cells_of(cols >> bits)
        which = (uniforms(seed, cell_rows[:, None], cell_cols[None]) * NUM_CELLS).astype(np.int32) << (2 * bits)
        at = which.take(col_of, 1) + (cols & (side - 1)).astype(np.int32)
        index = at.take(row_of, 0)
        index += ((rows & (side - 1)) << bits).astype(np.int32)[:, None]
        return self.grain[level].take(index)


def photo_level(size_px: tuple[int, int]) -> int:
    """The level at which a pixel of the photograph is a pixel of the scene."""
    return num_levels(size_px, coarsest_px=PHOTO_PX) - 1


def _lit(planes: Floats, view: View) -> Floats:
    return planes * np.float32(view.gain) + (view.light + MIDDLE)[:, None, None]


def _cells_of(numbers: Places) -> tuple[Places, Places]:
    """The cells of an axis that are needed, and which of them each pixel is in."""
    first, last = int(numbers[0]), int(numbers[-1])
    if last - first < len(numbers):
        return np.arange(first, last + 1), numbers - first
    return np.unique(numbers, return_inverse=True)


@dataclass(frozen=True, kw_only=True)
class _Stretch:
    """Which two photograph pixels each painted pixel of an axis lies between, and how far towards the second."""

    first: int
    last: int
    low: Places  # counted from `first`
    high: Places
    share: Floats

    @classmethod
    def over(cls, places: Places, *, texel_px: int, origin: int, size_px: int) -> _Stretch:
        at = (places + 0.5) / texel_px - 0.5  # exact: the denominators are powers of two
        below = np.floor(at)
        share = (at - below).astype(np.float32)
        low = np.clip(below.astype(np.int64) + origin, 0, size_px - 1)
        high = np.clip(below.astype(np.int64) + origin + 1, 0, size_px - 1)
        first = int(low[0])
        return cls(first=first, last=int(high[-1]), low=low - first, high=high - first, share=share)


def num_grounds(kind: str, split: Split) -> int:
    """How many photographs, or paintings of a kind, a split has."""
    return len(_pictures(kind, split)[0])


def sizes_px(kind: str, split: Split) -> NDArray[np.int64]:
    """(height, width) ``[p, 2]`` of each."""
    return np.array(_pictures(kind, split)[1], np.int64)


@lru_cache(maxsize=80)
def load_ground(kind: str, split: Split, number: int, bands: int) -> Ground:
    """Prepared at the first call, then kept: about 5 MB each."""
    picture = _pictures(kind, split)[0][number]()
    luma = np.float32(0.299) * picture[0] + np.float32(0.587) * picture[1] + np.float32(0.114) * picture[2]
    planes = luma[None] if bands == 1 else luma + SATURATION * (picture - luma)
    height, width = (side // ORIGIN_STEP * ORIGIN_STEP for side in luma.shape)  # so that mirrored levels are levels
    near = ((2 * np.clip(planes[:, :height, :width], 0, 1) - 1) * SWING).astype(np.float32)
    far = _halved(_texel_means(near), ORIGIN_STEP.bit_length() - 1)
    grain = _halved(_cells(luma * 255), CELL_LEVELS)
    return Ground(near=near, far=far, grain=tuple(level.reshape(-1) for level in grain))


def _pictures(kind: str, split: Split) -> tuple[list[Callable[[], Field]], list[tuple[int, int]]]:
    """How to have each picture ``[3, h, w]`` in 0..1, and its size. Paintings of both splits differ too."""
    if kind == "photos":
        photos = load_photos(split)
        sizes = [(photo.pixels.shape[1], photo.pixels.shape[2]) for photo in photos]
        return [lambda pixels=photo.pixels: pixels.astype(np.float32) / 255 for photo in photos], sizes  # type: ignore[misc]
    paint, count = PAINTERS[kind]
    first = 0 if split == "train" else count
    numbers = range(first, first + count)
    return [lambda number=number: _painted(paint, number) for number in numbers], [PAINTED_PX] * count  # type: ignore[misc]


def _painted(paint: Callable[[int, tuple[int, int]], Field], number: int) -> Field:
    picture = paint(number, PAINTED_PX)
    picture = np.repeat(picture[..., None], 3, -1) if picture.ndim == 2 else picture
    return np.clip(picture, 0, 1).transpose(2, 0, 1).astype(np.float32)


def _texel_means(near: Floats) -> Floats:
    """The mean over a pixel of lines drawn between pixel centres: an eighth of each neighbour."""
    for axis in (1, 2):
        padded = np.pad(near, [(1, 1) if a == axis else (0, 0) for a in range(3)], mode="edge")
        lower, upper = (np.take(padded, np.arange(near.shape[axis]) + shift, axis) for shift in (0, 2))
        near = np.asarray((lower + 6 * near + upper) / 8, np.float32)
    return near


def _cells(luma: Floats) -> Floats:
    """``[NUM_CELLS, CELL_PX, CELL_PX]``: what is fine in a photograph, of even strength, with one seam for all."""
    fine = luma - _blurred(luma)
    strength = np.sqrt(np.maximum(_blurred(fine**2), 0))
    fine = fine / (strength + 4)  # smooth skies keep little grain, walls and leaves most
    fine = fine * np.float32(GRAIN_STD / fine.std())
    room = [side - CELL_PX - SEAM_PX for side in luma.shape]
    window = CELL_PX + SEAM_PX
    corners = [(round(room[0] * y), round(room[1] * x)) for y, x in ((0.5, 0.5), (0, 0), (1, 1), (0, 1))]
    crops = [fine[top : top + window, left : left + window] for top, left in corners]
    seam = _wrapped(_wrapped(crops[0], 0), 1)
    cells = [_within(seam, turned[:CELL_PX, :CELL_PX]) for crop in crops for turned in (crop, crop[:, ::-1])]
    limited = np.clip(np.stack(cells), -MAX_GRAIN + 1, MAX_GRAIN - 1)  # the last one is for the mean
    return np.asarray(limited - limited.mean((1, 2), keepdims=True), np.float32)


def _blurred(field: Floats, factor: int = 24) -> Floats:
    small = (max(1, field.shape[1] // factor), max(1, field.shape[0] // factor))
    coarse = Image.fromarray(field).resize(small, Image.Resampling.BOX)
    return np.asarray(coarse.resize(field.shape[::-1], Image.Resampling.BICUBIC))


def _wrapped(field: Floats, axis: int) -> Floats:
    """Cut by SEAM_PX along an axis, so that its end goes on at its beginning; fading keeps the strength."""
    moved = np.moveaxis(field, axis, 0)
    share = ((np.arange(SEAM_PX, dtype=np.float32) + 0.5) / SEAM_PX)[:, None]
    whole = moved[:-SEAM_PX].copy()
    whole[:SEAM_PX] = np.sqrt(share) * moved[:SEAM_PX] + np.sqrt(1 - share) * moved[-SEAM_PX:]
    return np.moveaxis(whole, 0, axis)


def _within(seam: Floats, inner: Floats) -> Floats:
    distance = np.minimum(np.arange(CELL_PX), np.arange(CELL_PX)[::-1]).astype(np.float32)
    share = np.clip((np.minimum(distance[:, None], distance) - 2) / SEAM_PX, 0, 1)
    return np.asarray(np.sqrt(share) * inner + np.sqrt(1 - share) * seam, np.float32)


def _halved(planes: Floats, times: int) -> tuple[Floats, ...]:
    """Levels of planes ``[p, h, w]``: each pixel is the mean of four."""
    levels = [planes.astype(np.float64)]
    for _ in range(times):
        fine = levels[-1]
        levels.append((fine[:, ::2, ::2] + fine[:, 1::2, ::2] + fine[:, ::2, 1::2] + fine[:, 1::2, 1::2]) / 4)
    return tuple(level.astype(np.float32) for level in levels)
