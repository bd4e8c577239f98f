"""What a TIFF says of the world: the size of a pixel, and where it lies on the globe."""

from __future__ import annotations

import re
from typing import Any

from foveate.scenes.pyramid import GeoTransform

CENTIMETRE = 3  # of the tag ResolutionUnit. Inches say how large to print, not how large a pixel was.
RESOLUTION_UNIT, X_RESOLUTION, Y_RESOLUTION = 296, 282, 283
PIXEL_SCALE, TIEPOINT, TRANSFORMATION, GEO_KEYS = 33550, 33922, 34264, 34735
MODEL_TYPE, RASTER_TYPE, GEOGRAPHIC_TYPE, PROJECTED_TYPE = 1024, 1025, 2048, 3072
IS_POINT, USER_DEFINED = 2, 32767
NAMED_BY = {1: PROJECTED_TYPE, 2: GEOGRAPHIC_TYPE}  # for each type of model, the key that gives its number
EPSG_CODES = range(1024, USER_DEFINED)
UM_OF = {"nm": 1e-3, "µm": 1.0, "μm": 1.0, "um": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6}


def um_per_px(file: Any, page: Any) -> tuple[float, float] | None:
    """(height, width) of a pixel in micrometres: of OME's metadata, Aperio's, or the resolution per centimetre."""
    if file.is_ome:
        sizes = [_ome_size(file.ome_metadata or "", axis) for axis in "YX"]
        if None not in sizes:
            return sizes[0], sizes[1]  # type: ignore[return-value]
    aperio = re.search(r"\|\s*MPP\s*=\s*([0-9.]+)", page.description or "")
    if aperio is not None and (size := _positive(aperio[1])) is not None:
        return size, size
    if page.tags.valueof(RESOLUTION_UNIT, 0) == CENTIMETRE:
        per_cm = [_ratio(page.tags.valueof(tag, None)) for tag in (Y_RESOLUTION, X_RESOLUTION)]
        if per_cm[0] and per_cm[1]:
            return 1e4 / per_cm[0], 1e4 / per_cm[1]
    return None


def geo_transform(page: Any) -> GeoTransform | None:
    """Of GeoTIFF's tags, for pixel corners."""
    matrix, scale, tie = (page.tags.valueof(tag, None) for tag in (TRANSFORMATION, PIXEL_SCALE, TIEPOINT))
    if matrix is not None and len(matrix) >= 8:
        a, b, _, c, d, e, _, f = (float(value) for value in matrix[:8])
    elif scale is not None and tie is not None and len(scale) >= 2 and len(tie) >= 6:
        a, b, d, e = float(scale[0]), 0.0, 0.0, -float(scale[1])
        c, f = float(tie[3]) - a * float(tie[0]), float(tie[4]) - e * float(tie[1])
    else:
        return None
    is_point = _geo_keys(page).get(RASTER_TYPE) == IS_POINT
    shift = 0.5 if is_point else 0.0  # then the numbers are those of pixel centres
    return a, b, c - shift * (a + b), d, e, f - shift * (d + e)


def crs(page: Any) -> str | None:
    """The reference system of ``geo_transform``, where GeoTIFF's keys give its number: "EPSG:32633". Of one that they
    spell out only the numbers of its parts are there, which are other systems."""
    keys = _geo_keys(page)
    kind = PROJECTED_TYPE if PROJECTED_TYPE in keys else GEOGRAPHIC_TYPE
    if MODEL_TYPE in keys:
        kind = NAMED_BY.get(keys[MODEL_TYPE], 0)
    code = keys.get(kind)
    return f"EPSG:{code}" if code in EPSG_CODES else None


def _geo_keys(page: Any) -> dict[int, int]:
    """Those whose value is a whole number that stands with the key."""
    keys = page.tags.valueof(GEO_KEYS, None) or ()
    entries = [tuple(int(part) for part in keys[at : at + 4]) for at in range(4, len(keys) - 3, 4)]
    return {key: value for key, place, _, value in entries if place == 0}


def _ome_size(xml: str, axis: str) -> float | None:
    pixels = re.search(r"<(?:\w+:)?Pixels\b[^>]*>", xml)
    if pixels is None:
        return None
    size = re.search(rf'\bPhysicalSize{axis}="([^"]+)"', pixels[0])
    unit = re.search(rf'\bPhysicalSize{axis}Unit="([^"]+)"', pixels[0])
    scale = UM_OF.get(unit[1] if unit else "µm")
    value = None if size is None else _positive(size[1])
    return None if scale is None or value is None else value * scale


def _positive(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None


def _ratio(value: Any) -> float | None:
    return float(value[0]) / float(value[1]) if value and value[1] and value[0] else None
