"""Names of reference systems as files have them."""

from __future__ import annotations

from typing import Any

import pytest

from foveate.annotations.reference import differ, named_crs, remedy


def _named(name: Any) -> dict[str, Any]:
    return {"crs": {"type": "name", "properties": {"name": name}}}


@pytest.mark.parametrize(
    ("collection", "name"),
    [
        ({}, "EPSG:4326"),
        ({"crs": None}, None),
        ({"crs": {"type": "link", "properties": {"href": "https://a.b"}}}, None),
        ({"crs": {"type": "name"}}, None),
        ({"crs": "EPSG:32633"}, None),
        (_named(5), None),
        (_named(" "), None),
        (_named("EPSG:32633"), "EPSG:32633"),
        (_named("urn:ogc:def:crs:EPSG::32633"), "EPSG:32633"),
        (_named("urn:ogc:def:crs:EPSG:6.6:4326"), "EPSG:4326"),
        (_named("urn:ogc:def:crs:OGC:1.3:CRS84"), "OGC:CRS84"),
        (_named("http://www.opengis.net/def/crs/EPSG/0/32633"), "EPSG:32633"),
        (_named('LOCAL_CS["a site: its grid"]'), 'LOCAL_CS["a site: its grid"]'),
    ],
)
def test_the_system_that_a_collection_names(collection: dict[str, Any], name: str | None) -> None:
    assert named_crs(collection) == name


@pytest.mark.parametrize(
    ("named", "crs", "is_other"),
    [
        ("EPSG:32633", "epsg:32633", False),
        ("EPSG:32633", "EPSG:32632", True),
        ("OGC:CRS84", "EPSG:4326", False),
        ("EPSG:4326", 'PROJCS["UTM"]', True),
        ('PROJCS["UTM"]', 'PROJCS["UTM"]', False),
        (None, "EPSG:4326", False),
        ("EPSG:4326", None, False),
        ("EPSG:4326", "", False),
    ],
)
def test_whether_they_differ(named: str | None, crs: str | None, is_other: bool) -> None:
    assert differ(named, crs) is is_other


def test_what_to_do() -> None:
    assert '-t_srs "EPSG:32633" new.geojson old.geojson' in remedy("EPSG:4326", "EPSG:32633")
    assert '-t_srs "<the WKT that `gdalsrsinfo` prints' in remedy("EPSG:4326", 'PROJCS["UTM"]')
    assert 'if EPSG:4326 is the same by another name, write "crs": null' in remedy("EPSG:4326", "EPSG:32633")
