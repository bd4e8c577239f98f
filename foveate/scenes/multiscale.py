"""Zarr, of version 2 or 3, plain or as OME-NGFF multiscales (0.4 in `.zattrs`, 0.5 in `zarr.json`); extra `zarr`.

The channels are the bands; of the other axes (time, depth) the first place is the scene. Tiles are chunks; in a sharded
array the chunks inside a shard. Addresses go through fsspec (of HTTP, with aiohttp).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.errors import FoveateError, SceneError, require_extra
from foveate.scenes.pyramid import GeoTransform, Level, LostTileError, Pyramid, coarser
from foveate.scenes.pyramid_scenes import PyramidScenes
from foveate.scenes.sources import is_address
from foveate.scenes.tile_cache import Tile

EXTRA = "zarr"
OLD_AXES = "tczyx"  # of metadata that does not name its axes
UM_OF = {"angstrom": 1e-4, "nanometer": 1e-3, "micrometer": 1.0, "millimeter": 1e3, "centimeter": 1e4, "meter": 1e6}
SPARE_BYTES = 1 << 12  # what an encoded chunk, or the index of its shard, may take beyond its pixels


class MultiscaleScenes(PyramidScenes):
    """A scene batch over zarr folders or addresses."""

    @staticmethod
    def open_picture(picture: str | PathLike[str]) -> Pyramid:
        return MultiscalePyramid(fspath(picture))


@dataclass(frozen=True, kw_only=True)
class _Multiscale:
    """What the metadata says: where the arrays of the levels are, and what their axes mean."""

    paths: tuple[str, ...]  # within the group; "" is the array itself
    axes: str | None  # one letter each; None: by the number of axes
    um_per_px: tuple[float, float] | None


class MultiscalePyramid:
    """One opened image; see :class:`foveate.scenes.pyramid.Pyramid`."""

    has_alpha = False
    geo_transform: GeoTransform | None = None

    def __init__(self, place: str) -> None:
        self._zarr = require_extra("zarr", EXTRA)
        self.name = place
        if not is_address(place) and not Path(place).exists():
            raise SceneError("there is no such folder: check the path", path=place)
        self._local = threading.local()  # each thread counts the bytes of its own reads
        try:
            root = self._root()
            described = _described(dict(root.attrs), is_array=hasattr(root, "shape"), place=place)
            arrays = [root[path] if path else root for path in described.paths]
            self._axes = described.axes or _axes_of(arrays[0].ndim, place)
            levels = coarser([(self._level(array), path) for array, path in zip(arrays, described.paths, strict=True)])
        except FoveateError:
            raise
        except Exception as error:  # stores and codecs raise nearly anything
            detail = str(error) or type(error).__name__
            raise SceneError(f"is no readable zarr image ({detail})", path=place) from error
        self.levels = tuple(level for level, _ in levels)
        self._paths = [path for _, path in levels]
        self.dtype = np.dtype(np.uint8) if arrays[0].dtype.kind == "b" else arrays[0].dtype.newbyteorder("=")
        if self.dtype.kind not in "uif":
            raise SceneError(f"holds {self.dtype}, which is not read: save it as numbers", path=place)
        self.num_bands = int(arrays[0].shape[self._axes.index("c")]) if "c" in self._axes else 1
        self.um_per_px = described.um_per_px

    def tile_bytes(self, level: int) -> NDArray[np.int64]:
        """The sizes of the chunks' files; where they are not files by themselves, the most that a chunk could take."""
        array, (rows, cols) = self._array(level), self.levels[level].grid
        if is_address(self.name) or array.shards is not None:
            one = prod(array.chunks) * array.dtype.itemsize + SPARE_BYTES
            return np.full((rows, cols), one * _chunks_of(array, self._axes, self.num_bands), np.int64)
        folder, found = Path(self.name) / self._paths[level], np.zeros((rows, cols), np.int64)
        for row, col in np.ndindex(rows, cols):
            for place in self._chunk_places(array, row, col):
                file = folder / array.metadata.encode_chunk_key(place)
                found[row, col] += file.stat().st_size if file.is_file() else 0
        return found

    def read_tile(self, level: int, row: int, col: int) -> Tile:
        """See the protocol. A chunk that is not stored is the array's fill value, and costs nothing."""
        here = self.levels[level]
        height, width = here.tile_size_px(row, col)
        top, left = row * here.tile_px[0], col * here.tile_px[1]
        parts = {"y": slice(top, top + height), "x": slice(left, left + width), "c": slice(None)}
        array = self._array(level)
        before = self._store.num_bytes
        try:
            values = np.asarray(array[tuple(parts.get(axis, 0) for axis in self._axes)])
        except Exception as error:  # stores and codecs raise nearly anything
            if is_address(self.name) and isinstance(error, OSError):
                raise SceneError(f"level {level}, tile ({row}, {col}) could not be fetched ({error})",
                                 path=self.name) from error  # fmt: skip
            message = f"level {level}, tile ({row}, {col}) is damaged ({str(error) or type(error).__name__})"
            raise LostTileError(message, path=self.name, read_bytes=self._store.num_bytes - before) from error
        kept = [axis for axis in self._axes if axis in "cyx"]
        pixels = values.transpose([kept.index(axis) for axis in "yxc" if axis in kept]).reshape(height, width, -1)
        if pixels.dtype.kind == "b":
            pixels = pixels.astype(np.uint8) * np.uint8(255)
        read_bytes = self._store.num_bytes - before
        decoded_px = prod(side for side, axis in zip(array.chunks, self._axes, strict=True) if axis != "c")
        return Tile(
            pixels=pixels.astype(self.dtype, copy=False), decoded_px=decoded_px if read_bytes else 0,
            read_bytes=read_bytes,
        )  # fmt: skip

    def _level(self, array: Any) -> Level:
        if array.ndim != len(self._axes):
            raise SceneError(f"has an array of {array.ndim} axes, not {len(self._axes)} ({self._axes})", path=self.name)
        y, x = self._axes.index("y"), self._axes.index("x")
        return Level(
            size_px=(int(array.shape[y]), int(array.shape[x])), tile_px=(int(array.chunks[y]), int(array.chunks[x]))
        )

    def _root(self) -> Any:
        """The group or array, opened by this thread."""
        zarr = self._zarr
        if is_address(self.name):
            require_extra("fsspec", EXTRA)
            store = zarr.storage.FsspecStore.from_url(self.name, read_only=True)
        else:
            store = zarr.storage.LocalStore(self.name, read_only=True)
        self._local.store = _counting(zarr)(store)
        self._local.arrays = {}
        return zarr.open(self._local.store, mode="r")

    @property
    def _store(self) -> Any:
        return self._local.store

    def _array(self, level: int) -> Any:
        if not hasattr(self._local, "store"):
            self._local.root = self._root()
        arrays = self._local.arrays
        if level not in arrays:
            path = self._paths[level]
            root = self._zarr.open(self._store, mode="r")
            arrays[level] = root[path] if path else root
        return arrays[level]

    def _chunk_places(self, array: Any, row: int, col: int) -> list[tuple[int, ...]]:
        """Of the chunks that a tile is made of: one, or one per group of channels."""
        groups = _chunks_of(array, self._axes, self.num_bands)
        places = {"y": row, "x": col}
        return [tuple(group if axis == "c" else places.get(axis, 0) for axis in self._axes) for group in range(groups)]


