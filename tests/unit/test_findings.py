"""A finding is what can be; what became of a picture is in order and inside of it."""

from __future__ import annotations

import json
from math import inf, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from foveate.errors import UsageError
from foveate.findings import Finding, Found
from tests.support.findings import BOAT, TREE, UTM, a_found, any_found


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": ""}, "label is ''"),
        ({"label": 3}, "label is 3"),
        ({"score": -0.01}, "score of 'tree' is -0.01; a probability is between 0 and 1"),
        ({"score": 1.01}, r"score .* 1\.01"),
        ({"score": nan}, "score .* nan"),
        ({"box_px": (30, 20, 10, 50)}, "box_px .* with top <= bottom"),
        ({"box_px": (10, 50, 30, 20)}, "box_px .* left <= right"),
        ({"box_px": (10, 20, 30)}, "four finite numbers"),
        ({"box_px": (10, 20, 30, inf)}, "four finite numbers"),
        ({"box_px": (-inf, 20, 30, 50)}, "four finite numbers"),
        ({"box_px": (10, nan, 30, 50)}, "four finite numbers"),
    ],
)
def test_a_finding_that_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Finding(**({"label": "tree", "score": 0.5, "box_px": (10, 20, 30, 50)} | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size_px": (0, 200)}, r"harbour/a\.tif: size_px is \(0, 200\)"),
        ({"outcome": "done"}, "outcome is 'done'; allowed are stopped, truncated, deferred"),
        ({"geo_transform": UTM[:5]}, "has 5 numbers; it must have six"),
        ({"geo_transform": (0.5, 0.0, nan, 0.0, -0.5, 0.0)}, "must be finite"),
        ({"geo_transform": (1e308, 0.0, 0.0, 0.0, 1.0, 0.0)}, "must be finite"),
        ({"geo_transform": (0.0,) * 6}, "onto an area"),
        ({"geo_transform": (1.0, 2.0, 0.0, 2.0, 4.0, 0.0)}, "onto an area"),
    ],
)
def test_a_picture_that_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        a_found(**changes)


def test_numbers_of_any_library_become_plain_ones() -> None:
    finding = Finding(label="a", score=np.float32(0.25), box_px=tuple(np.array([-0.0, 1, 2, 3], np.float32)))
    assert [type(each) for each in (finding.score, *finding.box_px)] == [float] * 5
    assert str(finding.box_px) == "(0.0, 1.0, 2.0, 3.0)"
    found = a_found(size_px=tuple(np.array([4, 5])), geo_transform=tuple(np.array(UTM)))
    assert [type(each) for each in (*found.size_px, *(found.geo_transform or ()))] == [int] * 2 + [float] * 6


def test_the_best_come_first_and_equals_keep_their_order() -> None:
    same = Finding(label="bush", score=TREE.score, box_px=TREE.box_px)
    assert a_found(findings=(TREE, same, BOAT)).findings == (BOAT, TREE, same)


def test_boxes_are_cut_at_the_border_and_those_that_cover_nothing_are_left_out() -> None:
    outside, without_area = [(-5, 0, 0, 9), (0, 200, 9, 201), (150, 5, 160, 9)], [(5, 5, 5, 9), (5, 9, 8, 9)]
    boxes_px = [(-5, -5, 5, 5), *outside, (90, 190, 110, 210), *without_area, (0, 0, 100, 200)]
    found = a_found(findings=tuple(Finding(label="a", score=1, box_px=box_px) for box_px in boxes_px))
    assert [each.box_px for each in found.findings] == [(0, 0, 5, 5), (90, 190, 100, 200), (0, 0, 100, 200)]


@given(found=any_found())
def test_whatever_was_found_lies_inside_in_order(found: Found) -> None:
    scores = [each.score for each in found.findings]
    assert scores == sorted(scores, reverse=True)
    for each in found.findings:
        (top, left, bottom, right), (row, col) = each.box_px, each.middle_px
        assert 0 <= top < row < bottom <= 100
        assert 0 <= left < col < right <= 200
    again = a_found(findings=found.findings)
    assert again.findings == found.findings


def test_places_on_the_globe() -> None:
    assert a_found(geo_transform=UTM).to_geo(10, 20) == (500_010, 5_599_995)
    assert a_found(geo_transform=(0, 2, 1, 3, 0, -1)).to_geo(row_px=10, col_px=20) == (21, 59)
    with pytest.raises(UsageError, match=r"harbour/a\.tif: nothing says where"):
        a_found().to_geo(10, 20)


def test_plain_values() -> None:
    found = a_found(answer={"label": np.str_("a"), "value": nan}, geo_transform=UTM, crs="EPSG:32633")
    values = found.to_plain()
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert values == {
        "picture": "harbour/a.tif",
        "size_px": [100, 200],
        "findings": [
            {"label": "boat", "score": 0.875, "box_px": [40, 0, 60, 10]},
            {"label": "tree", "score": 0.5, "box_px": [10, 20, 30, 50]},
        ],
        "outcome": "stopped",
        "answer": {"label": "a", "value": None},
        "cost": {"looks": 3, "seconds": 0.25},
        "geo_transform": list(UTM),
        "crs": "EPSG:32633",
    }
