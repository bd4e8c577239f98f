"""TIFF, BigTIFF, OME-TIFF, COG and SVS, in tiles, strips or rows, from a file or an address; needs the extra `wsi`.

The first picture of the file is the scene: the first frame of a series, with its channels as bands. Its smaller copies,
as SubIFDs or as further pages, are its levels; a file without any works too (see :mod:`.thinning` for what that costs).
Uncompressed pictures in one piece are read by rows, compressed strips whole.
"""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.errors import SceneError, missing_extra, require_extra
from foveate.scenes.pyramid import GeoTransform, Level, LostTileError, Pyramid, coarser
from foveate.scenes.pyramid_scenes import PyramidScenes
from foveate.scenes.sources import Source, SourceFile, open_source
from foveate.scenes.tiff_facts import crs, geo_transform, um_per_px
from foveate.scenes.tile_cache import Tile
from foveate.scenes.tile_sizes import declared_px

EXTRA = "wsi"
ROWS_PX = 1 << 18  # of an uncompressed picture in one piece, read at a time
MAX_PAGES = 1 << 12
SPARE_BYTES = 1 << 16  # an encoded tile may be so much larger than its pixels
NO_COMPRESSION, JPEG, YCBCR, PALETTE, MIN_IS_WHITE = 1, (6, 7, 33007, 34892), 6, 3, 0
IMAGE_CODECS = (33003, 33004, 33005, 34712, 34927, 50001)  # JPEG 2000, WebP: they say their size themselves
UNREADABLE = {5: "CMYK", 8: "CIELab", 9: "ICCLab", 10: "ITULab"}  # photometric interpretations
UNREADABLE_CODECS = {33003: "JPEG 2000 in YCbCr"}
ALPHA = (1, 2)  # kinds of extra samples

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # what matters raises; its notes would go to stderr


class TiffScenes(PyramidScenes):
    """A scene batch over TIFF files or addresses."""

    @staticmethod
    def open_picture(picture: str | PathLike[str] | Source) -> Pyramid:
        """A path, an address, or anything with ``name``, ``num_bytes`` and ``read(offset, size)``."""
        return TiffPyramid(picture if hasattr(picture, "read") else open_source(picture))  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class _Stored:
    """A level as it is stored: tiles, strips, or rows of one piece."""

    pages: tuple[Any, ...]  # tifffile's, one or more bands each
    level: Level
    is_rows: bool

    @cached_property
    def segments(self) -> int:
        """Of one page and plane."""
        rows, cols = self.level.grid
        return rows * cols


