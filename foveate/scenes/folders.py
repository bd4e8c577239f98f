"""A folder of labelled pictures: a folder per class, the same under train/val/test, or a CSV or JSONL with labels."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from foveate.errors import DataError
from foveate.rows import take
from foveate.scenes import PICTURE_SUFFIXES
from foveate.scenes.label_files import LABEL_FILE_NAMES, LABEL_SUFFIXES, SPLIT_NAMES, LabelledPicture, read_labels

SHOWN = 5  # how many offending names a message lists


@dataclass(frozen=True, kw_only=True)
class PictureFolder:
    """Pictures and their labels. Nothing is opened to make one."""

    root: str
    paths: tuple[str, ...]
    labels: NDArray[np.int64]  # [n] index into class_names
    class_names: tuple[str, ...]  # in natural order: class2 before class10
    splits: tuple[str, ...] | None = None  # "train", "val" or "test" of each picture, if the folder says so
    boxes_px: tuple[NDArray[np.float32], ...] | None = None  # [m, 4] (top, left, bottom, right) of each picture
    ignored: Mapping[str, int] = field(default_factory=dict)  # how many files were passed over, by reason

    def __len__(self) -> int:
        return len(self.paths)

    def select(self, rows: Any) -> Self:
        """The given pictures (indices or a mask); the classes stay as they are."""
        chosen = np.arange(len(self))[np.asarray(rows, np.int64 if np.size(rows) == 0 else None)]

        def pick(values: Sequence[Any] | None) -> tuple[Any, ...] | None:
            return None if values is None else tuple(values[int(row)] for row in chosen)

        return type(self)(
            root=self.root,
            paths=pick(self.paths) or (),
            labels=take(self.labels, chosen),
            class_names=self.class_names,
            splits=pick(self.splits),
            boxes_px=pick(self.boxes_px),
            ignored=self.ignored,
        )


def find_pictures(place: str | os.PathLike[str]) -> PictureFolder:
    """Find the layout of a folder, or read a label file, without opening a picture.

    A folder that holds ``labels.csv``, ``labels.jsonl``, ``metadata.csv`` or ``metadata.jsonl`` is read by that file;
    else its sub-folders are the classes, or ``train``, ``val`` and ``test`` with the classes inside. Hidden files and
    files that are no pictures are counted in ``ignored``. DataError, with the remedy, for what cannot be learned from.
    """
    path = Path(place)
    if path.is_file() and path.suffix.lower() in LABEL_SUFFIXES:
        return _from_label_file(path, path.parent)
    if not path.is_dir():
        hint = "it is a file: name its folder, or a .csv or .jsonl file" if path.exists() else "there is no such folder"
        raise DataError(f"{path}: {hint}")
    for name in LABEL_FILE_NAMES:
        if (path / name).is_file():
            return _from_label_file(path / name, path)
    return _from_class_folders(path)


def natural_key(name: str) -> tuple[Any, ...]:
    """Sorts numbers inside names by value, and without regard to case."""
    parts = re.split(r"(\d+)", name.casefold())
    return tuple((1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts), name


def _from_class_folders(root: Path) -> PictureFolder:
    ignored: dict[str, int] = {}
    found: list[tuple[str, str, str]] = []  # class, path, split
    for top, split in _tops(root):
        for entry in subfolders(top):
            inside = list(pictures_under(entry.path, ignored))
            found += [(entry.name, path, split) for path in inside]
            _count(ignored, "class folders without pictures", not inside)
        _count(ignored, "pictures outside a class folder", sum(1 for _ in pictures_in(top, ignored)))
    if not found:
        raise DataError(_nothing_found(root, ignored))
    found.sort(key=lambda item: (natural_key(item[0]), natural_key(item[1])))
    return _labelled(
        root,
        [LabelledPicture(path=path, label=label, split=split) for label, path, split in found],
        ignored=ignored,
        remedy="make one sub-folder per class, or a labels.csv with the columns path and label",
    )


def _tops(root: Path) -> list[tuple[Path, str]]:
    """Folders that hold class folders, and the split that each is. One folder "test" among classes is a class."""
    names = [entry.name for entry in subfolders(root)]
    splits = [(root / name, SPLIT_NAMES[name.lower()]) for name in names if name.lower() in SPLIT_NAMES]
    if splits and (len(splits) == len(names) or len({split for _, split in splits}) > 1):
        return splits
    return [(root, "")]


def _from_label_file(file: Path, root: Path) -> PictureFolder:
    rows = read_labels(file)
    absent = [row.path for row in rows if not os.path.lexists(row.path)]
    if absent:
        shown = ", ".join(absent[:SHOWN])
        raise DataError(
            f"{file}: {len(absent)} of {len(rows)} pictures are not there: {shown}"
            f"{', ...' if len(absent) > SHOWN else ''}; paths are taken relative to the label file"
        )
    return _labelled(root, rows, ignored={}, remedy="check the label column")


def _labelled(root: Path, rows: Sequence[LabelledPicture], *, ignored: Mapping[str, int], remedy: str) -> PictureFolder:
    names = sorted({row.label for row in rows}, key=natural_key)
    if len(names) < 2:
        raise DataError(
            f"{root}: all {len(rows)} pictures are of one class, {names[0]!r}; needed are two or more: {remedy}"
        )
    number = {name: i for i, name in enumerate(names)}
    has_boxes = any(row.boxes_px is not None for row in rows)
    none = np.zeros((0, 4), np.float32)
    return PictureFolder(
        root=str(root),
        paths=tuple(row.path for row in rows),
        labels=np.array([number[row.label] for row in rows], np.int64),
        class_names=tuple(names),
        splits=tuple(row.split for row in rows) if any(row.split for row in rows) else None,
        boxes_px=tuple(none if row.boxes_px is None else row.boxes_px for row in rows) if has_boxes else None,
        ignored=dict(ignored),
    )


def _nothing_found(root: Path, ignored: Mapping[str, int]) -> str:
    if "pictures outside a class folder" in ignored:
        return (
            f"{root}: has {ignored['pictures outside a class folder']} pictures but no class folders: "
            "make one sub-folder per class, or a labels.csv with the columns path and label"
        )
    passed_over = "".join(f"; passed over: {count} {reason}" for reason, count in ignored.items())
    return f"{root}: has no pictures ({', '.join(PICTURE_SUFFIXES)}){passed_over}"


def _count(ignored: dict[str, int], reason: str, count: int) -> None:
    if count:
        ignored[reason] = ignored.get(reason, 0) + int(count)


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "__MACOSX")) or name.lower() in ("thumbs.db", "desktop.ini")


def subfolders(top: Path) -> list[os.DirEntry[str]]:
    with os.scandir(top) as entries:
        return [entry for entry in entries if entry.is_dir() and not _is_hidden(entry.name)]


def pictures_in(folder: str | Path, ignored: dict[str, int]) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                continue
            if _is_hidden(entry.name):
                _count(ignored, "hidden files", 1)
            elif entry.name.lower().endswith(PICTURE_SUFFIXES):
                yield entry.path
            else:
                _count(ignored, "files that are no pictures", 1)


def pictures_under(top: str, ignored: dict[str, int]) -> Iterator[str]:
    """Pictures at any depth; linked folders are followed, but none is entered twice."""
    entered: set[tuple[int, int]] = set()
    for folder, inner, _ in os.walk(top, followlinks=True):
        status = os.stat(folder)  # noqa: PTH116
        if (status.st_dev, status.st_ino) in entered:
            inner.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        inner[:] = [name for name in inner if not _is_hidden(name)]
        yield from pictures_in(folder, ignored)
