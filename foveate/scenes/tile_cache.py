"""Decoded tiles, kept up to a number of bytes; from any thread, and no tile is decoded by two threads at once.

A tile is paid for by the first read that uses it. So one that was fetched ahead costs nothing until it is looked at,
and one that had to make room before anybody looked is counted as wasted.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Lock
from typing import Any

from numpy.typing import NDArray

Key = tuple[int, int, int, int]  # picture, level, row and column of the tile


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A decoded tile, and what it took."""

    pixels: NDArray[Any]  # [h, w, C], cut at the picture's border
    decoded_px: int
    read_bytes: int
    broken: tuple[str, ...] = ()
    """What was wrong with it, or with tiles that it was made of."""
    is_lost: bool = False
    """Whether it cannot be shown at all; its pixels are zeros then."""


@dataclass
class _Kept:
    tile: Tile
    is_paid: bool = False

    def pay(self) -> tuple[int, int]:
        """Decoded pixels and read bytes that are still to be paid; none from now on."""
        price = (0, 0) if self.is_paid else (self.tile.decoded_px, self.tile.read_bytes)
        self.is_paid = True
        return price


@dataclass
class _Coming:
    """A tile that some thread is loading; the event is made by the first other one that wants it too."""

    kept: _Kept | None = None
    error: BaseException | None = None
    is_here: Event | None = None

    def wait(self) -> _Kept:
        assert self.is_here is not None
        self.is_here.wait()
        if self.kept is None:
            assert self.error is not None
            raise self.error
        return self.kept


class TileCache:
    """The least recently used tile goes first; the newest is kept even if it alone is larger than the cache."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.wasted_px, self.wasted_bytes = 0, 0  # of tiles fetched ahead that nobody used
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._coming: dict[Key, _Coming] = {}
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: Key) -> tuple[Tile, tuple[int, int]] | None:
        """A tile that is kept, with the pixels and bytes to pay for it; None if it is not."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                return None
            self._kept.move_to_end(key)
            return kept.tile, kept.pay()

    def take(self, key: Key, load: Callable[[Key], Tile]) -> tuple[Tile, tuple[int, int]]:
        """A tile, loaded if need be, with the pixels and bytes to pay for it. What ``load`` raises is raised here."""
        kept = self._loaded(key, load)
        with self._lock:
            return kept.tile, kept.pay()

    def bring(self, key: Key, load: Callable[[Key], Tile]) -> None:
        """Load a tile ahead of its use, unpaid."""
        self._loaded(key, load)

    def __contains__(self, key: Key) -> bool:
        return key in self._kept

    def paid(self) -> list[Key]:
        """The keys whose tiles cost nothing now."""
        with self._lock:
            return [key for key, kept in self._kept.items() if kept.is_paid]

    @property
    def num_bytes(self) -> int:
        """What is kept now."""
        return self._bytes

    def _loaded(self, key: Key, load: Callable[[Key], Tile]) -> _Kept:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            coming = self._coming.get(key)
            if coming is None:
                mine = self._coming[key] = _Coming()
            elif coming.is_here is None:
                coming.is_here = Event()
        if coming is not None:
            return coming.wait()
        try:
            mine.kept = kept = _Kept(load(key))
        except BaseException as error:
            mine.error = error
            raise
        finally:
            with self._lock:
                del self._coming[key]
                if mine.kept is not None:
                    self._kept[key] = mine.kept
                    self._bytes += mine.kept.tile.pixels.nbytes
                    self._make_room()
            if mine.is_here is not None:
                mine.is_here.set()
        return kept

    def _make_room(self) -> None:
        while self._bytes > self.max_bytes and len(self._kept) > 1:
            _, old = self._kept.popitem(last=False)
            self._bytes -= old.tile.pixels.nbytes
            if not old.is_paid:
                self.wasted_px += old.tile.decoded_px
                self.wasted_bytes += old.tile.read_bytes
