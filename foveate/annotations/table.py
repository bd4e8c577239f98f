"""CSV and JSONL: a line per box, per point, per list of boxes, or per picture. A picture may have several lines.

Columns: ``path`` (or ``file``, ``file_name``, ``picture``, ``image``), ``label`` (or ``class``, ``category``), and
perhaps ``split``; of a place ``top left bottom right`` (also with ``_px``), or ``boxes``, a list of [top, left, bottom,
right] (JSON text in a CSV), or of a point ``row col``, ``row_px col_px`` or ``x_px y_px``. A line without a place
labels the whole picture; without a label too, it says that there is a picture, in which nothing is as far as it knows.
JSONL may hold ``things``, a list of objects with a place and a label each, as `foveate make-scene` writes them; a
``box`` or ``box_px`` is [top, left, bottom, right] there.
Plain ``x y`` are not read: what `foveate find --save found.csv` writes there is in the map's coordinates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.annotations.annotated import MarkedPicture, gathered, is_nothing
from foveate.annotations.boxes import around, as_array
from foveate.annotations.source import MarksFile, first_given
from foveate.errors import DataError
from foveate.scenes.label_files import EDGES, boxes_of, rows, split_name

PATHS = ("path", "file", "file_name", "picture", "image")
LABELS = ("label", "class", "category")
POINTS = (("row", "col"), ("row_px", "col_px"), ("y_px", "x_px"))
REMEDY = "a place is top, left, bottom and right, or boxes, or row and col, in pixels"
FIRST_LINES = 1000


def table(file: MarksFile) -> list[MarkedPicture]:
    """The pictures of a table; DataError names the line."""
    return gathered(_pieces(file))


def marks_places(path: Path) -> bool:
    """Whether the first lines have columns of boxes or points; False for what cannot be read."""
    columns: set[str] = set()
    try:
        for _, row in islice(rows(path), FIRST_LINES):
            columns.update(row)
    except DataError:
        return False
    edges = all(edge in columns or f"{edge}_px" in columns for edge in EDGES)
    return edges or bool(columns & {"boxes", "things"}) or any(columns.issuperset(point) for point in POINTS)


def _pieces(file: MarksFile) -> Iterator[tuple[str, MarkedPicture]]:
    for line, row in rows(file.path):
        where = f"{file.path}, line {line}"
        name = first_given(row, PATHS)
        if not name:
            raise DataError(
                f"{where}: has no path; its columns are {', '.join(row) or 'none'}, needed are path and label"
            )
        things = row.get("things")
        marks = [_marks(one, where, file.point_px) for one in ([row] if things is None else _things(things, where))]
        boxes_px = np.concatenate([as_array([]), *(boxes for boxes, _ in marks)])
        whole = first_given(row, LABELS) if things is None and len(boxes_px) == 0 else ""
        yield (
            where,
            MarkedPicture(
                path=file.picture(name),
                boxes_px=boxes_px,
                names=tuple(label for boxes, label in marks for _ in boxes),
                label="" if is_nothing(whole) else whole,
                split=split_name(row.get("split"), where=where),
            ),
        )


def _things(things: Any, where: str) -> Iterator[Mapping[str, Any]]:
    """Each as a row of its own."""
    if not isinstance(things, list) or not all(isinstance(one, dict) for one in things):
        raise DataError(f"{where}: things is no list of objects; each needs a label and a box")
    for thing in things:
        box = thing.get("box_px", thing.get("box"))
        if box is None:
            raise DataError(f"{where}: a thing has no box; {REMEDY}")
        yield {**thing, "boxes": [box]}


def _marks(row: Mapping[str, Any], where: str, point_px: float) -> tuple[NDArray[np.float32], str]:
    """Boxes ``[m, 4]`` of a row, and the label of all of them."""
    label = first_given(row, LABELS)
    try:
        boxes_px = _boxes(row, point_px)
    except (ValueError, TypeError) as error:
        raise DataError(f"{where}: {error}; {REMEDY}") from error
    if len(boxes_px) and not label:
        raise DataError(f"{where}: marks a place but has no label: give it one, or remove the place")
    return boxes_px, label


def _boxes(row: Mapping[str, Any], point_px: float) -> NDArray[np.float32]:
    edges = {edge: first_given(row, (edge, f"{edge}_px")) for edge in EDGES}
    if any(edges.values()) and not all(edges.values()):
        raise ValueError(f"of the box, {', '.join(edge for edge in EDGES if not edges[edge])} is not given")
    found = boxes_of({"boxes": row.get("boxes"), **edges})
    if found is not None and len(found):
        return found
    return as_array([around(*point, side_px=point_px) for point in _points(row)])


def _points(row: Mapping[str, Any]) -> list[tuple[float, float]]:
    """The (row, col) of the first columns that have one."""
    for names in POINTS:
        place = [first_given(row, (name,)) for name in names]
        if all(place):
            return [(float(place[0]), float(place[1]))]
        if any(place):
            raise ValueError(f"of the point, {names[place.index('')]} is not given")
    return []
