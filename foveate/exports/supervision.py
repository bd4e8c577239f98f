"""Findings as other people's tools have them in memory: ``supervision.Detections``, or what quacks like it.

The package `supervision` is no dependency. Where it is missing, :class:`Detections` has its attributes, length,
iteration and indexing; who wants its methods has it.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.errors import UsageError, suggest
from foveate.findings import Found

Row = tuple[NDArray[np.float32], None, np.float32, np.integer[Any], None, dict[str, Any]]


@dataclass(kw_only=True, eq=False)
class Detections:
    """n findings; as :class:`supervision.Detections`, without its methods."""

    xyxy: NDArray[np.float32]  # [n, 4] (left, top, right, bottom) in pixels
    confidence: NDArray[np.float32]  # [n] in [0, 1]
    class_id: NDArray[np.int64]  # [n]
    data: dict[str, NDArray[Any]]  # "class_name": [n] text
    metadata: dict[str, Any] = field(default_factory=dict)
    mask: None = None
    tracker_id: None = None

    def __len__(self) -> int:
        return len(self.xyxy)

    def __iter__(self) -> Iterator[Row]:
        """(xyxy, mask, confidence, class_id, tracker_id, data) of each."""
        for row in range(len(self)):
            data = {key: values[row] for key, values in self.data.items()}
            yield self.xyxy[row], None, self.confidence[row], self.class_id[row], None, data

    def __getitem__(self, index: int | slice | list[int] | NDArray[Any] | str) -> Any:
        """Some of them: by a number, a slice, numbers or a mask; or, by a text, an entry of ``data`` (None if none).

        As there, anything taken of nothing is nothing."""
        if isinstance(index, str):
            return self.data.get(index)
        rows = np.atleast_1d(np.arange(len(self))[index if len(self) else slice(0)])
        return Detections(
            xyxy=self.xyxy[rows],
            confidence=self.confidence[rows],
            class_id=self.class_id[rows],
            data={key: values[rows] for key, values in self.data.items()},
            metadata=dict(self.metadata),
        )


def detections(found: Found, *, class_names: Sequence[str] | None = None) -> Any:
    """The findings of one picture, best first.

    ``class_names`` are those that ``class_id`` counts; without them, the labels of this picture in the order of the
    alphabet, so that numbers of different pictures mean different things. Raises UsageError for a label that is not
    among them. Coordinates are float32: exact to a pixel up to 2^24 of them."""
    names = sorted({each.label for each in found.findings}) if class_names is None else list(class_names)
    labels = [each.label for each in found.findings]
    for label in labels:
        if label not in names:
            raise UsageError(f"{label!r} was found, but is none of class_names.{suggest(label, names)}")
    boxes_px = np.array([each.box_px for each in found.findings], np.float32).reshape(-1, 4)
    return _kind()(
        xyxy=boxes_px[:, [1, 0, 3, 2]],
        confidence=np.array([each.score for each in found.findings], np.float32),
        class_id=np.array([names.index(label) for label in labels], np.int64),
        data={"class_name": np.array(labels, np.str_)},
    )


def _kind() -> Any:
    """The real class, if there is one; a package that is there but broken raises its own ImportError."""
    try:
        return importlib.import_module("supervision").Detections
    except ModuleNotFoundError as error:
        if error.name != "supervision":
            raise
        return Detections
