"""Scenes that are larger than memory: of each look, only the tiles beneath it are decoded, at the size that is wanted.

A look is read from the coarsest level that is still as fine as the look asks for, and shrunk from there like pictures
in memory; so a look at the very size of a level is a copy of that level. Point sampling reads the finest level.
Shape letters: n scenes, k looks, b valid looks, C bands, h x w glimpse.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from foveate.core import Glimpses
from foveate.errors import IncompatibleError, UsageError
from foveate.geometry.viewpoint import Array
from foveate.scenes.bands import Wanted, wanted
from foveate.scenes.pyramid import MAX_PX, Pyramid, checked
from foveate.scenes.reading import Request, request, row_numbers
from foveate.scenes.thinning import thinned
from foveate.scenes.tile_cache import Key, Tile
from foveate.scenes.tile_jobs import Job, jobs_of
from foveate.scenes.tile_reader import TileReader

CACHE_BYTES = 1 << 27


class PyramidScenes:
    """A scene batch over opened pyramids; readers of files derive from it and say how one is opened.

    Ledger: ``decoded_px`` counts the pixels of all tiles decoded for a read, with what sticks out over the border, and
    ``read_bytes`` the bytes fetched for them. A tile that is kept costs nothing, one that was fetched ahead is charged
    to the look that uses it first, one that several looks of a read need to the first of them. Headers are read when a
    picture is opened and are on nobody's bill. The pixels of a look never depend on what is kept.

    Damaged tiles: a look that needs one is skipped. Its pixels are zeros, as of a look that is not valid, the episode
    goes on, ``skipped_looks`` counts it, ``broken`` names file, level and tile, and each picture warns once. Beneath a
    level that the file lacks (see :mod:`.thinning`) a damaged tile is a hole of zeros, named just so, and the look is
    not skipped: one bad tile in thousands would blind the glance. ``strict`` raises SceneError instead. A picture that
    cannot be fetched any more (a server that fails, a file that is gone) always raises.
    """

    def __init__(
        self,
        pictures: Sequence[Any],
        *,
        num_bands: int | None = None,
        value_range: tuple[float, float] | None = None,
        strict: bool = False,
        max_px: int = MAX_PX,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        """Opens the pictures, reading headers only; raises SceneError naming the first that is none.

        ``num_bands`` and ``value_range``: what all are converted to, as :mod:`.bands` says; what is not said, the first
        picture decides. ``max_px``: the largest picture that is accepted. ``cache_bytes``: of decoded tiles, kept of
        all scenes together (128 MiB).
        """
        if isinstance(pictures, str | bytes) or not isinstance(pictures, Sequence):
            raise UsageError(f"pictures is one thing, {pictures!r}; needed is a list of them")
        if len(pictures) == 0:
            raise UsageError("no pictures: name at least one")
        self.pictures: tuple[Pyramid, ...] = tuple(
            thinned(checked(self.open_picture(one), max_px=max_px)) for one in pictures
        )
        first = _wanted(self.pictures[0], num_bands, value_range)
        self.num_bands, self.value_range = first.num_bands, first.value_range
        kinds = [_wanted(one, first.num_bands, first.value_range) for one in self.pictures]
        self._reader = TileReader(self.pictures, kinds, cache_bytes=cache_bytes, strict=strict)
        self.sizes_px: NDArray[np.int64] = np.array([one.levels[0].size_px for one in self.pictures], np.int64)
        self._picture_of = np.arange(len(self.pictures))  # a scene's number outside, kept by select
        self._dtype = first.dtype
        self._skipped = np.zeros(len(self.pictures), np.int64)
        self._broken: dict[str, None] = {}  # messages, each once
        self._warned: set[int] = set()
        self._bytes_of: dict[int, list[NDArray[np.int64]]] = {}

    @staticmethod
    def open_picture(picture: Any) -> Pyramid:
        """One opened picture; here it is one already."""
        return picture

    @classmethod
    def for_model(
        cls,
        paths: Sequence[Any],
        *,
        num_bands: int,
        value_range: tuple[float, float],
        cache_bytes: int = CACHE_BYTES,
    ) -> Self:
        """Pictures converted to what a model wants; raises IncompatibleError if that cannot be."""
        return cls(paths, num_bands=num_bands, value_range=value_range, cache_bytes=cache_bytes)

    @property
    def skipped_looks(self) -> NDArray[np.int64]:
        """``[n]`` looks of each scene that gave zeros since a tile was damaged."""
        return self._skipped[self._picture_of]

    @property
    def broken(self) -> tuple[str, ...]:
        """What was damaged: file, level and tile, each once."""
        return tuple(self._broken)

    @property
    def wasted(self) -> tuple[int, int]:
        """Pixels decoded and bytes read ahead that had to make room unused: on no look's bill."""
        return self._reader.cache.wasted_px, self._reader.cache.wasted_bytes

    def __len__(self) -> int:
        return len(self._picture_of)

    def read(
        self, viewpoints: Array, size_px: tuple[int, int], valid: Array | None = None, *, antialias: bool = True
    ) -> Glimpses:
        """Glimpses ``[n, k, C, h, w]``, numpy. Looks not valid, and looks at damaged tiles, are zeros."""
        looks = request(viewpoints, self.sizes_px, valid)
        jobs = list(self._jobs(looks, size_px, antialias))
        flat = np.zeros((len(looks.owner), self.num_bands, *size_px), self._dtype)
        prices = np.zeros((len(self), 2), np.int64)
        tiles: dict[Key, Tile] = {}
        for job in jobs:  # held from now on: what this read was promised for nothing must not make room for its others
            for key in job.keys:
                if key not in tiles and (found := self._reader.cache.get(key)) is not None:
                    tiles[key] = self._noted(key, found[0])
                    prices[looks.owner[job.look]] += found[1]
        uses = Counter(key for job in jobs for key in job.keys)
        lost: set[int] = set()
        for job in jobs:
            window = job.window(flat[job.look])
            for key, tile, price in self._tiles(job, tiles):
                prices[looks.owner[job.look]] += price
                job.paste(window, key, tile)
                if tile.is_lost:
                    lost.add(job.look)
                uses[key] -= 1
                tiles[key] = tile
                if not uses[key]:
                    del tiles[key]
            job.finish(flat[job.look], window)
        for look in lost:
            flat[look] = 0
            self._skipped[self._picture_of[looks.owner[look]]] += 1
        return Glimpses(pixels=looks.placed(flat), decoded_px=prices[:, 0].copy(), read_bytes=prices[:, 1].copy())

    def prefetch(self, viewpoints: Array, size_px: tuple[int, int], valid: Array | None = None) -> None:
        """Begin to decode, in the background, what likely next looks ``[n, k, 4]`` would need, the first ones first.

        Each call drops what an earlier one asked for and was not begun. No pixel changes by it."""
        looks = request(viewpoints, self.sizes_px, valid)
        jobs = self._jobs(looks, size_px, antialias=True)
        self._reader.bring(list(dict.fromkeys(key for job in jobs for key in job.keys)))

    def max_read_bytes(self) -> NDArray[np.int64]:
        """``[n]``: what all tiles of a level take that are not kept, of the level where that is most.

        A look of a model reads far less; but a long and thin one may cross the whole picture."""
        mine = dict.fromkeys(self._picture_of.tolist())
        left = {number: [int(each.sum()) for each in self._tile_bytes(number)] for number in mine}
        for number, level, row, col in self._reader.cache.paid():
            if number in left:
                left[number][level] -= int(self._tile_bytes(number)[level][row, col])
        return np.array([max(left[number]) for number in self._picture_of.tolist()], np.int64)

    def select(self, rows: Any) -> Self:
        """The given rows (indices or a mask), sharing what is kept and counted."""
        chosen = object.__new__(type(self))
        chosen.__dict__.update(self.__dict__)
        keep = row_numbers(rows, len(self))
        chosen._picture_of, chosen.sizes_px = self._picture_of[keep], self.sizes_px[keep]
        return chosen

    def _jobs(self, looks: Request, size_px: tuple[int, int], antialias: bool) -> Iterator[Job]:
        """Row by row."""
        for look, (row, box) in enumerate(zip(looks.owner, looks.boxes_px, strict=True)):
            number = int(self._picture_of[row])
            picture = self.pictures[number]
            yield from jobs_of(picture, box, size_px, look=look, picture=number, antialias=antialias)

    def _tile_bytes(self, number: int) -> list[NDArray[np.int64]]:
        """Of each level, ``[rows, cols]``; asked for once, and only by who sets a limit in bytes."""
        if number not in self._bytes_of:
            picture = self.pictures[number]
            self._bytes_of[number] = [picture.tile_bytes(level) for level in range(len(picture.levels))]
        return self._bytes_of[number]

    def _tiles(self, job: Job, held: Mapping[Key, Tile]) -> Iterator[tuple[Key, Tile, tuple[int, int]]]:
        """The tiles of a job with what is to be paid for each, the held ones first."""
        missing = [key for key in job.keys if key not in held]
        yield from [(key, held[key], (0, 0)) for key in job.keys if key in held]
        for key, (tile, price) in zip(missing, self._reader.take(missing), strict=True):
            yield key, self._noted(key, tile), price

    def _noted(self, key: Key, tile: Tile) -> Tile:
        """The tile; if it is broken, that is noted, and said the first time that its picture has such a tile."""
        if not tile.broken:
            return tile
        self._broken.update(dict.fromkeys(tile.broken))
        if key[0] not in self._warned:
            self._warned.add(key[0])
            shown = "a look that needs it gives zeros" if tile.is_lost else "it is left out of averages"
            warnings.warn(f"{tile.broken[0]}; {shown}; further ones are listed in `broken`", stacklevel=3)
        return tile


def _wanted(pyramid: Pyramid, num_bands: int | None, value_range: tuple[float, float] | None) -> Wanted:
    try:
        return wanted(
            given_bands=pyramid.num_bands, given_dtype=pyramid.dtype, has_alpha=pyramid.has_alpha,
            num_bands=num_bands, value_range=value_range,
        )  # fmt: skip
    except IncompatibleError as error:
        raise IncompatibleError(f"{pyramid.name}: {error}") from error
