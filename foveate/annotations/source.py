"""A file of annotations as its reader gets it: its JSON, parsed once, and which pictures the names in it mean."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from foveate.errors import DataError
from foveate.scenes.folders import SHOWN
from foveate.scenes.sources import is_address


@dataclass(frozen=True, kw_only=True)
class MarksFile:
    """One file, and how points in it are to be read."""

    path: Path
    point_px: float
    """Side of the box that stands for a point."""
    doubts: list[str] = field(default_factory=list, init=False, compare=False)
    """What readers passed over, for people."""
    _known: dict[tuple[str, str], str] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def folder(self) -> Path:
        """Where names of pictures begin."""
        return self.path.parent

    @cached_property
    def content(self) -> Mapping[str, Any]:
        """The JSON object; DataError for a file that holds none."""
        try:
            content = json.loads(self.path.read_text("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise DataError(f"{self.path}: is no UTF-8 text: save it as UTF-8") from error
        except (ValueError, RecursionError) as error:
            raise DataError(f"{self.path}: is no JSON ({error}): save it again") from error
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read: {error}") from error
        if not isinstance(content, dict):
            raise DataError(
                f"{self.path}: holds a {type(content).__name__}; needed is an object: COCO or GeoJSON as a whole"
            )
        return content

    @property
    def members(self) -> str:
        """Names of the content's first members, for a message."""
        names = list(self.content)
        return (", ".join(names[:SHOWN]) or "no members") + (", ..." if len(names) > SHOWN else "")

    def listed(self, member: str, thing: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """(where it stands, object) of each in a list of the content; ``thing`` is the word for one.

        DataError for a member that is no list of objects."""
        values = self.content.get(member)
        if not isinstance(values, list):
            raise DataError(f"{self.path}: has no list {member!r}; it has {self.members}")
        for number, value in enumerate(values, 1):
            where = f"{self.path}, {thing} {number}"
            if not isinstance(value, dict):
                raise DataError(f"{where}: is no object")
            yield where, value

    def picture(self, name: str, *, inside: str = "") -> str:
        """The path of a picture, or its address.

        A name is taken relative to the file's folder, or to the folder called ``inside`` in it, if the picture is only
        there; one with folders in it also to the folders above, as commands that write such files name what they were
        given. Pictures below the file's folder begin with it, however they are named."""
        if is_address(name):
            return name
        key = (name, inside)
        if key not in self._known:
            self._known[key] = self._found(name, inside)
        return self._known[key]

    def check_there(self, paths: Sequence[str]) -> None:
        """DataError that names the first pictures that are not there; nothing is asked of addresses."""
        absent = [path for path in paths if not is_address(path) and not os.path.lexists(path)]
        if absent:
            raise DataError(
                f"{self.path}: {len(absent)} of {len(paths)} pictures are not there: {', '.join(absent[:SHOWN])}"
                f"{', ...' if len(absent) > SHOWN else ''}; names are taken relative to the file's folder"
            )

    def _found(self, name: str, inside: str) -> str:
        given = Path(name)
        places = [self.folder / given]
        if inside:
            places.append(self.folder / inside / given)
        if len(given.parts) > 1 and not given.is_absolute():
            places += [above / given for above in self.folder.absolute().parents]
        there = next((place for place in places if os.path.lexists(place)), places[0])
        real = there.parent.resolve() / there.name  # of a linked picture the link
        folder = self.folder.resolve()
        return str(self.folder / real.relative_to(folder) if real.is_relative_to(folder) else real)


def first_given(values: Mapping[str, Any], names: Sequence[str]) -> str:
    """The first of these values that is there and not empty, as text; else ""."""
    texts = (str(values[name]).strip() for name in names if values.get(name) is not None)
    return next((text for text in texts if text), "")
