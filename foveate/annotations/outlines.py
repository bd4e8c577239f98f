"""GeoJSON's geometries as outlines: the places of which a thing's box is the extent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# For each type, the lists of places in its coordinates; of a polygon the outer ring, as holes change no extent.
PARTS: dict[str, Callable[[Any], list[Any]]] = {
    "Point": lambda place: [[place]],
    "MultiPoint": lambda places: [[place] for place in places],
    "LineString": lambda places: [places],
    "MultiLineString": list,
    "Polygon": lambda rings: [rings[0]],
    "MultiPolygon": lambda polygons: [rings[0] for rings in polygons],
}


@dataclass(frozen=True, kw_only=True)
class Outline:
    """Of one thing; a point has one place."""

    places: NDArray[np.float64]
    """``[k, 2]`` (x, y), finite."""
    is_point: bool


def outlines(geometry: Any) -> list[Outline]:
    """One of each part of a geometry. ValueError, which says what is wrong, for one that is not known or broken."""
    if not isinstance(geometry, Mapping):
        raise ValueError("has no geometry")
    kind = geometry.get("type")
    if not isinstance(kind, str) or kind not in PARTS:
        raise ValueError(f"is a {kind}; known are {', '.join(PARTS)}")
    try:
        parts = [np.array([place[:2] for place in part], np.float64) for part in PARTS[kind](geometry["coordinates"])]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"has coordinates that are none of a {kind} ({error})") from error
    if not parts or any(part.ndim != 2 or part.shape[1] != 2 or not np.isfinite(part).all() for part in parts):
        raise ValueError(f"has coordinates that are missing or not finite for a {kind}")
    return [Outline(places=part, is_point=kind.endswith("Point")) for part in parts]
