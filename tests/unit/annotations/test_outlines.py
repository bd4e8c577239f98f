"""Every geometry that has an extent, and those that have none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from foveate.annotations.outlines import outlines

RING = [[0, 0], [4, 0, 9.0], [4, 2], [0, 2], [0, 0]]
FLAT = [[0, 0], [4, 0], [4, 2], [0, 2], [0, 0]]
HOLE = [[1, 1], [2, 1], [2, 2], [1, 1]]


@pytest.mark.parametrize(
    ("kind", "coordinates", "parts"),
    [
        ("Point", [1, 2], [[[1, 2]]]),
        ("Point", [1, 2, 300.5], [[[1, 2]]]),
        ("MultiPoint", [[1, 2], [3, 4]], [[[1, 2]], [[3, 4]]]),
        ("LineString", [[1, 2], [3, 4]], [[[1, 2], [3, 4]]]),
        ("MultiLineString", [[[1, 2], [3, 4]], FLAT], [[[1, 2], [3, 4]], FLAT]),
        ("Polygon", [RING, HOLE], [FLAT]),
        ("MultiPolygon", [[RING, HOLE], [HOLE]], [FLAT, HOLE]),
    ],
)
def test_parts(kind: str, coordinates: Any, parts: list[Any]) -> None:
    found = outlines({"type": kind, "coordinates": coordinates})
    assert [each.places.tolist() for each in found] == parts
    assert {each.places.dtype for each in found} == {np.dtype(np.float64)}
    assert {each.is_point for each in found} == {"Point" in kind}


@pytest.mark.parametrize(
    ("geometry", "message"),
    [
        (None, "has no geometry"),
        ([], "has no geometry"),
        ({}, "is a None; known are Point, MultiPoint, "),
        ({"type": "GeometryCollection", "geometries": []}, "is a GeometryCollection; known are"),
        ({"type": ["Point"]}, r"is a \['Point'\]; known are"),
        ({"type": "Point"}, "has coordinates that are none of a Point"),
        ({"type": "Point", "coordinates": []}, "missing or not finite for a Point"),
        ({"type": "Point", "coordinates": None}, "has coordinates that are none of a Point"),
        ({"type": "Point", "coordinates": [1]}, "missing or not finite"),
        ({"type": "Point", "coordinates": [1, float("nan")]}, "missing or not finite"),
        ({"type": "Point", "coordinates": ["x", "y"]}, "none of a Point"),
        ({"type": "MultiPoint", "coordinates": []}, "missing or not finite"),
        ({"type": "Polygon", "coordinates": []}, "none of a Polygon"),
        ({"type": "Polygon", "coordinates": [[]]}, "missing or not finite"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1]]]}, "none of a Polygon"),
        ({"type": "MultiPolygon", "coordinates": [RING]}, "none of a MultiPolygon|missing"),
    ],
)
def test_what_has_no_extent(geometry: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        outlines(geometry)
