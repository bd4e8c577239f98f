"""One opened picture that is stored in tiles, perhaps at several sizes: what every reader of giants offers.

Shape letters: h x w pixels of a tile, C bands.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from foveate.errors import SceneError
from foveate.scenes.tile_cache import Tile

MAX_PX = 1 << 40
MAX_TILE_PX = 1 << 26  # 67 million: what has to be decoded at once
MAX_BANDS = 4096
MIN_STEP = 1.2  # a level that is hardly smaller than the last one is of no use

GeoTransform = tuple[float, float, float, float, float, float]


class LostTileError(SceneError):
    """The content of one tile is damaged; the rest of the picture can be read. ``read_bytes`` were fetched for it."""

    def __init__(self, message: str, *, path: str | None = None, read_bytes: int = 0) -> None:
        super().__init__(message, path=path)
        self.read_bytes = read_bytes


@dataclass(frozen=True, kw_only=True)
class Level:
    """A picture at one size, cut into a regular grid of tiles; those at the far borders may be smaller."""

    size_px: tuple[int, int]  # (height, width)
    tile_px: tuple[int, int]

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of tiles."""
        return -(-self.size_px[0] // self.tile_px[0]), -(-self.size_px[1] // self.tile_px[1])

    def tile_size_px(self, row: int, col: int) -> tuple[int, int]:
        """Of one tile, cut at the border."""
        (height, width), (down, across) = self.size_px, self.tile_px
        return min(down, height - row * down), min(across, width - col * across)


class Pyramid(Protocol):
    """An opened picture. All methods may be called from several threads at once.

    Fact, None when absent: ``crs``, what ``geo_transform`` leads to: "EPSG:32633", or in words (WKT)."""

    name: str
    """The path or address."""
    levels: tuple[Level, ...]
    """The finest first; all show the same."""
    num_bands: int
    dtype: np.dtype[Any]
    has_alpha: bool
    """Whether the last band is opacity."""
    um_per_px: tuple[float, float] | None
    """Height and width of a pixel of the finest level, in micrometres."""
    geo_transform: GeoTransform | None
    """(a, b, c, d, e, f): the pixel corner (row, col) lies at x = a col + b row + c, y = d col + e row + f."""

    def tile_bytes(self, level: int) -> NDArray[np.int64]:
        """Bytes that fetching each tile takes, or the most that it could take, ``[rows, cols]``."""

    def read_tile(self, level: int, row: int, col: int) -> Tile:
        """Pixels ``[h, w, C]`` of a tile, cut at the border, as stored.

        Raises LostTileError for a damaged one, any other SceneError if the picture cannot be read any more."""


def downsample(pyramid: Pyramid, level: int) -> tuple[float, float]:
    """Pixels of the finest level per pixel of another, on either axis."""
    full, size = pyramid.levels[0].size_px, pyramid.levels[level].size_px
    return full[0] / size[0], full[1] / size[1]


def checked(pyramid: Pyramid, *, max_px: int = MAX_PX) -> Pyramid:
    """The same, or a SceneError for sizes that no memory could hold or no picture could have."""
    name, full = pyramid.name, pyramid.levels[0]
    if any(side < 1 for level in pyramid.levels for side in (*level.size_px, *level.tile_px)):
        raise SceneError(f"declares a picture without pixels ({full.size_px}): remove it", path=name)
    if prod(full.size_px) > max_px:
        raise SceneError(
            f"declares {full.size_px[0]} x {full.size_px[1]} pixels, more than the {max_px:,} that are allowed: raise "
            "max_px if you trust it",
            path=name,
        )
    if not 1 <= pyramid.num_bands <= MAX_BANDS:
        raise SceneError(f"declares {pyramid.num_bands} bands; 1 to {MAX_BANDS} are read", path=name)
    for level in pyramid.levels:
        tile_px = prod(level.tile_size_px(0, 0))
        if tile_px * max(1, pyramid.num_bands // 4) > MAX_TILE_PX:
            raise SceneError(
                f"is stored in tiles of {level.tile_px[0]} x {level.tile_px[1]} pixels, which must be decoded whole; "
                f"{MAX_TILE_PX:,} pixels are the most: save it in tiles, for instance with "
                "`vips tiffsave IN OUT --tile --pyramid --bigtiff`",
                path=name,
            )
    return pyramid


def coarser(levels: list[tuple[Level, Any]], *, tolerance: float = 0.02) -> list[tuple[Level, Any]]:
    """Those that are the first one, shrunk: of its shape, each clearly smaller than the last; other things carried."""
    first = levels[0]
    chosen = [first]
    for level, thing in sorted(levels[1:], key=lambda pair: -prod(pair[0].size_px)):
        if 0 in level.size_px:
            continue
        steps = [a / b for a, b in zip(first[0].size_px, level.size_px, strict=True)]
        spare = [step / min(level.size_px) for step in steps]  # a level's size is rounded to whole pixels
        same_shape = abs(steps[0] - steps[1]) <= tolerance * max(steps) + max(spare)
        if same_shape and level.size_px[0] * MIN_STEP <= chosen[-1][0].size_px[0] + 1:
            chosen.append((level, thing))
    return chosen
