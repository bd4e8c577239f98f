"""Which scene type reads a file: the registry's facts decide, so a type of another package is found like our own.

A file type is built of a list of paths. One with a class method ``for_model(paths, *, num_bands, value_range)`` is
built by that, to give what the model wants; another gives what it has, and what does not fit is refused before a look.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath
from typing import Any, cast

from foveate.core import Scenes
from foveate.errors import SceneError
from foveate.scenes import SCENES


def reader_of(path: str | PathLike[str]) -> str:
    """Name of the scene type for a file, by the longest suffix that fits, in any case of letters.

    A type whose fact is ``any_name`` takes what nobody else claims. Raises SceneError if there is none."""
    name = fspath(path).lower()
    fits = [
        (len(suffix), not SCENES.facts(kind).get("any_name", False), kind)
        for kind in _file_types()
        for suffix in _suffixes(kind)
        if name.endswith(suffix)
    ]
    if fits:
        return max(fits)[2]
    for kind in _file_types():
        if SCENES.facts(kind).get("any_name", False):
            return kind
    raise SceneError(f"no scene type reads this file; known are {', '.join(file_suffixes()) or 'none'}", path=path)


def file_suffixes() -> tuple[str, ...]:
    """Suffixes that some scene type reads, in small letters."""
    return tuple(dict.fromkeys(suffix for kind in _file_types() for suffix in _suffixes(kind)))


def open_files(reader: str, paths: Sequence[str], *, num_bands: int, value_range: tuple[float, float]) -> Scenes:
    """A scene batch of files that one scene type reads, for a model that wants these bands and this range.

    Raises SceneError for a file that cannot be read, IncompatibleError for a model that no file can serve."""
    kind: Any = SCENES.get(reader)
    if not hasattr(kind, "for_model"):
        return cast(Scenes, kind(paths))
    return cast(Scenes, kind.for_model(paths, num_bands=num_bands, value_range=value_range))


def _file_types() -> list[str]:
    return [kind for kind in SCENES if SCENES.facts(kind).get("source") == "file"]


def _suffixes(kind: str) -> list[str]:
    return [suffix.lower() for suffix in SCENES.facts(kind).get("suffixes", ())]
