"""What every reader gives, and what is made of it: pictures, with the places of things in them and their classes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from foveate.annotations.boxes import as_array
from foveate.errors import DataError, suggest
from foveate.rows import take
from foveate.scenes.folders import natural_key
from foveate.words import counted

NOTHING = "none"  # a label that says that nothing is there, as an empty one does


@dataclass(frozen=True, kw_only=True)
class MarkedPicture:
    """One picture as a file has it."""

    path: str
    """Path or address."""
    boxes_px: NDArray[np.float32] = field(default_factory=lambda: as_array([]))
    """``[m, 4]`` (top, left, bottom, right)."""
    names: tuple[str, ...] = ()
    """Of the class of each box."""
    label: str = ""
    """Of the picture as a whole, where it is said; "" where it is not, or nothing is there."""
    split: str = ""
    """"train", "val", "test", or "" where it is not said."""


@dataclass(frozen=True, kw_only=True)
class Annotated:
    """Pictures, and what is marked in them. Nothing is decoded to make one."""

    root: str
    paths: tuple[str, ...]
    boxes_px: tuple[NDArray[np.float32], ...]
    """Of each picture ``[m, 4]`` (top, left, bottom, right); none where nothing is marked."""
    classes: tuple[NDArray[np.int64], ...]
    """Of each picture ``[m]``, its boxes' index into ``class_names``."""
    labels: NDArray[np.int64]
    """``[n]``, the class of the picture as a whole, counted from 1; 0 where nothing is there."""
    class_names: tuple[str, ...]
    """In natural order: class2 before class10."""
    has_places: bool
    """Whether there is a box in any picture; else only whole pictures are labelled."""
    splits: tuple[str, ...] | None = None
    """"train", "val", "test" or "" of each picture, if the file says it of any."""
    doubts: tuple[str, ...] = ()
    """What was passed over, for people."""

    def __len__(self) -> int:
        return len(self.paths)

    def select(self, rows: Any) -> Self:
        """The given pictures (indices or a mask); the classes stay as they are."""
        chosen = np.arange(len(self))[np.asarray(rows, np.int64 if np.size(rows) == 0 else None)]

        def pick(values: Sequence[Any]) -> tuple[Any, ...]:
            return tuple(values[row] for row in chosen.tolist())

        return replace(
            self,
            paths=pick(self.paths),
            boxes_px=pick(self.boxes_px),
            classes=pick(self.classes),
            labels=take(self.labels, chosen),
            splits=None if self.splits is None else pick(self.splits),
        )

    def only(self, names: Sequence[str]) -> Self:
        """Of these classes: what is marked as another is nothing, as is a picture of another.

        Raises DataError for a class that there is not."""
        if strange := [name for name in names if name not in self.class_names]:
            raise DataError(
                f"{self.root}: nothing is marked as {strange[0]!r}.{suggest(strange[0], self.class_names)} "
                f"Classes: {', '.join(self.class_names)}"
            )
        kept = [number for number, name in enumerate(self.class_names) if name in names]
        renumbered = np.full(len(self.class_names) + 1, -1)  # counted from 0, as the last, which is none
        renumbered[kept] = np.arange(len(kept))
        places = [renumbered[own] for own in self.classes]
        classes = tuple(own[own >= 0] for own in places)
        labels = renumbered[self.labels - 1] + 1
        voted = np.array([_most(own) for own in classes], np.int64)
        return replace(
            self,
            boxes_px=tuple(boxes[own >= 0] for boxes, own in zip(self.boxes_px, places, strict=True)),
            classes=classes,
            labels=np.where(labels > 0, labels, voted),
            class_names=tuple(self.class_names[number] for number in kept),
            has_places=any(map(len, classes)),
        )


def annotated(
    root: str | os.PathLike[str], marks: Sequence[MarkedPicture], *, file: str, doubts: Sequence[str] = ()
) -> Annotated:
    """Put together what ``file`` says of pictures, each of which is there once.

    A picture's label is the one that is said, else the class of most of its boxes, of equally many the first. Raises
    DataError, which names the file, for no pictures, for none in which anything is marked, for a box of "none", and for
    a label that is no text."""
    if not marks:
        raise DataError(f"{file}: names no pictures; needed is at least one, with what is marked in it")
    _check_names(marks, file)
    names = sorted({name for one in marks for name in (*one.names, one.label)} - {""}, key=natural_key)
    if not names:
        many = counted(len(marks), "picture")
        raise DataError(f"{file}: nothing is marked in any picture ({many}): mark something, and give it a label")
    number = {name: index for index, name in enumerate(names)}
    classes = tuple(np.array([number[name] for name in one.names], np.int64) for one in marks)
    labels = [number[one.label] + 1 if one.label else _most(own) for one, own in zip(marks, classes, strict=True)]
    return Annotated(
        root=os.fspath(root),
        paths=tuple(one.path for one in marks),
        boxes_px=tuple(one.boxes_px for one in marks),
        classes=classes,
        labels=np.array(labels, np.int64),
        class_names=tuple(names),
        has_places=any(len(one.names) for one in marks),
        splits=tuple(one.split for one in marks) if any(one.split for one in marks) else None,
        doubts=tuple(doubts),
    )


def gathered(pieces: Iterable[tuple[str, MarkedPicture]]) -> list[MarkedPicture]:
    """One of all that is said of a picture, in the order in which pictures are first named.

    With each piece goes where it stands, with which DataError begins for a second label or split of one picture."""
    parts: dict[str, list[MarkedPicture]] = {}
    facts: dict[str, dict[str, str]] = {}
    for where, piece in pieces:
        parts.setdefault(piece.path, []).append(piece)
        known = facts.setdefault(piece.path, {"label": "", "split": ""})
        for what, new in (("label", piece.label), ("split", piece.split)):
            if new and known[what] not in ("", new):
                raise DataError(f"{where}: the {what} of {piece.path} is {new!r}, before {known[what]!r}: keep one")
            known[what] = new or known[what]
    return [
        MarkedPicture(
            path=path,
            boxes_px=np.concatenate([one.boxes_px for one in own]),
            names=tuple(name for one in own for name in one.names),
            **facts[path],
        )
        for path, own in parts.items()
    ]


def is_nothing(label: str) -> bool:
    """Whether a label says that nothing is there."""
    return label.casefold() in ("", NOTHING)


def _check_names(marks: Sequence[MarkedPicture], file: str) -> None:
    for one in marks:
        wrong = [name for name in one.names if is_nothing(name)]
        if wrong:
            raise DataError(
                f"{file}: a box in {one.path} is labelled {wrong[0]!r}, which says that nothing is there: "
                "give it another label, or remove it"
            )
        strange = [name for name in (*one.names, one.label) if any("\ud800" <= letter <= "\udfff" for letter in name)]
        if strange:
            raise DataError(f"{file}: a label in {one.path} is {strange[0]!r}, which is no text: give it another one")


def _most(classes: NDArray[np.int64]) -> int:
    """Counted from 1, the first of equally many; 0 for none."""
    return int(np.bincount(classes).argmax()) + 1 if len(classes) else 0
