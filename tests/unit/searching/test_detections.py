"""What tile models say, in the shapes that people know, is one and the same finding in the picture."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from foveate.errors import UsageError
from foveate.exports.supervision import Detections
from foveate.findings import Finding
from foveate.searching.detections import detections_of

TILE_PX = (100.0, 2000.0, 164.0, 2064.0)
BOAT = Finding(label="boat", score=0.75, box_px=(102.0, 2001.0, 104.0, 2010.0))
XYXY = (1, 2, 10, 4)  # left, top, right, bottom in the tile
NAMES = ["tree", "boat"]


def said(result: Any, names: Any = NAMES) -> list[Finding] | None:
    found = detections_of(result, tile_px=TILE_PX, names=names)
    return None if found is None else [each.finding for each in found]


def detections(**changes: Any) -> SimpleNamespace:
    values = {"xyxy": np.array([XYXY], np.float32), "confidence": np.array([0.75]), "class_id": np.array([1])}
    return SimpleNamespace(**{**values, **changes})


@pytest.mark.parametrize(
    "result",
    [
        detections(),
        detections(confidence=torch.tensor([0.75]), xyxy=torch.tensor([XYXY]), class_id=torch.tensor([1.0])),
        detections(class_id=None, data={"class_name": np.array(["boat"])}),
        Detections(xyxy=np.float32([XYXY]), confidence=np.float32([0.75]), class_id=np.array([1]), data={}),
        [{"xyxy": XYXY, "confidence": 0.75, "class_id": 1}],
        [{"xyxy": np.array(XYXY), "score": 0.75, "label": "boat"}],
        [{"box_px": (2, 1, 4, 10), "score": 0.75, "label": "boat"}],
        ({"box_px": [2, 1, 4, 10], "score": np.float32(0.75), "class_id": np.int64(1)},),
        [(*XYXY, 0.75, 1)],
        [(*XYXY, 0.75, "boat")],
        [Finding(label="boat", score=0.75, box_px=(2, 1, 4, 10))],
    ],
)
def test_shapes_that_are_read(result: Any) -> None:
    assert said(result) == [BOAT]
    assert said(result, {0: "tree", 1: "boat"}) == [BOAT]


def test_what_is_not_said() -> None:
    (nameless,) = said(detections(confidence=None, class_id=None)) or []
    assert (nameless.label, nameless.score) == ("object", 1.0)
    (numbered,) = said([(*XYXY, 0.75, 7)], None) or []
    assert numbered.label == "7"
    (found,) = detections_of([(*XYXY, 0.75, 7)], tile_px=TILE_PX, names=None) or []
    assert found.class_id == 7


def test_numbers_of_low_precision_may_be_a_little_above_one() -> None:
    (found,) = said(detections(confidence=np.float16([1.0005]))) or []
    assert found.score == 1.0


@pytest.mark.parametrize("nothing", [None, [], (), detections(xyxy=np.zeros((0, 4)), confidence=None, class_id=None)])
def test_nothing_was_found(nothing: Any) -> None:
    assert said(nothing) == []


@pytest.mark.parametrize(
    "other", [0.5, "a boat", {"boat": 0.5}, np.zeros((3, 6)), [0.1, 0.9], [{"label": "boat"}], ["boat"], [(1, 2, 3, 4)]]
)
def test_anything_else_is_no_detection(other: Any) -> None:
    assert said(other) is None


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (
            detections(xyxy=np.zeros((2, 5))),
            r"xyxy of the callback's detections has shape \(2, 5\); needed is \[q, 4\]",
        ),
        (detections(confidence=np.zeros(2)), "have 1 boxes but 2 of confidence"),
        (detections(class_id=np.zeros(3)), "have 1 boxes but 3 of class_id"),
        (detections(class_id=np.array([5])), "of class 5, which class_names does not name"),
        (detections(class_id=np.array([-1])), "of class -1, which"),
        (detections(confidence=np.array([75.0])), "score of 'boat' is 75.0; a probability is between 0 and 1"),
        (detections(confidence=np.array([np.nan])), "score of 'boat' is nan"),
        (detections(xyxy=np.array([[10, 2, 1, 4]])), "left <= right"),
        (detections(xyxy=np.array([[1, 2, np.inf, 4]])), "four finite numbers"),
        ([{"xyxy": (1, 2, 3)}], "a detection of the callback cannot be read: ValueError"),
        ([(*XYXY, 0.5, "boat"), (1, 2)], "cannot be read: IndexError"),
        ([{"xyxy": XYXY, "score": 0.5, "label": ""}], "label is ''"),
        ([{"xyxy": XYXY, "score": None}], "cannot be read: TypeError"),
        ([{"xyxy": XYXY}, {"label": "boat"}], "cannot be read: KeyError: 'box_px'"),
    ],
)
def test_detections_that_cannot_be(result: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        said(result)
