"""Tiles of many pictures, by one cache: decoded side by side, each once, and ahead of need if that is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from threading import Lock, Thread

import numpy as np

from foveate.errors import SceneError
from foveate.scenes.bands import Wanted
from foveate.scenes.pyramid import LostTileError, Pyramid
from foveate.scenes.tile_cache import Key, Tile, TileCache

MAX_THREADS = 4
AHEAD_FRAC = 0.5  # of the cache, for tiles that are fetched ahead


class TileReader:
    """Decodes tiles and turns them into what is wanted. Any number of threads may use it."""

    def __init__(self, pictures: Sequence[Pyramid], kinds: Sequence[Wanted], *, cache_bytes: int, strict: bool) -> None:
        self.pictures, self.kinds, self.strict = tuple(pictures), tuple(kinds), strict
        self.cache = TileCache(cache_bytes)
        self._ahead: list[Key] = []  # the next one last
        self._is_running = False
        self._lock = Lock()

    def take(self, keys: Sequence[Key]) -> Iterator[tuple[Tile, tuple[int, int]]]:
        """Tiles, and of each the decoded pixels and read bytes that are to be paid for it; one by one, so that a tile
        can be used while it is in the processor's cache.

        A damaged tile is zeros, marked as lost, or a SceneError if ``strict``."""
        pool = _pool(os.getpid()) if len(keys) > 1 else None
        if pool is None:
            yield from (self.cache.take(key, self._load) for key in keys)
        else:
            yield from [coming.result() for coming in [pool.submit(self.cache.take, key, self._load) for key in keys]]

    def bring(self, keys: Sequence[Key]) -> None:
        """Decode tiles in the background, the first one first; what was asked for before and not begun is dropped.

        No more than half of the cache is filled so. What goes wrong shows when the tile is taken."""
        room, wanted = AHEAD_FRAC * self.cache.max_bytes, list[Key]()
        for key in keys:
            room -= self._tile_nbytes(key)
            if room < 0:
                break
            wanted.append(key)
        with self._lock:
            self._ahead = wanted[::-1]
            if self._is_running or not wanted:
                return
            self._is_running = True
        Thread(target=self._run_ahead, name="foveate-prefetch", daemon=True).start()

    def _run_ahead(self) -> None:
        while True:
            with self._lock:
                if not self._ahead:
                    self._is_running = False
                    return
                key = self._ahead.pop()
            try:
                self.cache.bring(key, self._load)
            except Exception:  # the read that needs this tile will say it
                continue

    def _tile_nbytes(self, key: Key) -> int:
        picture, level, row, col = key
        height, width = self.pictures[picture].levels[level].tile_size_px(row, col)
        kind = self.kinds[picture]
        return height * width * kind.num_bands * kind.dtype.itemsize

    def _load(self, key: Key) -> Tile:
        number, level, row, col = key
        picture, kind = self.pictures[number], self.kinds[number]
        try:
            tile = picture.read_tile(level, row, col)
        except LostTileError as error:
            if self.strict:
                raise SceneError(_said(str(error), picture), path=picture.name) from error
            shape = (*picture.levels[level].tile_size_px(row, col), kind.num_bands)
            return Tile(
                pixels=np.zeros(shape, kind.dtype), decoded_px=0, read_bytes=error.read_bytes, broken=(str(error),),
                is_lost=True,
            )  # fmt: skip
        if tile.broken and self.strict:
            raise SceneError(_said(tile.broken[0], picture), path=picture.name)
        pixels = np.ascontiguousarray(kind.convert(tile.pixels))
        if pixels is tile.pixels:
            return tile
        return Tile(pixels=pixels, decoded_px=tile.decoded_px, read_bytes=tile.read_bytes, broken=tile.broken)


def _said(message: str, picture: Pyramid) -> str:
    return message.removeprefix(f"{picture.name}: ")


@lru_cache(maxsize=1)  # of the process: threads do not survive a fork
def _pool(process: int) -> ThreadPoolExecutor | None:
    """Threads shared by all readers; none where there is one core."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = min(MAX_THREADS, cores)
    return ThreadPoolExecutor(threads, thread_name_prefix="foveate-tiles") if threads > 1 else None
