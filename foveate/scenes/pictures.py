"""Scenes that are picture files: JPEG, PNG, WebP, TIFF, BMP, GIF. What each kind gives is said in :mod:`.decode`.

Nothing is decoded before it is looked at. A look that shrinks a JPEG a lot, such as the glance, decodes it at a half, a
quarter or an eighth of its size; any other look decodes the whole picture, once, and keeps it.
Shape letters: n scenes, k looks, b valid looks, C bands, h x w glimpse.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from os import PathLike, fspath
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from foveate.core import Glimpses
from foveate.errors import IncompatibleError, SceneError, UsageError
from foveate.geometry.resample import crop_resize_flat
from foveate.geometry.viewpoint import Array
from foveate.scenes.decode import MAX_PX, Header, decode, level_offset_px, read_bytes, read_header
from foveate.scenes.modes import MODES, WHITE, Matte, Mode, mode_for
from foveate.scenes.reading import request, row_numbers

CACHE_BYTES = 1 << 30
LEVELS = (8, 4, 2)
SPARE_SHRINK = 2.0  # a level is used when the look still shrinks it this much: the filter then hides how it was made


class PictureScenes:
    """A scene batch over files.

    Ledger: ``decoded_px`` counts the pixels of every array decoded for a read: of JPEGs at the size they were decoded
    at, of all other formats in full, whatever part was looked at. ``read_bytes`` is the file's size whenever it is
    fetched: at the first touch, and again only if what was kept of it had to make room. What is kept in memory costs
    nothing when looked at again.
    The pixels of a look never depend on what is kept.
    """

    def __init__(
        self,
        paths: Sequence[str | PathLike[str]],
        *,
        mode: Mode = "RGB",
        matte: Matte = WHITE,
        max_px: int = MAX_PX,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        """Reads the headers only; raises SceneError naming the first file that is no picture.

        ``mode``: "RGB" or "L" (uint8), or "I;16" (uint16), for all files alike. ``matte``: the colour under transparent
        parts. ``max_px``: the largest picture that is accepted. ``cache_bytes``: what may be kept of all scenes
        together (1 GiB), the least recently looked at going first; the newest is kept even if it alone is larger.
        """
        if isinstance(paths, (str, bytes, PathLike)):
            raise UsageError(f"paths is one path, {paths!r}; needed is a list of them")
        if mode not in MODES:
            raise UsageError(f"mode is {mode!r}; allowed are {', '.join(MODES)}")
        if len(paths) == 0:
            raise UsageError("no paths: name at least one picture")
        self.paths = tuple(fspath(path) for path in paths)
        self.num_bands, kind = MODES[mode]
        self.value_range = (0.0, float(np.iinfo(kind).max))
        self._mode: Mode = mode
        self._matte, self._max_px = matte, max_px
        self._headers = tuple(read_header(path, max_px=max_px) for path in self.paths)
        self.sizes_px: NDArray[np.int64] = np.array([header.size_px for header in self._headers], np.int64)
        self._file_of = np.arange(len(self.paths))  # a scene's number outside, kept by select
        self._can_scale = np.array([header.can_scale for header in self._headers])
        self._kept = _Kept(cache_bytes)

    @classmethod
    def for_model(
        cls,
        paths: Sequence[str],
        *,
        num_bands: int,
        value_range: tuple[float, float],
        cache_bytes: int = CACHE_BYTES,
    ) -> Self:
        """Files decoded to what a model wants; raises IncompatibleError if no mode gives that."""
        try:
            mode = mode_for(num_bands, value_range)
        except IncompatibleError as error:
            raise IncompatibleError(f"{paths[0]}: {error}") from error
        return cls(paths, mode=mode, cache_bytes=cache_bytes)

    def __len__(self) -> int:
        return len(self._file_of)

    def read(
        self, viewpoints: Array, size_px: tuple[int, int], valid: Array | None = None, *, antialias: bool = True
    ) -> Glimpses:
        """Glimpses ``[n, k, C, h, w]``, numpy, of the mode's dtype. Looks not valid are zeros and decode nothing."""
        looks = request(viewpoints, self.sizes_px, valid)
        kind = MODES[self._mode][1]
        flat = np.zeros((len(looks.owner), self.num_bands, *size_px), kind)
        decoded_px, fetched = np.zeros(len(self), np.int64), np.zeros(len(self), np.int64)
        levels = self._levels(looks.owner, looks.boxes_px, size_px)
        levels = levels if antialias else np.ones_like(levels)  # a scaled decoding is antialiased already
        jobs = sorted({(int(row), int(level)) for row, level in zip(looks.owner, levels, strict=True)})
        # Held by hand, so that decoding one scene cannot push out another that this read was promised for nothing.
        held = {key: self._kept.get(key) for row, level in jobs for key in self._keys(row, level)}
        for row, level in jobs:
            pixels, px, num_bytes = self._pixels(row, level, held)
            decoded_px[row] += px
            fetched[row] += num_bytes
            mine = np.flatnonzero((looks.owner == row) & (levels == level))
            boxes = looks.boxes_px[mine] / level + np.tile(level_offset_px(self._header(row), level), 2)
            flat[mine] = crop_resize_flat(
                pixels.transpose(2, 0, 1)[None], np.zeros(len(mine), np.int64), boxes, size_px, antialias=antialias
            )
        return Glimpses(pixels=looks.placed(flat), decoded_px=decoded_px, read_bytes=fetched)

    def preload(self) -> dict[int, SceneError]:
        """Decode every picture in full now, and keep what fits; the rows whose files turn out to be broken, and why."""
        broken = {}
        for row in range(len(self)):
            try:
                self._pixels(row, 1, dict.fromkeys(self._keys(row, 1)))
            except SceneError as error:
                broken[row] = error
        return broken

    def max_read_bytes(self) -> NDArray[np.int64]:
        """``[n]``: a file's size, or 0 where any look could be served from what is kept."""
        most = np.zeros(len(self), np.int64)
        for row in range(len(self)):
            file, header = int(self._file_of[row]), self._header(row)
            is_kept = (file, 0) in self._kept or (not header.can_scale and (file, 1) in self._kept)
            most[row] = 0 if is_kept else header.num_bytes
        return most

    def select(self, rows: Any) -> Self:
        """The given rows (indices or a mask), sharing what is kept."""
        chosen = object.__new__(type(self))
        chosen.__dict__.update(self.__dict__)
        chosen._file_of = self._file_of[row_numbers(rows, len(self))]
        chosen.sizes_px = self.sizes_px[row_numbers(rows, len(self))]
        return chosen

    def _header(self, row: int) -> Header:
        return self._headers[self._file_of[row]]

    def _levels(
        self, owner: NDArray[np.int64], boxes: NDArray[np.float64], size_px: tuple[int, int]
    ) -> NDArray[np.int64]:
        """At which fraction of its size each look decodes its picture: a fact of the look and the file alone."""
        shrink = ((boxes[:, 2:] - boxes[:, :2]) / np.array(size_px)).min(1, initial=np.inf) / SPARE_SHRINK
        can_scale = self._can_scale[self._file_of[owner]]
        levels = np.ones(len(owner), np.int64)
        for level in reversed(LEVELS):
            levels[can_scale & (shrink >= level)] = level
        return levels

    def _keys(self, row: int, level: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Where the file's content and its decoded picture are kept."""
        file = int(self._file_of[row])
        return (file, 0), (file, level)

    def _pixels(self, row: int, level: int, held: dict[tuple[int, int], Any]) -> tuple[NDArray[Any], int, int]:
        """The picture ``[H, W, C]`` at a level, and the pixels decoded and bytes fetched to have it."""
        file, header = self.paths[self._file_of[row]], self._header(row)
        encoded_key, decoded_key = self._keys(row, level)
        pixels = held[decoded_key]
        if pixels is None:
            pixels = self._kept.get(decoded_key)  # there after all, if two rows are the same file
        if pixels is not None:
            return pixels, 0, 0
        content, fetched = held[encoded_key], 0
        if content is None:
            content = read_bytes(file, max_px=self._max_px)
            fetched = len(content)
            if header.can_scale:  # it will be decoded again at another level; others are decoded once and for all
                held[encoded_key] = content
                self._kept.put(encoded_key, content, len(content))
        pixels = decode(content, header, file, mode=self._mode, level=level, matte=self._matte)
        self._kept.put(decoded_key, pixels, pixels.nbytes)
        return pixels, pixels.shape[0] * pixels.shape[1], fetched


class _Kept:
    """What is kept of the files, the least recently used going first."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._items: OrderedDict[tuple[int, int], tuple[Any, int]] = OrderedDict()

    def __contains__(self, key: tuple[int, int]) -> bool:
        return key in self._items

    def get(self, key: tuple[int, int]) -> Any:
        """The item, or None; it becomes the most recently used."""
        if key not in self._items:
            return None
        self._items.move_to_end(key)
        return self._items[key][0]

    def put(self, key: tuple[int, int], item: Any, num_bytes: int) -> None:
        self._bytes += num_bytes - self._items.pop(key, (None, 0))[1]
        self._items[key] = (item, num_bytes)
        while self._bytes > self._max_bytes and len(self._items) > 1:
            _, (_, freed) = self._items.popitem(last=False)
            self._bytes -= freed
