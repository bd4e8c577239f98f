"""Polygons that are closed, counter-clockwise and where the finding is; and coordinates that say what they are."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.exports.geojson import geojson
from foveate.findings import Found
from tests.support.findings import BOAT, UTM, a_found, any_found

Ring = list[list[float]]


def _read(*founds: Found) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(geojson(founds))
    assert values["type"] == "FeatureCollection"
    return values


def _rings(read: dict[str, Any]) -> list[Ring]:
    assert all(each["geometry"]["type"] == "Polygon" for each in read["features"])
    return [each["geometry"]["coordinates"][0] for each in read["features"]]


def _signed_area(ring: Ring) -> Fraction:
    """Above 0: counter-clockwise where y grows upwards."""
    exact = [(Fraction(x), Fraction(y)) for x, y in ring]
    return sum((x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(exact)), Fraction()) / 2


def test_a_map_in_metres() -> None:
    read = _read(a_found(findings=(BOAT,), geo_transform=UTM, crs="EPSG:32633"))
    assert read["crs"] == {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
    assert read["foveate"] == {"format": 1, "coordinates": "geo"}
    (feature,) = read["features"]
    assert feature["properties"] == {
        "label": "boat", "score": 0.875, "picture": "harbour/a.tif", "coordinates": "geo",
    }  # fmt: skip
    near, far = 5_600_000 - 30, 5_600_000 - 20
    assert feature["geometry"]["coordinates"] == [
        [[500_000, far], [500_000, near], [500_005, near], [500_005, far], [500_000, far]]
    ]


def test_pixels_where_nothing_else_is_known() -> None:
    read = _read(a_found(findings=(BOAT,)))
    assert read["crs"] is None
    assert read["foveate"]["coordinates"] == read["features"][0]["properties"]["coordinates"] == "pixel"
    assert read["foveate"]["why_pixel"] == "1 of 1 pictures do not say where they lie"
    assert _rings(read) == [[[0, 40], [10, 40], [10, 60], [0, 60], [0, 40]]]


@pytest.mark.parametrize(
    ("crs", "member"),
    [
        ("EPSG:4326", "absent"),
        ("epsg:4326", "absent"),
        ("OGC:CRS84", "absent"),
        (None, None),
        ("", None),
        ("epsg:25832", "urn:ogc:def:crs:EPSG::25832"),
        ("ESRI:102001", "urn:ogc:def:crs:ESRI::102001"),
        ('LOCAL_CS["a site: its grid"]', 'LOCAL_CS["a site: its grid"]'),
    ],
)
def test_the_system_is_named_unless_it_is_the_one_of_the_rfc(crs: str | None, member: str | None) -> None:
    read = _read(a_found(geo_transform=UTM, crs=crs))
    named = read["crs"] and read["crs"]["properties"]["name"] if "crs" in read else "absent"
    assert named == member
    assert read["foveate"]["coordinates"] == "geo"


def test_a_file_never_mixes_coordinates() -> None:
    here = a_found(geo_transform=UTM, crs="EPSG:32633")
    nowhere = _read(here, a_found())
    assert nowhere["foveate"]["why_pixel"] == "1 of 2 pictures do not say where they lie"
    elsewhere = _read(here, a_found(geo_transform=UTM, crs="EPSG:32634"))
    assert "several reference systems" in elsewhere["foveate"]["why_pixel"]
    for read in (nowhere, elsewhere):
        assert read["crs"] is None
        assert {each["properties"]["coordinates"] for each in read["features"]} == {"pixel"}
        assert _rings(read) == 2 * _rings(_read(a_found()))
    assert _read(here, a_found(geo_transform=UTM, crs="epsg:32633"))["foveate"]["coordinates"] == "geo"


def test_a_picture_without_findings_does_not_decide() -> None:
    here = a_found(geo_transform=UTM, crs="EPSG:32633")
    assert _read(a_found(findings=()), here) == _read(here)
    assert _read(a_found(findings=()))["features"] == _read()["features"] == []


@given(founds=st.lists(any_found(is_geo=True), min_size=1, max_size=3))
def test_on_a_map_rings_are_closed_and_counter_clockwise_and_lie_where_the_boxes_are(founds: list[Found]) -> None:
    rings = _rings(_read(*founds))
    expected = [(found, each) for found in founds for each in found.findings]
    for ring, (found, each) in zip(rings, expected, strict=True):
        top, left, bottom, right = each.box_px
        corners = [found.to_geo(row, col) for row in (top, bottom) for col in (left, right)]
        assert sorted(map(tuple, ring[:-1])) == sorted(corners)
        assert ring[0] == ring[-1]
        assert _signed_area(ring) > 0


@given(founds=st.lists(any_found(is_geo=False), min_size=1, max_size=3))
def test_in_pixels_too(founds: list[Found]) -> None:
    rings = _rings(_read(*founds))
    for ring, each in zip(rings, [each for found in founds for each in found.findings], strict=True):
        (left, top), (right, bottom) = map(min, zip(*ring, strict=True)), map(max, zip(*ring, strict=True))
        assert (top, left, bottom, right) == each.box_px
        assert len(ring) == 5
        assert ring[0] == ring[-1]
        assert _signed_area(ring) == (bottom - top) * (right - left)


def test_gdal_reads_it(tmp_path: Any) -> None:
    pyogrio = pytest.importorskip("pyogrio", reason="no dependency of ours")
    (tmp_path / "a.geojson").write_text(geojson([a_found(geo_transform=UTM, crs="EPSG:32633")]))
    facts = pyogrio.read_info(tmp_path / "a.geojson")
    assert (facts["crs"], facts["features"], facts["geometry_type"]) == ("EPSG:32633", 2, "Polygon")
    assert tuple(facts["total_bounds"]) == (500_000, 5_599_970, 500_025, 5_599_995)
