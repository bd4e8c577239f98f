"""Label files: CSV or JSONL, one picture (or one box of a picture) a line.

Columns: ``path`` (or ``file_name``; relative to the label file), ``label``; optionally ``split`` and either ``boxes``
(a list of [top, left, bottom, right] in pixels; JSON text in a CSV) or the four columns ``top left bottom right``.
With four columns a picture may have a line per box.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.errors import DataError

LABEL_FILE_NAMES = ("labels.csv", "labels.jsonl", "metadata.csv", "metadata.jsonl")
LABEL_SUFFIXES = (".csv", ".jsonl")
EDGES = ("top", "left", "bottom", "right")
SPLIT_NAMES = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


@dataclass(frozen=True, kw_only=True)
class LabelledPicture:
    """One picture of a labelled set."""

    path: str
    label: str
    split: str = ""
    boxes_px: NDArray[np.float32] | None = None  # [m, 4] (top, left, bottom, right)


def read_labels(file: Path) -> list[LabelledPicture]:
    """The pictures of a label file, in its order; DataError names the file, the line and what to change."""
    pictures: dict[str, LabelledPicture] = {}
    for line, row in rows(file):
        new = _picture(file, line, row)
        old = pictures.get(new.path)
        if old is None:
            pictures[new.path] = new
            continue
        if (old.label, old.split) != (new.label, new.split):
            raise DataError(
                f"{file}, line {line}: {new.path} is named again as {new.label!r} {new.split}, "
                f"before as {old.label!r} {old.split}: keep one of them"
            )
        if old.boxes_px is None or new.boxes_px is None or "boxes" in row:
            raise DataError(f"{file}, line {line}: {new.path} is named twice: remove one of the lines")
        pictures[new.path] = replace(old, boxes_px=np.concatenate([old.boxes_px, new.boxes_px]))
    if not pictures:
        raise DataError(f"{file}: names no pictures; needed are lines with a path and a label")
    return list(pictures.values())


def rows(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """(line, values by lower-case column) of a CSV, or else a JSONL file; DataError for what is neither."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            if file.suffix.lower() == ".csv":
                reader = csv.DictReader(stream)
                for row in reader:
                    if None in row:
                        raise DataError(
                            f"{file}, line {reader.line_num}: has more values than the first line has columns"
                        )
                    yield reader.line_num, {str(key).strip().lower(): value for key, value in row.items()}
                return
            for line, text in enumerate(stream, 1):
                if text.strip():
                    value = json.loads(text)
                    if not isinstance(value, dict):
                        raise DataError(f'{file}, line {line}: is no object like {{"path": "a.jpg", "label": "cat"}}')
                    yield line, {str(key).strip().lower(): item for key, item in value.items()}
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: is no UTF-8 text: save it as UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}, line {line}: is no JSON ({error}); JSONL has one object a line") from error
    except (OSError, csv.Error) as error:
        raise DataError(f"{file}: cannot be read: {error}") from error


def _picture(file: Path, line: int, row: Mapping[str, Any]) -> LabelledPicture:
    path, label = row.get("path", row.get("file_name")), row.get("label")
    for name, value in (("path", path), ("label", label)):
        if value is None or not str(value).strip():
            raise DataError(
                f"{file}, line {line}: has no {name}; its columns are {', '.join(row) or 'none'}, "
                "needed are path and label"
            )
    split = split_name(row.get("split"), where=f"{file}, line {line}")
    try:
        boxes = boxes_of(row)
    except (ValueError, TypeError) as error:
        raise DataError(f"{file}, line {line}: {error}; a box is [top, left, bottom, right] in pixels") from error
    whole = str(file.parent / str(path).strip())
    return LabelledPicture(path=whole, label=str(label).strip(), split=split, boxes_px=boxes)


def split_name(value: Any, *, where: str) -> str:
    """ "train", "val" or "test", "" where none is given; DataError, which begins with ``where``, for any other."""
    split = str(value or "").strip().lower()
    if split and split not in SPLIT_NAMES:
        raise DataError(f"{where}: the split is {split!r}; allowed are train, val and test")
    return SPLIT_NAMES.get(split, "")


def boxes_of(row: Mapping[str, Any]) -> NDArray[np.float32] | None:
    """``[m, 4]`` (top, left, bottom, right) of ``boxes`` or the four columns; None where the row has no such columns.

    ValueError or TypeError for what is no box, or one that is empty, negative or not finite."""
    if row.get("boxes") not in (None, ""):
        raw = json.loads(row["boxes"]) if isinstance(row["boxes"], str) else row["boxes"]
        boxes = np.array(raw, np.float32).reshape(-1, 4) if np.size(raw) else np.zeros((0, 4), np.float32)
    elif all(row.get(edge) is not None and str(row[edge]).strip() for edge in EDGES):
        boxes = np.array([[float(row[edge]) for edge in EDGES]], np.float32)
    else:
        # A picture without a box, in a file that has boxes for others.
        return np.zeros((0, 4), np.float32) if "boxes" in row or "top" in row else None
    if not np.isfinite(boxes).all() or (boxes[:, :2] >= boxes[:, 2:]).any() or (boxes < 0).any():
        raise ValueError(f"the box {boxes.tolist()} is empty, negative or not finite")
    return boxes
