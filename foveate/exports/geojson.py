"""`.geojson`: a polygon per finding (RFC 7946), for GIS tools and maps.

A file never mixes coordinates: they are the reference system's ("geo") if every picture in which something was found
says where it lies, and all in one system; else they are pixels ("pixel"; x to the right, y downwards). The foreign
member ``foveate`` and each feature's ``coordinates`` say which, and ``why_pixel`` says why.

The RFC wants longitude and latitude of WGS84. Nothing is reprojected here: any other system is named in the member
``crs`` of the standard's first version (GeoJSON 2008), which GDAL, and so QGIS, still reads; readers that know the RFC
alone take such coordinates for degrees. As in that version, ``crs`` is null where no system is known; GDAL then says
WGS84 all the same, so that a file of pixels opens as a map near 0° until one says otherwise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from foveate.findings import Finding, Found
from foveate.geometry.georeference import WGS84

FORMAT = 1

Ring = list[tuple[float, float]]


def geojson(founds: Sequence[Found]) -> str:
    """A FeatureCollection: a feature per finding, with ``label``, ``score``, ``picture`` and ``coordinates``."""
    shown = [found for found in founds if found.findings] or founds
    why = _why_pixel(shown)
    is_geo = why is None
    facts = {"format": FORMAT, "coordinates": _word(is_geo=is_geo), **({} if is_geo else {"why_pixel": why})}
    values = {
        "type": "FeatureCollection",
        **_crs_member(shown[0].crs if is_geo else None),
        "foveate": facts,
        "features": [_feature(found, each, is_geo=is_geo) for found in shown for each in found.findings],
    }
    return json.dumps(values, ensure_ascii=False, allow_nan=False) + "\n"


def _why_pixel(founds: Sequence[Found]) -> str | None:
    """What keeps the findings off a map; None where nothing does."""
    lost = sum(found.geo_transform is None for found in founds)
    if lost or not founds:
        return f"{lost} of {len(founds)} pictures do not say where they lie"
    if len({_authority(found.crs) for found in founds}) > 1:
        return "the pictures are in several reference systems: save those of each in a file of their own"
    return None


def _feature(found: Found, each: Finding, *, is_geo: bool) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [_ring(found, each, is_geo=is_geo)]},
        "properties": {
            "label": each.label,
            "score": each.score,
            "picture": found.picture,
            "coordinates": _word(is_geo=is_geo),
        },
    }


def _ring(found: Found, each: Finding, *, is_geo: bool) -> Ring:
    """(x, y) of the corners, the first once more at the end; counter-clockwise where y grows upwards, as the RFC has it
    in mind."""
    top, left, bottom, right = each.box_px
    ring: Ring = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    if not is_geo or found.geo_transform is None:
        return ring
    a, b, _, d, e, _ = found.geo_transform
    turned = [found.to_geo(row, col) for col, row in ring]
    return turned if a * e > b * d else turned[::-1]  # most pictures have north at the top, and are mirrored


def _word(*, is_geo: bool) -> str:
    return "geo" if is_geo else "pixel"


def _crs_member(crs: str | None) -> dict[str, Any]:
    name = _authority(crs)
    if name in WGS84:
        return {}
    if name is None:
        return {"crs": None}
    is_coded = re.fullmatch(r"(\w+):(\w+)", name)
    urn = f"urn:ogc:def:crs:{is_coded[1]}::{is_coded[2]}" if is_coded else name
    return {"crs": {"type": "name", "properties": {"name": urn}}}


def _authority(crs: str | None) -> str | None:
    """ "epsg:32633" and "EPSG:32633" are one; any other text stays as it is."""
    return crs.upper() if crs and re.fullmatch(r"\w+:\w+", crs) else crs or None
