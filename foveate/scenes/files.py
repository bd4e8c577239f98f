"""Which scene type reads a file or an address: the registry's facts decide, so a type of another package is found like
our own.

A file type is built of a list of paths. One with a class method ``for_model(paths, *, num_bands, value_range)`` is
built by that, to give what the model wants; another gives what it has, and what does not fit is refused before a look.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from os import PathLike, fspath
from typing import Any, cast

from foveate.core import Scenes
from foveate.errors import SceneError
from foveate.registry import resolve
from foveate.scenes import SCENES
from foveate.scenes.sources import is_address


def reader_of(path: str | PathLike[str]) -> str:
    """Name of the scene type for a file or an address.

    The longest suffix that fits, in any case of letters, decides between the types that answer to the name; one that
    sniffs must find its own content there, and then goes before one that does not look. Where none of them is left,
    whoever sniffs its own content takes it; then, of an address, who answers to its name; then the type whose fact is
    ``any_name``. Raises SceneError if there is none."""
    place = fspath(path)
    by_name = [
        (_suffix_of(kind, place), "sniffs" in SCENES.facts(kind), kind)
        for kind in _file_types()
        if _suffix_of(kind, place) and not _takes_any(kind)
    ]
    for _, sniffs, kind in sorted(by_name, reverse=True):
        if not sniffs or _finds_its_own(kind, place):
            return kind
    for kind in _file_types():
        if "sniffs" in SCENES.facts(kind) and _finds_its_own(kind, place):
            return kind
    if by_name and is_address(place):
        return max(by_name)[2]
    for kind in _file_types():
        if _takes_any(kind):
            return kind
    raise SceneError(f"no scene type reads this file; known are {', '.join(file_suffixes()) or 'none'}", path=path)


def is_scene(folder: str | PathLike[str]) -> bool:
    """Whether a folder is one picture (zarr), not a place where pictures lie: by its name or its content."""
    place = fspath(folder).rstrip("/\\")
    return any(
        ("sniffs" in SCENES.facts(kind) and _finds_its_own(kind, place))
        or (_suffix_of(kind, place) and not _takes_any(kind))
        for kind in _file_types()
    )


def file_suffixes() -> tuple[str, ...]:
    """Suffixes that some scene type reads, in small letters."""
    return tuple(dict.fromkeys(suffix for kind in _file_types() for suffix in _suffixes(kind)))


def open_files(
    reader: str,
    paths: Sequence[str],
    *,
    num_bands: int,
    value_range: tuple[float, float],
    cache_bytes: int | None = None,
) -> Scenes:
    """A scene batch of files that one scene type reads, for a model that wants these bands and this range.

    ``cache_bytes`` of what was decoded are kept, by a type that can be told; None: as many as it likes. Raises
    SceneError for a file that cannot be read, IncompatibleError for a model that no file can serve."""
    kind: Any = SCENES.get(reader)
    if not hasattr(kind, "for_model"):
        return cast(Scenes, kind(paths))
    options: dict[str, Any] = {"num_bands": num_bands, "value_range": value_range}
    if cache_bytes is not None and "cache_bytes" in inspect.signature(kind.for_model).parameters:
        options["cache_bytes"] = cache_bytes
    return cast(Scenes, kind.for_model(paths, **options))


def _file_types() -> list[str]:
    return [kind for kind in SCENES if SCENES.facts(kind).get("source") == "file"]


def _takes_any(kind: str) -> bool:
    return bool(SCENES.facts(kind).get("any_name", False))


def _suffix_of(kind: str, place: str) -> int:
    """Length of the longest suffix of a type that the name has."""
    return max((len(suffix) for suffix in _suffixes(kind) if place.lower().endswith(suffix)), default=0)


def _finds_its_own(kind: str, place: str) -> bool:
    return bool(resolve(SCENES.facts(kind)["sniffs"])(place))


def _suffixes(kind: str) -> list[str]:
    return [suffix.lower() for suffix in SCENES.facts(kind).get("suffixes", ())]
