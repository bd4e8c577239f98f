"""What every reader needs of a folder, or an error that says what was looked for, where, and what to do."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from foveate.errors import DataError, UsageError, suggest
from foveate.scenes import PICTURE_SUFFIXES, folders


def one_of(what: str, value: str, allowed: Sequence[str]) -> None:
    """UsageError unless the value is allowed."""
    if value not in allowed:
        raise UsageError(f"{what} is {value!r}; this data set has {', '.join(allowed)}.{suggest(value, allowed)}")


def folder_at(place: str | os.PathLike[str], *, remedy: str) -> Path:
    """The folder; DataError if it is not there."""
    path = Path(place)
    if not path.is_dir():
        raise DataError(f"{path}: {'is no folder' if path.exists() else 'there is no such folder'}; {remedy}")
    return path


def lines_of(file: Path, *, remedy: str) -> list[str]:
    """A text file's lines, without the white space at their ends; DataError if it cannot be read."""
    try:
        return [line.rstrip() for line in file.read_text("utf-8-sig").splitlines()]
    except FileNotFoundError as error:
        raise DataError(f"{file}: there is no such file; {remedy}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read ({error}); {remedy}") from error


def folders_in(place: Path) -> list[str]:
    """Sorted names of the folders in a folder, without hidden ones."""
    return sorted(entry.name for entry in folders.subfolders(place))


def pictures_in(place: Path, *, remedy: str) -> list[str]:
    """Sorted paths of the pictures in a folder; DataError if there are none."""
    return _some(sorted(folders.pictures_in(place, {})), place, remedy)


def pictures_under(place: Path, *, remedy: str) -> list[str]:
    """Sorted paths of the pictures in a folder, at any depth; DataError if there are none."""
    return _some(sorted(folders.pictures_under(str(place), {})), place, remedy)


def first_few(names: Sequence[str]) -> str:
    """The first names, for a message."""
    return ", ".join(names[: folders.SHOWN]) + (", ..." if len(names) > folders.SHOWN else "")


def _some(found: list[str], place: Path, remedy: str) -> list[str]:
    if not found:
        raise DataError(f"{place}: has no pictures ({', '.join(PICTURE_SUFFIXES)}); {remedy}")
    return found
