"""Smaller sizes of a picture that has none, or too few: made of its tiles when they are looked at.

A pixel of a made level is the average of 4 x 4 pixels of the level below. So whatever is looked at, only a few pixels
per glimpse pixel are ever put together, and a second glance costs nothing as long as the made tiles are kept; the first
one has to decode all that lies beneath, tile by tile.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.scenes.pyramid import Level, LostTileError, Pyramid
from foveate.scenes.tile_cache import Tile

STEP = 4
MAX_GAP = 2.0 * STEP  # levels further apart get others between them
ENOUGH_PX = 1 << 22  # a level of so many pixels is small enough to be put together as a whole
MADE_TILE_PX, MADE_PX = 256, 1 << 20  # about how long a side is; about how many at most


def thinned(pyramid: Pyramid) -> Pyramid:
    """The picture with made levels where it lacks some; itself if it lacks none."""
    levels: list[tuple[Level, int | None]] = []  # with the number of the stored level
    for number, level in enumerate(pyramid.levels):
        levels.append((level, number))
        rest = pyramid.levels[number + 1 :]
        while _is_far(levels[-1][0], rest[0] if rest else None):
            levels.append((_made(levels[-1][0]), None))
    return pyramid if len(levels) == len(pyramid.levels) else ThinnedPyramid(pyramid, levels)


def _is_far(level: Level, then: Level | None) -> bool:
    if then is None:
        return prod(level.size_px) > ENOUGH_PX
    return max(a / b for a, b in zip(level.size_px, then.size_px, strict=True)) > MAX_GAP


def _made(below: Level) -> Level:
    """Whole tiles below make one above, so none is decoded for two; and it stays small, however wide strips are."""
    size = (-(-below.size_px[0] // STEP), -(-below.size_px[1] // STEP))
    across = min(_side(below.tile_px[1], MADE_TILE_PX), size[1])
    down = min(_side(below.tile_px[0], min(MADE_TILE_PX, max(1, MADE_PX // across))), size[0])
    return Level(size_px=size, tile_px=(down, across))


def _side(below_px: int, about_px: int) -> int:
    """The side of a made tile: of whole tiles below, and about so long."""
    least = STEP // gcd(below_px, STEP)  # tiles whose length STEP divides
    return below_px * least * max(1, STEP * about_px // (below_px * least)) // STEP


class ThinnedPyramid:
    """A picture and its made levels."""

    def __init__(self, pyramid: Pyramid, levels: list[tuple[Level, int | None]]) -> None:
        self._stored = pyramid
        self._number = [number for _, number in levels]
        self.levels = tuple(level for level, _ in levels)
        self.name, self.num_bands, self.dtype = pyramid.name, pyramid.num_bands, pyramid.dtype
        self.has_alpha, self.um_per_px, self.geo_transform = (
            pyramid.has_alpha, pyramid.um_per_px, pyramid.geo_transform,
        )  # fmt: skip
        self.crs: str | None = getattr(pyramid, "crs", None)

    def tile_bytes(self, level: int) -> NDArray[np.int64]:
        """Of a made tile: of all that lies beneath it."""
        number = self._number[level]
        if number is not None:
            return self._stored.tile_bytes(number)
        found = self.tile_bytes(level - 1)
        for axis, many in enumerate(self._tiles_beneath(level)):
            found = np.add.reduceat(found, np.arange(0, found.shape[axis], many), axis=axis)
        return found

    def read_tile(self, level: int, row: int, col: int) -> Tile:
        """A made tile whose parts are broken shows zeros there; one without any whole part is lost."""
        number = self._number[level]
        if number is not None:
            return self._stored.read_tile(number, row, col)
        here, below = self.levels[level], self.levels[level - 1]
        top, left = row * here.tile_px[0], col * here.tile_px[1]
        sums = np.zeros((*here.tile_size_px(row, col), self.num_bands), self._sum_type)
        decoded_px, read_bytes, broken, num_whole = 0, 0, list[str](), 0
        for part_row, part_col in self._beneath(level, row, col):
            try:
                part = self.read_tile(level - 1, part_row, part_col)
            except LostTileError as error:
                read_bytes += error.read_bytes
                broken.append(str(error))
                continue
            num_whole += 1
            decoded_px, read_bytes = decoded_px + part.decoded_px, read_bytes + part.read_bytes
            broken.extend(part.broken)
            at = part_row * below.tile_px[0] - STEP * top, part_col * below.tile_px[1] - STEP * left
            _add(sums, part.pixels, at)
        if not num_whole:
            raise LostTileError("; ".join(broken[:3]), read_bytes=read_bytes)
        pixels = _means(sums, (below.size_px[0] - STEP * top, below.size_px[1] - STEP * left), self.dtype)
        return Tile(pixels=pixels, decoded_px=decoded_px, read_bytes=read_bytes, broken=tuple(broken))

    @property
    def _sum_type(self) -> type[np.generic]:
        return np.uint32 if self.dtype.kind == "u" and self.dtype.itemsize <= 2 else np.float64

    def _tiles_beneath(self, level: int) -> tuple[int, int]:
        """Rows and columns of tiles that make one."""
        here, below = self.levels[level].tile_px, self.levels[level - 1].tile_px
        return -(-STEP * here[0] // below[0]), -(-STEP * here[1] // below[1])

    def _beneath(self, level: int, row: int, col: int) -> Iterator[tuple[int, int]]:
        down, across = self._tiles_beneath(level)
        rows, cols = self.levels[level - 1].grid
        for part_row in range(row * down, min((row + 1) * down, rows)):
            for part_col in range(col * across, min((col + 1) * across, cols)):
                yield part_row, part_col


def _add(sums: NDArray[Any], pixels: NDArray[Any], at: tuple[int, int]) -> None:
    """Sums over STEP x STEP of pixels ``[h, w, C]``, put where they belong; ``at``: where the pixels begin."""
    ahead = [start % STEP for start in at]
    behind = [-(start + side) % STEP for start, side in zip(at, pixels.shape, strict=False)]
    if any(ahead) or any(behind):
        pixels = np.pad(pixels, ((ahead[0], behind[0]), (ahead[1], behind[1]), (0, 0)))
    kind = np.uint16 if pixels.dtype.itemsize == 1 and pixels.dtype.kind == "u" else sums.dtype
    lines = pixels[0::STEP].astype(kind)
    for nth in range(1, STEP):
        lines += pixels[nth::STEP]
    steps = lines.reshape(lines.shape[0], -1, STEP, lines.shape[2])
    top, left = at[0] // STEP, at[1] // STEP
    here = sums[top : top + steps.shape[0], left : left + steps.shape[1]]
    for nth in range(STEP):
        here += steps[:, :, nth]


def _means(sums: NDArray[Any], rest_px: tuple[int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Of sums over STEP x STEP pixels, fewer at the border, ``rest_px`` pixels after the first."""
    counts = [np.minimum(STEP, rest - STEP * np.arange(side)) for rest, side in zip(rest_px, sums.shape, strict=False)]
    area = (counts[0][:, None] * counts[1])[..., None].astype(sums.dtype)
    return ((sums + area // 2) // area if dtype.kind == "u" else sums / area).astype(dtype)
