"""Georeferenced rasters that GDAL reads (IMG, VRT, JPEG 2000, GeoTIFF, ...) through rasterio; needs the extra `geo`.

GDAL's overviews are the levels. It does not say how many bytes a block took, so the ledger gives each block its share
of the file, by its pixels; and its own cache of blocks (``GDAL_CACHEMAX``, 5 % of the memory) lies below ours.
"""

from __future__ import annotations

import threading
import warnings
from math import prod
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.errors import SceneError, require_extra
from foveate.scenes.pyramid import GeoTransform, Level, LostTileError, Pyramid, coarser
from foveate.scenes.pyramid_scenes import PyramidScenes
from foveate.scenes.tile_cache import Tile

EXTRA = "geo"
ROWS_PX = 1 << 18  # thin blocks (rows) are read so many pixels at a time
_opening = threading.Lock()  # what warns is one list for all threads


class RasterScenes(PyramidScenes):
    """A scene batch over rasters."""

    @staticmethod
    def open_picture(picture: str | PathLike[str]) -> Pyramid:
        return RasterPyramid(fspath(picture))


class RasterPyramid:
    """One opened raster; see :class:`foveate.scenes.pyramid.Pyramid`."""

    um_per_px: tuple[float, float] | None = None

    def __init__(self, path: str) -> None:
        self._rasterio = require_extra("rasterio", EXTRA)
        self.name = path
        self._local = threading.local()  # a data set of GDAL belongs to one thread
        first = self._opened(None)
        self._overviews = [None, *range(len(first.overviews(1)))]
        levels = coarser([(self._level(number), number) for number in self._overviews])
        self.levels, self._overviews = tuple(level for level, _ in levels), [number for _, number in levels]
        kinds = set(first.dtypes)
        if len(kinds) > 1 or np.dtype(first.dtypes[0]).kind not in "uif":
            raise SceneError(f"holds bands of {sorted(kinds)}: convert them to one kind of numbers", path=path)
        self.dtype, self.num_bands = np.dtype(first.dtypes[0]), int(first.count)
        colours = [each.name for each in first.colorinterp]
        self.has_alpha = colours[-1] == "alpha" and self.num_bands in (2, 4)
        a, b, c, d, e, f = first.transform[:6]
        self.geo_transform: GeoTransform | None = None if first.transform.is_identity else (a, b, c, d, e, f)
        self.crs = _crs_name(first.crs)
        self._bytes_per_px = _file_bytes(path, first) / sum(prod(level.size_px) for level in self.levels)

    def tile_bytes(self, level: int) -> NDArray[np.int64]:
        """Shares of the file."""
        rows, cols = self.levels[level].grid
        return np.array([[self._tile_share(level, row, col) for col in range(cols)] for row in range(rows)], np.int64)

    def read_tile(self, level: int, row: int, col: int) -> Tile:
        """See the protocol."""
        here = self.levels[level]
        height, width = here.tile_size_px(row, col)
        window = self._rasterio.windows.Window(col * here.tile_px[1], row * here.tile_px[0], width, height)
        num_bytes = self._tile_share(level, row, col)
        try:
            values = self._opened(self._overviews[level]).read(window=window)
        except self._rasterio.errors.RasterioError as error:
            message = f"level {level}, tile ({row}, {col}) is damaged ({error.__cause__ or error})"
            raise LostTileError(message, path=self.name, read_bytes=num_bytes) from error
        return Tile(pixels=values.transpose(1, 2, 0), decoded_px=height * width, read_bytes=num_bytes)

    def _tile_share(self, level: int, row: int, col: int) -> int:
        return int(np.ceil(prod(self.levels[level].tile_size_px(row, col)) * self._bytes_per_px))

    def _level(self, overview: int | None) -> Level:
        opened = self._opened(overview)
        height, width = opened.height, opened.width
        down, across = opened.block_shapes[0] if opened.block_shapes else (256, 256)
        if across >= width and down * across < ROWS_PX:
            down = min(height, max(down, ROWS_PX // max(across, 1) // down * down))
        return Level(size_px=(height, width), tile_px=(down, across))

    def _opened(self, overview: int | None) -> Any:
        """A level's data set, opened by this thread."""
        opened = self._local.__dict__.setdefault("opened", {})
        if overview not in opened:
            options = {} if overview is None else {"overview_level": overview}
            try:
                with _opening, warnings.catch_warnings():
                    warnings.simplefilter("ignore", self._rasterio.errors.NotGeoreferencedWarning)
                    opened[overview] = self._rasterio.open(self.name, **options)
            except (self._rasterio.errors.RasterioError, OSError) as error:
                raise SceneError(f"is no raster that GDAL reads ({error})", path=self.name) from error
        return opened[overview]


def _crs_name(crs: Any) -> str | None:
    """By its number ("EPSG:32633") where it has one, else spelt out (WKT)."""
    if not crs:
        return None
    named = crs.to_authority()
    return ":".join(named) if named else str(crs.to_wkt())


def _file_bytes(path: str, opened: Any) -> int:
    """Of all files that the raster is made of; of what is no file, as if it were not compressed."""
    files = [Path(file) for file in opened.files if Path(file).is_file()]
    if files:
        return sum(file.stat().st_size for file in files)
    return int(opened.height * opened.width * opened.count * np.dtype(opened.dtypes[0]).itemsize)
