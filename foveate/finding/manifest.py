"""What was found so far, on disk: one line per picture, so that a run that ended early goes on where it was.

JSON lines, the first of which says what the others were made by and with. A line is written as soon as its picture is
done; the last one of a killed run may be half a line, and is dropped. A line counts as long as its picture has the size
and the time of its last change that are written there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from foveate.atomic import REMEDIES, write_bytes
from foveate.config import from_plain
from foveate.errors import OutputError, UsageError
from foveate.findings import Found
from foveate.plain import plain
from foveate.scenes.sources import is_address

FORMAT = 1
KIND = "foveate_find"  # the first key of a manifest


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """By what a picture is known to be unchanged; of a folder (zarr), all its files. None at an address."""

    num_bytes: int | None
    mtime_ns: int | None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What became of one picture."""

    picture: str
    stamp: Stamp
    found: Found | None
    error: str | None = None
    """Why nothing is known."""
    remarks: tuple[str, ...] = ()
    """As of :class:`foveate.finding.Searched`."""
    sheet: str | None = None
    """Where it was drawn."""


class Manifest:
    """A file of entries that is written to as they come."""

    def __init__(self, path: Path, header: Mapping[str, Any], entries: Iterable[Entry]) -> None:
        """Raises OutputError. What is there is replaced by these entries."""
        self.path = path
        lines = [{KIND: FORMAT, **header}, *map(plain, entries)]
        write_bytes(path, b"".join(map(_line, lines)))
        self._file = _opened(path)

    def add(self, entry: Entry) -> None:
        """It is on the disk when this returns. Raises OutputError."""
        left = memoryview(_line(plain(entry)))
        try:
            while left:  # a disk that is nearly full takes a part
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def stamp_of(picture: str) -> Stamp:
    """Of what is not there, or an address, nothing."""
    if is_address(picture):
        return Stamp(num_bytes=None, mtime_ns=None)
    files = [Path(folder, name) for folder, _, names in os.walk(picture) for name in names] or [Path(picture)]
    try:
        known = [file.stat() for file in files]
    except OSError:
        return Stamp(num_bytes=None, mtime_ns=None)
    return Stamp(num_bytes=sum(one.st_size for one in known), mtime_ns=max(one.st_mtime_ns for one in known))


def read_manifest(path: Path) -> tuple[dict[str, Any], dict[str, Entry]]:
    """The first line, and the last entry of every picture; both empty where there is no file. What is no entry is
    passed over. Raises UsageError for a file that is no manifest."""
    content = path.read_bytes() if path.exists() else b""
    if not content:
        return {}, {}
    first, *lines = content.split(b"\n")
    header = _parsed(first)
    if KIND not in header:
        raise UsageError(f"{path}: is there and was not written by `foveate find`: choose another place with --out")
    entries = [entry for line in lines if (entry := _entry(_parsed(line))) is not None]
    return header, {entry.picture: entry for entry in entries}


def _entry(values: Mapping[str, Any]) -> Entry | None:
    try:
        return from_plain(Entry, values, where="a line")
    except UsageError:
        return None


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def _line(values: Mapping[str, Any]) -> bytes:
    # ASCII: a file name that is no UTF-8 comes back as it was.
    return json.dumps(values, allow_nan=False).encode("ascii") + b"\n"


def _opened(path: Path) -> Any:
    try:
        return path.open("ab", buffering=0)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> OutputError:
    remedy = REMEDIES.get(error.errno or 0, f"{error.strerror or error}: mend this place, and run it again")
    return OutputError(f"cannot be written; {remedy}", path=path)
