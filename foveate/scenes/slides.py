"""Whole-slide formats (NDPI, MRXS, SCN, BIF, VMS, SVS, tiled TIFF) through OpenSlide; needs the extra `wsi`.

OpenSlide does not say how many bytes a region took, so the ledger gives each tile its share of the file, by its pixels.
What lies outside the scanned area is transparent and becomes the slide's background colour, or white.
"""

from __future__ import annotations

from math import prod
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foveate.errors import SceneError, require_extra
from foveate.scenes.decode import regular_file_bytes
from foveate.scenes.pyramid import GeoTransform, Level, LostTileError, Pyramid
from foveate.scenes.pyramid_scenes import PyramidScenes
from foveate.scenes.sources import MAX_FILE_BYTES, is_address
from foveate.scenes.tile_cache import Tile

EXTRA = "wsi"
TILE_PX = 256  # where a format does not say its own
MOST_TILE_PX = 4096  # a side of a tile; formats of strips name whole rows


class SlideScenes(PyramidScenes):
    """A scene batch over slides."""

    @staticmethod
    def open_picture(picture: str | PathLike[str]) -> Pyramid:
        return SlidePyramid(fspath(picture))


class SlidePyramid:
    """One opened slide; see :class:`foveate.scenes.pyramid.Pyramid`."""

    num_bands = 3
    dtype = np.dtype(np.uint8)
    has_alpha = False
    geo_transform: GeoTransform | None = None

    def __init__(self, path: str) -> None:
        openslide = require_extra("openslide", EXTRA)
        self.name = path
        if is_address(path):
            raise SceneError("is an address; OpenSlide reads files only: download it first", path=path)
        self._file_bytes = regular_file_bytes(path, MAX_FILE_BYTES) + _beside_bytes(Path(path))
        self._openslide = openslide
        self._slide = self._opened()
        told = self._slide.properties
        self.levels = tuple(
            Level(size_px=(height, width), tile_px=(_side(told, number, "height"), _side(told, number, "width")))
            for number, (width, height) in enumerate(self._slide.level_dimensions)
        )
        self._steps = self._slide.level_downsamples
        self._ground = f"#{told.get('openslide.background-color', 'ffffff')}"
        sizes = [_number(told.get(f"openslide.mpp-{axis}")) for axis in "yx"]
        self.um_per_px = (sizes[0], sizes[1]) if sizes[0] and sizes[1] else None
        self._all_px = sum(prod(level.size_px) for level in self.levels)

    um_per_px: tuple[float, float] | None

    def tile_bytes(self, level: int) -> NDArray[np.int64]:
        """Shares of the file."""
        here, (rows, cols) = self.levels[level], self.levels[level].grid
        heights = np.array([here.tile_size_px(row, 0)[0] for row in range(rows)], np.float64)
        widths = np.array([here.tile_size_px(0, col)[1] for col in range(cols)], np.float64)
        return np.ceil(heights[:, None] * widths * (self._file_bytes / self._all_px)).astype(np.int64)

    def read_tile(self, level: int, row: int, col: int) -> Tile:
        here = self.levels[level]
        height, width = here.tile_size_px(row, col)
        corner = (round(col * here.tile_px[1] * self._steps[level]), round(row * here.tile_px[0] * self._steps[level]))
        num_bytes = int(np.ceil(height * width * (self._file_bytes / self._all_px)))
        region = self._region(corner, level, (width, height), f"level {level}, tile ({row}, {col})", num_bytes)
        ground = Image.new("RGBA", region.size, self._ground)
        pixels = np.asarray(Image.alpha_composite(ground, region).convert("RGB"))
        return Tile(pixels=pixels, decoded_px=height * width, read_bytes=num_bytes)

    def _opened(self) -> Any:
        try:
            return self._openslide.OpenSlide(self.name)
        except (self._openslide.OpenSlideError, OSError) as error:
            raise SceneError(f"is no slide that OpenSlide reads ({error})", path=self.name) from error

    def _region(self, corner: tuple[int, int], level: int, size: tuple[int, int], where: str, num_bytes: int) -> Any:
        """A slide that failed once fails for ever, also for other threads: so it is opened anew and asked once more."""
        try:
            return self._slide.read_region(corner, level, size)
        except self._openslide.OpenSlideError:
            fresh = self._opened()
        try:
            region = fresh.read_region(corner, level, size)
        except self._openslide.OpenSlideError as error:
            self._slide = self._opened()
            raise LostTileError(f"{where} is damaged ({error})", path=self.name, read_bytes=num_bytes) from error
        self._slide = fresh
        return region


def _side(told: Any, number: int, axis: str) -> int:
    """Of a tile, as the format says it."""
    side = _number(told.get(f"openslide.level[{number}].tile-{axis}"))
    return min(int(side), MOST_TILE_PX) if side else TILE_PX


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None


def _beside_bytes(path: Path) -> int:
    """Some formats keep the pixels in a folder of the same name."""
    folder = path.with_suffix("")
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file()) if folder.is_dir() else 0