def _chunks_of(array: Any, axes: str, num_bands: int) -> int:
    """How many chunks hold the bands of one tile."""
    return -(-num_bands // int(array.chunks[axes.index("c")])) if "c" in axes else 1


def _counting(zarr: Any) -> Any:
    """A store that counts what it fetched."""

    class Counting(zarr.storage.WrapperStore):
        num_bytes = 0

        async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
            found = await self._store.get(key, prototype, byte_range)
            self.num_bytes += 0 if found is None else len(found)
            return found

    return Counting


def _described(attributes: Mapping[str, Any], *, is_array: bool, place: str) -> _Multiscale:
    """OME-NGFF's metadata of the first image, or that there is none."""
    if is_array:
        return _Multiscale(paths=("",), axes=None, um_per_px=None)
    multiscales = attributes.get("ome", attributes).get("multiscales")
    if not multiscales or not multiscales[0].get("datasets"):
        raise SceneError(
            "holds no OME-NGFF image (no `multiscales` in its attributes): name the array or the image inside it",
            path=place,
        )
    image = multiscales[0]
    datasets = image["datasets"]
    named = image.get("axes")
    if named is None:
        return _Multiscale(paths=tuple(each["path"] for each in datasets), axes=OLD_AXES, um_per_px=None)
    entries = [each if isinstance(each, Mapping) else {"name": each} for each in named]
    names = [str(entry.get("name", "")).lower() for entry in entries]
    axes = "".join(name if re.fullmatch("[tczyx]", name) else "?" for name in names)
    if axes.count("y") != 1 or axes.count("x") != 1:
        raise SceneError(f"names its axes {names}; needed are one y and one x", path=place)
    scale = [a * b for a, b in zip(_scale(datasets[0], len(axes)), _scale(image, len(axes)), strict=True)]
    um = [scale[axes.index(axis)] * UM_OF.get(entries[axes.index(axis)].get("unit", ""), 0.0) for axis in "yx"]
    return _Multiscale(
        paths=tuple(each["path"] for each in datasets), axes=axes, um_per_px=(um[0], um[1]) if all(um) else None
    )


def _scale(described: Mapping[str, Any], count: int) -> Sequence[float]:
    for transformation in described.get("coordinateTransformations", ()):
        if transformation.get("type") == "scale" and len(transformation["scale"]) == count:
            return [float(value) for value in transformation["scale"]]
    return [1.0] * count


def _axes_of(count: int, place: str) -> str:
    """Of an array without a description."""
    known = {2: "yx", 3: "cyx", 4: "tcyx", 5: OLD_AXES}
    if count not in known:
        raise SceneError(f"is an array of {count} axes; 2 to 5 are read", path=place)
    return known[count]
