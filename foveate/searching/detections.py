"""What a tile model said, as findings in pixels of the picture; None where it is nothing of the kind.

Detections are, with boxes in pixels of the tile:

- an object with ``xyxy`` ``[q, 4]`` (left, top, right, bottom), ``confidence`` ``[q]`` and ``class_id`` ``[q]``, the
  latter two perhaps None: ``supervision.Detections`` and what looks like it. ``data["class_name"]`` names the classes;
- a list or tuple, perhaps empty, of :class:`foveate.findings.Finding`; of dicts with ``xyxy`` or ``box_px`` (top,
  left, bottom, right), perhaps with ``score`` or ``confidence``, and with ``label`` or ``class_id``; or of tuples
  (left, top, right, bottom, confidence, class), the class a number or a label;
- None: nothing was found.

What has no score has 1, what has no class is called "object". Shape letter: q findings of a tile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from foveate.answers import Box
from foveate.errors import UsageError
from foveate.findings import Finding
from foveate.rows import as_numpy

NAMELESS = "object"
ABOUT_ONE = 1 + 1e-3  # a probability that a network of low precision gives

Names = Sequence[str] | Mapping[int, str]


@dataclass(frozen=True, kw_only=True)
class Detection:
    """A finding, and the number of its class where one was said."""

    finding: Finding
    class_id: int | None


def detections_of(result: Any, *, tile_px: Box, names: Names | None) -> list[Detection] | None:
    """``tile_px`` is the tile's box in the picture; ``names`` those of class numbers. Raises UsageError for detections
    that cannot be."""
    rows = _rows(result)
    if rows is None:
        return None
    try:
        return [_shifted(_detection(row, names), tile_px) for row in rows]
    except UsageError:
        raise
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise UsageError(f"a detection of the callback cannot be read: {type(error).__name__}: {error}") from error


def _rows(result: Any) -> list[Any] | None:
    if result is None:
        return []
    if hasattr(result, "xyxy"):
        return list(_of_object(result))
    if isinstance(result, list | tuple) and (len(result) == 0 or _is_detection(result[0])):
        return list(result)
    return None


def _is_detection(row: Any) -> bool:
    if isinstance(row, Mapping):
        return "xyxy" in row or "box_px" in row
    return isinstance(row, Finding) or (isinstance(row, tuple) and len(row) == 6)


def _of_object(result: Any) -> Iterator[dict[str, Any]]:
    boxes = np.asarray(as_numpy(result.xyxy), np.float64)
    if boxes.size and (boxes.ndim != 2 or boxes.shape[1] != 4):
        raise UsageError(f"xyxy of the callback's detections has shape {boxes.shape}; needed is [q, 4]")
    data = getattr(result, "data", None)
    columns = {
        "xyxy": boxes.reshape(-1, 4),
        "confidence": getattr(result, "confidence", None),
        "class_id": getattr(result, "class_id", None),
        "label": data.get("class_name") if isinstance(data, Mapping) else None,
    }
    told = {name: as_numpy(values) for name, values in columns.items() if values is not None}
    for name, values in told.items():
        if len(values) != len(told["xyxy"]):
            raise UsageError(f"the callback's detections have {len(told['xyxy'])} boxes but {len(values)} of {name}")
    for row in range(len(told["xyxy"])):
        yield {name: values[row] for name, values in told.items()}


def _detection(row: Any, names: Names | None) -> Detection:
    if isinstance(row, Finding):
        return Detection(finding=row, class_id=None)
    if isinstance(row, tuple):
        kind = "label" if isinstance(row[5], str) else "class_id"
        row = {"xyxy": row[:4], "confidence": row[4], kind: row[5]}
    if "xyxy" in row:
        left, top, right, bottom = row["xyxy"]
        box_px = (top, left, bottom, right)
    else:
        box_px = tuple(row["box_px"])
    class_id = None if row.get("class_id") is None else int(row["class_id"])
    finding = Finding(label=_label(row, class_id, names), score=_score(row), box_px=box_px)
    return Detection(finding=finding, class_id=class_id)


def _score(row: Mapping[str, Any]) -> float:
    score = float(row.get("score", row.get("confidence", 1.0)))
    return min(score, 1.0) if score <= ABOUT_ONE else score


def _label(row: Mapping[str, Any], class_id: int | None, names: Names | None) -> str:
    if row.get("label") is not None:
        return str(row["label"])
    if class_id is None:
        return NAMELESS
    if names is None:
        return str(class_id)
    is_known = class_id in names if isinstance(names, Mapping) else 0 <= class_id < len(names)
    if not is_known:
        raise UsageError(f"the callback found something of class {class_id}, which class_names does not name")
    return names[class_id]


def _shifted(detection: Detection, tile_px: Box) -> Detection:
    (down, right), (top, left, bottom, far) = tile_px[:2], detection.finding.box_px
    box_px = top + down, left + right, bottom + down, far + right
    return replace(detection, finding=replace(detection.finding, box_px=box_px))
