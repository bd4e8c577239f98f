"""From pixels to places on a map and back, by an affine transform as rasters carry it."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

WGS84 = ("EPSG:4326", "OGC:CRS84")  # as x, y: readers of both names give longitude first, as GeoJSON has them


def placed(geo_transform: Sequence[float], row_px: float, col_px: float) -> tuple[float, float]:
    """(x, y) of a place in pixels, of which corners are whole numbers; the transform is (a, b, c, d, e, f):
    x = a col + b row + c and y = d col + e row + f."""
    a, b, c, d, e, f = geo_transform
    return a * col_px + b * row_px + c, d * col_px + e * row_px + f


def unplaced(geo_transform: Sequence[float], x: float, y: float) -> tuple[float, float]:
    """(row_px, col_px) of a place on the map, the inverse of :func:`placed`; of a transform that maps onto an area."""
    a, b, c, d, e, f = geo_transform
    area, right, up = a * e - b * d, x - c, y - f
    return (a * up - d * right) / area, (e * right - b * up) / area


def maps_onto_area(geo_transform: Sequence[float], size_px: tuple[int, int]) -> bool:
    """Whether a picture of (height, width) gets an area of finite places; files hold transforms that give it none."""
    a, b, _, d, e, _ = geo_transform
    corners = [placed(geo_transform, row, col) for row in (0, size_px[0]) for col in (0, size_px[1])]
    return a * e != b * d and all(isfinite(each) for corner in corners for each in corner)