class TiffPyramid:
    """One opened TIFF; see :class:`foveate.scenes.pyramid.Pyramid`."""

    def __init__(self, source: Source) -> None:
        tifffile = require_extra("tifffile", EXTRA)
        self.name, self._source = source.name, source
        try:
            file = tifffile.TiffFile(io.BufferedReader(SourceFile(source)), name=source.name, _multifile=False)
            self._stored = _levels(file, source.name)
            self._page = self._stored[0].pages[0].keyframe
            self.um_per_px, self.geo_transform = um_per_px(file, self._page), geo_transform(self._page)
            self.crs = crs(self._page)
            self._prepare(tifffile)
        except SceneError:
            raise
        except MemoryError as error:
            raise SceneError("declares more tiles than fit into memory", path=self.name) from error
        except Exception as error:  # damaged headers make the parser raise nearly anything
            if isinstance(error, ImportError):
                raise
            detail = str(error) or type(error).__name__
            raise SceneError(f"is no readable TIFF, or damaged ({detail}): fetch it again", path=self.name) from error
        self.levels = tuple(stored.level for stored in self._stored)

    um_per_px: tuple[float, float] | None
    geo_transform: GeoTransform | None
    crs: str | None

    def tile_bytes(self, level: int) -> NDArray[np.int64]:
        """What the file says of its tiles."""
        stored, grid = self._stored[level], self.levels[level].grid
        if stored.is_rows:
            heights = [[stored.level.tile_size_px(row, 0)[0]] for row in range(grid[0])]
            return self._row_bytes(stored) * np.array(heights, np.int64)
        counts = [np.asarray(page.databytecounts, np.int64)[: self._planes * stored.segments] for page in stored.pages]
        every = np.concatenate([np.pad(each, (0, self._planes * stored.segments - len(each))) for each in counts])
        return every.reshape(-1, *grid).sum(0)

    def read_tile(self, level: int, row: int, col: int) -> Tile:
        """See the protocol. A tile that the file leaves out (sparse) is zeros."""
        stored = self._stored[level]
        decoded_px = read_bytes = 0
        parts: list[NDArray[Any]] = []
        for page in stored.pages:
            for plane in range(self._planes):
                try:
                    pixels, num_bytes = self._segment(stored, page, plane, row, col)
                except LostTileError as error:
                    message = f"level {level}, tile ({row}, {col}) is damaged ({error}): fetch the file again"
                    raise LostTileError(message, path=self.name, read_bytes=read_bytes + error.read_bytes) from error
                decoded_px += pixels.shape[0] * pixels.shape[1] if num_bytes else 0
                read_bytes += num_bytes
                parts.append(pixels)
        height, width = stored.level.tile_size_px(row, col)
        pixels = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)
        return Tile(pixels=self._shown(pixels[:height, :width]), decoded_px=decoded_px, read_bytes=read_bytes)

    def _prepare(self, tifffile: Any) -> None:
        """What holds for all tiles, checked once."""
        page = self._page
        compression = self._compression = int(page.compression)
        if compression != NO_COMPRESSION:
            try:
                tifffile.TIFF.DECOMPRESSORS[compression]
            except KeyError as error:
                if "imagecodecs" in str(error):
                    raise missing_extra("imagecodecs", EXTRA) from error
                raise SceneError(
                    f"is compressed by {getattr(page.compression, 'name', compression)}, which no codec of the extra "
                    f"{EXTRA!r} reads: save it with another compression",
                    path=self.name,
                ) from error
        photometric = int(page.photometric)
        is_plain_ycbcr = photometric == YCBCR and compression not in (*JPEG, *IMAGE_CODECS)
        kind = "YCbCr" if is_plain_ycbcr else UNREADABLE.get(photometric) or UNREADABLE_CODECS.get(compression)
        if kind is not None:
            raise SceneError(f"holds {kind}, which is not read here: save it as RGB", path=self.name)
        if page.dtype is None or np.dtype(page.dtype).kind not in "uifb":
            raise SceneError(f"holds pixels of {page.dtype}, which are not read: save them as numbers", path=self.name)
        orientation = int(page.tags.valueof(274, 1))
        if orientation != 1:
            raise SceneError(f"says that it is turned (orientation {orientation}): save it upright", path=self.name)
        self._planes = page.samplesperpixel if int(page.planarconfig) == 2 else 1
        samples, pages = int(page.samplesperpixel), len(self._stored[0].pages)
        self._colours = _colours(page) if photometric == PALETTE else None
        self._inverted = photometric == MIN_IS_WHITE
        self.num_bands = 3 if self._colours is not None else samples * pages
        extra = [int(kind) for kind in page.extrasamples]
        self.has_alpha = pages == 1 and samples in (2, 4) and len(extra) == 1 and extra[0] in ALPHA
        stored = np.dtype(page.dtype)
        self.dtype = np.dtype(np.uint8) if stored.kind == "b" or self._colours is not None else stored.newbyteorder("=")

    def _segment(self, stored: _Stored, page: Any, plane: int, row: int, col: int) -> tuple[NDArray[Any], int]:
        """Pixels ``[h, w, C]`` of a tile or strip of one plane, as far as it is stored, and the bytes they took."""
        if stored.is_rows:
            return self._rows(stored, page, row)
        index = plane * stored.segments + row * stored.level.grid[1] + col
        if index >= min(len(page.dataoffsets), len(page.databytecounts)):
            raise LostTileError("the file does not list it")
        offset, count = page.dataoffsets[index], page.databytecounts[index]
        keyframe = page.keyframe
        samples = 1 if self._planes > 1 else keyframe.samplesperpixel
        height, width = stored.level.tile_px
        if count == 0 or offset == 0:
            return np.full((height, width, samples), keyframe.nodata, keyframe.dtype), 0
        if count > 4 * height * width * samples * max(1, keyframe.dtype.itemsize) + SPARE_BYTES:
            raise LostTileError(f"it claims {count:,} bytes, too many for its pixels")
        content = self._read(offset, count)
        self._check_declared(content, (height, width))
        try:
            pixels = keyframe.decode(content, index, jpegtables=page.jpegtables)[0]
        except ImportError as error:
            raise missing_extra("imagecodecs", EXTRA) from error
        except Exception as error:  # codecs raise nearly anything
            raise LostTileError(str(error) or type(error).__name__, read_bytes=count) from error
        return pixels[0], count

    def _check_declared(self, content: bytes, most_px: tuple[int, int]) -> None:
        """Codecs that carry a size of their own could blow up a small tile into a huge one."""
        found = declared_px(content, self._compression, jpeg=JPEG, others=IMAGE_CODECS)
        if found is not None and (found[0] > most_px[0] or found[1] > most_px[1]):
            raise LostTileError(f"its content declares {found} pixels", read_bytes=len(content))

    def _rows(self, stored: _Stored, page: Any, row: int) -> tuple[NDArray[Any], int]:
        height, width = stored.level.tile_size_px(row, 0)
        row_bytes = self._row_bytes(stored)
        start = page.dataoffsets[0] + row * stored.level.tile_px[0] * row_bytes
        content = self._read(start, height * row_bytes)
        kind = page.keyframe.dtype.newbyteorder(page.keyframe.parent.byteorder)
        pixels = np.frombuffer(content, kind).reshape(height, width, -1)
        return pixels.astype(kind.newbyteorder("="), copy=False), len(content)

    def _row_bytes(self, stored: _Stored) -> int:
        page = stored.pages[0].keyframe
        return int(stored.level.size_px[1] * page.samplesperpixel * page.dtype.itemsize)

    def _read(self, offset: int, count: int) -> bytes:
        content = self._source.read(offset, count)
        if len(content) < count:
            raise LostTileError(f"{len(content)} of its {count} bytes are there", read_bytes=len(content))
        return content

    def _shown(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Bits, palettes and inverted grey as what they mean."""
        if self._colours is not None:
            return self._colours[np.minimum(pixels[..., 0], len(self._colours) - 1)]
        if pixels.dtype.kind == "b":
            pixels = pixels.astype(np.uint8) * np.uint8(255)
        if self._inverted and pixels.dtype.kind == "u":
            return np.iinfo(pixels.dtype).max - pixels
        return pixels


def _colours(page: Any) -> NDArray[np.uint8]:
    """``[entries, 3]``."""
    return (np.asarray(page.colormap).T >> 8).astype(np.uint8)


def _levels(file: Any, name: str) -> list[_Stored]:
    """The picture and its smaller copies, the finest first."""
    if len(file.pages) == 0:
        raise SceneError("holds no picture: fetch it again", path=name)
    candidates = _series(file) if file.is_ome else [[page] for page in _pages(file)]
    first = candidates[0][0].keyframe
    kind = (first.samplesperpixel, first.dtype, int(first.photometric), int(first.planarconfig), int(first.compression))
    stored = []
    for pages in candidates:
        page = pages[0].keyframe
        own = (page.samplesperpixel, page.dtype, int(page.photometric), int(page.planarconfig), int(page.compression))
        is_copy = page.is_tiled or page.is_reduced or not first.is_tiled  # a thumbnail of a slide is neither
        if pages is candidates[0] or (own == kind and is_copy and len(pages) == len(candidates[0])):
            stored.append(_as_stored(tuple(pages)))
    return [one for _, one in coarser([(one.level, one) for one in stored])]


def _pages(file: Any) -> list[Any]:
    """The first picture's page, its SubIFDs and, if they say that they are copies or are tiled, the other pages."""
    first = file.pages[0]
    others = [file.pages[number] for number in range(1, min(len(file.pages), MAX_PAGES))]
    inside = list(first.pages)[:MAX_PAGES] if first.subifds else []
    return [first, *inside, *(page.aspage() if hasattr(page, "aspage") else page for page in others)]


def _series(file: Any) -> list[list[Any]]:
    """Pages of an OME series: the first time and plane, all channels; of each level."""
    series = file.series[0]
    leading = [(axis, size) for axis, size in zip(series.axes, series.shape, strict=True) if axis not in "YXS"]
    numbers = np.arange(int(np.prod([size for _, size in leading], dtype=np.int64)))
    block = numbers.reshape([size for _, size in leading])
    chosen = np.atleast_1d(block[tuple(slice(None) if axis == "C" else 0 for axis, _ in leading)]).ravel()
    found = []
    for level in series.levels:
        pages = [level.pages[int(number)] for number in chosen if int(number) < len(level.pages)]
        if len(pages) == len(chosen) and all(page is not None for page in pages):
            found.append(pages)
    return found or [[file.pages[0]]]


def _as_stored(pages: tuple[Any, ...]) -> _Stored:
    page = pages[0].keyframe
    size = (int(page.imagelength), int(page.imagewidth))
    is_rows = (
        not page.is_tiled and int(page.compression) == NO_COMPRESSION and len(page.dataoffsets) == 1
        and page.bitspersample in (8, 16, 32, 64) and int(page.fillorder) == 1 and size[1] > 0
    )  # fmt: skip
    tile = (int(page.tilelength), int(page.tilewidth)) if page.is_tiled else (int(page.rowsperstrip), size[1])
    if is_rows:
        tile = (max(1, ROWS_PX // size[1]), size[1])
    tile = (min(tile[0], size[0]) if not page.is_tiled else tile[0], tile[1])
    return _Stored(pages=pages, level=Level(size_px=size, tile_px=tile), is_rows=is_rows)
