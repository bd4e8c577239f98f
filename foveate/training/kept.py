"""What is kept in memory of a data set's decoded pictures, up to a limit."""

from __future__ import annotations

import threading
from typing import Generic, Protocol, TypeVar

CACHE_BYTES = 2 << 30


class Sized(Protocol):
    """Anything that knows how much memory it takes."""

    @property
    def nbytes(self) -> int: ...


T = TypeVar("T", bound=Sized)


class Kept(Generic[T]):
    """Pictures by row, until the limit: every epoch asks for all of them, so pushing some out would gain nothing."""

    def __init__(self, max_bytes: int) -> None:
        self._left_bytes = max_bytes
        self._pictures: dict[int, T] = {}
        self._lock = threading.Lock()

    def get(self, row: int) -> T | None:
        return self._pictures.get(row)

    def put(self, row: int, picture: T) -> None:
        with self._lock:
            if row not in self._pictures and picture.nbytes <= self._left_bytes:
                self._pictures[row] = picture
                self._left_bytes -= picture.nbytes
