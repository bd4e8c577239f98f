"""The reference system of a GeoJSON's coordinates, and whether it is a picture's too. Nothing is reprojected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from foveate.geometry.georeference import WGS84


def named_crs(collection: Mapping[str, Any]) -> str | None:
    """The system that the member ``crs`` of GeoJSON 2008 names ("EPSG:32633", or spelt out), that of RFC 7946 where
    there is no such member, None where it is null or no name."""
    if "crs" not in collection:
        return WGS84[0]
    member = collection["crs"]
    properties = member.get("properties") if isinstance(member, Mapping) else None
    name = properties.get("name") if isinstance(properties, Mapping) else None
    return _short(name.strip()) if isinstance(name, str) and name.strip() else None


def differ(named: str | None, crs: str | None) -> bool:
    """Whether a file's and a picture's system are known and not the same, as far as names tell."""
    if not named or not crs:
        return False
    return _folded(named) != _folded(crs)


def remedy(named: str, crs: str) -> str:
    """What to do about two that differ, for a message."""
    target = crs if re.fullmatch(r"\w+:\w+", crs) else "<the WKT that `gdalsrsinfo` prints of the picture>"
    return (
        f'nothing is reprojected here: run `ogr2ogr -t_srs "{target}" new.geojson old.geojson`, or, if {named} is the '
        'same by another name, write "crs": null'
    )


def _short(name: str) -> str:
    """ "urn:ogc:def:crs:EPSG::32633" and "http://www.opengis.net/def/crs/EPSG/0/32633" are "EPSG:32633"."""
    long = re.fullmatch(r"urn:(?:x-)?ogc:def:crs:(\w+):[^:]*:(\w+)", name, re.IGNORECASE) or re.fullmatch(
        r"https?://www\.opengis\.net/def/crs/(\w+)/[^/]*/(\w+)", name, re.IGNORECASE
    )
    return f"{long[1]}:{long[2]}" if long else name


def _folded(name: str) -> str:
    folded = name.upper()
    return WGS84[0] if folded in WGS84 else folded
