"""Find the file of annotations, and read it: ``read_annotations("flights/")``."""

from __future__ import annotations

from math import isfinite
from os import PathLike
from pathlib import Path

from foveate.annotations import ANNOTATIONS
from foveate.annotations.annotated import Annotated, annotated
from foveate.annotations.source import MarksFile
from foveate.errors import DataError, UsageError
from foveate.registry import resolve
from foveate.scenes.files import is_scene
from foveate.scenes.folders import subfolders
from foveate.scenes.label_files import LABEL_FILE_NAMES, read_labels

STEMS = ("annotations", "labels")
HEAD_BYTES = 1 << 16


def read_annotations(place: str | PathLike[str], *, point_px: float = 32.0) -> Annotated:
    """What is marked in big pictures, of a file or of the folder that holds it.

    In a folder it is ``annotations`` or else ``labels``, with a suffix that some reader answers to. Points become boxes
    of ``point_px`` on a side. DataError, with the remedy, for what cannot be read or marks nothing; UsageError for a
    side that cannot be."""
    if not (isfinite(point_px) and point_px > 0):
        raise UsageError(f"point_px is {point_px}; it must be a number of pixels above 0")
    file = MarksFile(path=_file_at(Path(place)), point_px=point_px)
    marks = ANNOTATIONS.get(_format_of(file))(file)
    file.check_there([one.path for one in marks])
    return annotated(file.folder, marks, file=str(file.path), doubts=file.doubts)


def is_annotated(place: str | PathLike[str]) -> bool:
    """Whether :func:`read_annotations` is for this place: it is a file that marks places, or a folder that holds one.

    Where that tells, only the beginning of a file is read; no mistake in it is an error here. One called
    ``annotations`` has mistakes if it marks no places, and nothing there says of which class the pictures are: reading
    tells which."""
    path = Path(place)
    if path.is_file():
        return any(_marks_places(path, name) for name in _answering(path))
    files = _files_in(path) if path.is_dir() else []
    return any(_looks_it(file) or (file.name.startswith(STEMS[0]) and not _classifies(path, file)) for file in files)


def _file_at(place: Path) -> Path:
    if not place.is_dir():
        if not place.exists():
            raise DataError(f"{place}: there is no such file or folder")
        return place
    found = _files_in(place)
    if not found:
        names = ", ".join(f"{stem}{suffix}" for stem in STEMS for suffix in _suffixes())
        raise DataError(f"{place}: says nowhere what is marked in its pictures; needed is one of {names}")
    if len(found) > 1:
        names = " and ".join(file.name for file in found)
        raise DataError(f"{place}: has {names}: remove all but one, or name the file in place of the folder")
    return found[0]


def _files_in(folder: Path) -> list[Path]:
    """Those of the first stem that has any."""
    every = ([folder / f"{stem}{suffix}" for suffix in _suffixes()] for stem in STEMS)
    there = ([file for file in files if file.is_file()] for files in every)
    return next((files for files in there if files), [])


def _suffixes() -> list[str]:
    return list(dict.fromkeys(suffix for name in ANNOTATIONS for suffix in ANNOTATIONS.facts(name)["suffixes"]))


def _answering(file: Path) -> list[str]:
    """The formats of the longest suffix that fits."""
    lengths = {
        name: max(
            (len(one) for one in ANNOTATIONS.facts(name)["suffixes"] if file.name.lower().endswith(one)), default=0
        )
        for name in ANNOTATIONS
    }
    most = max(lengths.values())
    return [name for name, length in lengths.items() if length == most > 0]


def _format_of(file: MarksFile) -> str:
    names = _answering(file.path)
    if not names:
        known = ", ".join(_suffixes())
        raise DataError(
            f"{file.path}: ends in {file.path.suffix or 'no suffix'!r}; files of annotations end in {known}"
        )
    if len(names) == 1:
        return names[0]
    for name in names:
        if any(member in file.content for member in ANNOTATIONS.facts(name)["members"]):
            return name
    needed = " or ".join(f"{name} ({', '.join(ANNOTATIONS.facts(name)['members'])})" for name in names)
    raise DataError(f"{file.path}: has {file.members}; needed are the members of {needed}")


def _marks_places(file: Path, name: str) -> bool:
    asked = ANNOTATIONS.facts(name).get("marks_places")
    return asked is None or bool(resolve(asked)(file))


def _classifies(folder: Path, file: Path) -> bool:
    """Whether there are folders of classes, or labels, of which the file may be one."""
    if any(not is_scene(inside.path) for inside in subfolders(folder)):
        return True
    if any((folder / name).is_file() for name in LABEL_FILE_NAMES):
        return True
    try:
        return bool(read_labels(file))
    except DataError:
        return False


def _looks_it(file: Path) -> bool:
    """Of a file that nobody chose. One called labels.json may be anything: its beginning tells."""
    names = _answering(file)
    if len(names) == 1:
        return _marks_places(file, names[0])
    try:
        with file.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError:
        return False
    return any(f'"{member}"'.encode() in head for name in names for member in ANNOTATIONS.facts(name)["members"])
