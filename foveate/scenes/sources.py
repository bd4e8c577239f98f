"""Where the bytes of a picture lie: a file, or an address that answers range requests; read in pieces, from any thread.

A source is anything with ``name``, ``num_bytes`` and ``read(offset, size)``. It raises SceneError for what cannot be
fetched; fewer bytes than were asked for mean that the content ends there. Addresses of HTTP are read by the standard
library, so that how often it tries again is ours to say; other addresses (``s3://``, ``memory://``) by fsspec.
"""

from __future__ import annotations

import http.client
import io
import os
import re
import time
import urllib.error
import urllib.request
from collections import OrderedDict
from collections.abc import Callable
from os import PathLike, fspath
from threading import Lock
from typing import Any, Protocol

from foveate.errors import SceneError, require_extra
from foveate.scenes.decode import regular_file_bytes

MAX_FILE_BYTES = 1 << 44
TRIES, WAIT_S, TIMEOUT_S = 4, 0.25, 30.0  # the wait doubles after each try
RETRIED_STATUS = (408, 429, 500, 502, 503, 504)
BLOCK_BYTES, MAX_BLOCKS = 1 << 16, 64
ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")  # two letters at least: C:// is a drive


class Source(Protocol):
    """Bytes that lie somewhere."""

    @property
    def name(self) -> str:
        """The path or address, for messages."""

    @property
    def num_bytes(self) -> int: ...

    def read(self, offset: int, size: int) -> bytes: ...


def is_address(place: str) -> bool:
    """Whether it is a URL, not a path."""
    return ADDRESS.match(place) is not None


def open_source(place: str | PathLike[str]) -> Source:
    """The source of a path or an address; SceneError if it is not there."""
    name = fspath(place)
    if not is_address(name):
        return FileSource(name)
    if name.lower().startswith(("http://", "https://")):
        return HttpSource(name)
    return FsspecSource(name)


class FileSource:
    """A file. It is opened for each read: a batch may hold more pictures than a process may hold files."""

    def __init__(self, path: str) -> None:
        self.name = path
        self.num_bytes = regular_file_bytes(path, MAX_FILE_BYTES)
        self._mtime_ns = os.stat(path).st_mtime_ns  # noqa: PTH116

    def read(self, offset: int, size: int) -> bytes:
        try:
            with open(self.name, "rb", buffering=0) as file:  # noqa: PTH123
                status = os.fstat(file.fileno())
                if (status.st_size, status.st_mtime_ns) != (self.num_bytes, self._mtime_ns):
                    raise SceneError("changed while it was used: open it again", path=self.name)
                file.seek(offset)
                return _all_of(file, min(size, max(0, self.num_bytes - offset)))
        except (OSError, ValueError, OverflowError) as error:
            raise SceneError(f"cannot be read: {getattr(error, 'strerror', None) or error}", path=self.name) from error


class HttpSource:
    """An address of HTTP whose server answers range requests. One that does not is refused, not downloaded."""

    def __init__(self, url: str, *, tries: int = TRIES, wait_s: float = WAIT_S, timeout_s: float = TIMEOUT_S) -> None:
        self.name = url
        self._tries, self._wait_s, self._timeout_s = tries, wait_s, timeout_s
        self.num_bytes = -1
        self._first = self._fetch(0, BLOCK_BYTES)  # whoever opens a source reads its beginning next

    def read(self, offset: int, size: int) -> bytes:
        size = min(size, self.num_bytes - offset)
        if size <= 0:
            return b""
        if offset + size <= len(self._first):
            return self._first[offset : offset + size]
        return self._fetch(offset, size)

    def _fetch(self, offset: int, size: int) -> bytes:
        for attempt in range(self._tries):
            if attempt:
                time.sleep(self._wait_s * 2 ** (attempt - 1))
            try:
                return self._request(offset, size)
            except urllib.error.HTTPError as error:
                error.close()
                reason = f"HTTP {error.code} {error.reason}"
                if error.code not in RETRIED_STATUS:
                    raise SceneError(f"cannot be fetched: {reason}", path=self.name) from error
            except (OSError, http.client.HTTPException, ValueError) as error:
                reason = str(error) or type(error).__name__
        raise SceneError(
            f"bytes {offset} to {offset + size - 1} could not be fetched in {self._tries} tries ({reason}): "
            "try again later, or download the file",
            path=self.name,
        )

    def _request(self, offset: int, size: int) -> bytes:
        wanted = urllib.request.Request(self.name, headers={"Range": f"bytes={offset}-{offset + size - 1}"})
        with urllib.request.urlopen(wanted, timeout=self._timeout_s) as answer:
            found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer.headers.get("Content-Range", ""))
            if answer.status != 206 or found is None:
                raise SceneError(
                    "its server ignores range requests, so the whole file would have to be fetched: download it first",
                    path=self.name,
                )
            first, last, total = map(int, found.groups())
            self._check(total)
            if first != offset:
                raise ValueError(f"the server sent bytes from {first}, not from {offset}")
            content = _all_of(answer, last + 1 - first)
        expected = min(size, total - offset)
        if len(content) != expected:
            raise ValueError(f"{len(content)} of {expected} bytes came")
        return content

    def _check(self, total: int) -> None:
        if self.num_bytes not in (-1, total):
            raise SceneError(f"changed while it was used: {self.num_bytes:,} bytes became {total:,}", path=self.name)
        self.num_bytes = total


class FsspecSource:
    """An address that fsspec knows: object stores, archives."""

    def __init__(self, url: str) -> None:
        fsspec: Any = require_extra("fsspec", "zarr")
        self.name = url
        with _translated(url):
            self._system, self._path = fsspec.core.url_to_fs(url)
            self.num_bytes = int(self._system.size(self._path) or 0)

    def read(self, offset: int, size: int) -> bytes:
        if size <= 0 or offset >= self.num_bytes:
            return b""
        with _translated(self.name):
            return bytes(self._system.cat_file(self._path, start=offset, end=min(offset + size, self.num_bytes)))


class _translated:  # noqa: N801 (used like a function)
    """Whatever a file system raises becomes a SceneError."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception) and not isinstance(error, SceneError):
            detail = str(error) or type(error).__name__
            raise SceneError(f"cannot be fetched: {detail}", path=self._name) from error


def _all_of(stream: Any, size: int) -> bytes:
    """So many bytes, or all that there are; a read of a raw file may stop early."""
    content = stream.read(size)
    while 0 < len(content) < size:
        more = stream.read(size - len(content))
        if not more:
            break
        content += more
    return bytes(content)


class SourceFile(io.RawIOBase):
    """A source as a file, for parsers of headers; what was read lately is kept in blocks, as they go to and fro."""

    def __init__(self, source: Source, *, block_bytes: int = BLOCK_BYTES) -> None:
        self._read: Callable[[int, int], bytes] = source.read
        self._num_bytes, self._block_bytes = source.num_bytes, block_bytes
        self._at = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._lock = Lock()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        start = {0: 0, 1: self._at, 2: self._num_bytes}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        done = 0
        with self._lock:
            while done < len(view) and self._at < self._num_bytes:
                number, inside = divmod(self._at, self._block_bytes)
                part = self._block(number)[inside : inside + len(view) - done]
                if not part:
                    break
                view[done : done + len(part)] = part
                done += len(part)
                self._at += len(part)
        return done

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            self._blocks[number] = self._read(number * self._block_bytes, self._block_bytes)
            while len(self._blocks) > MAX_BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return self._blocks[number]
