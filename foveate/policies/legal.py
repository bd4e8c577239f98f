"""Where a look may stand, for policies that do not choose among candidates: shared by the controls. No torch here.

Shape letters: n rows, m candidates.
"""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace, device

from foveate.core import Look, Observation
from foveate.geometry.viewpoint import Array, clamp_inside


def native_half_extents(observation: Observation) -> Array:
    """Half extents ``[n, 2]`` of the closest look that the candidates offer: the one of the smallest area."""
    return _of_extreme_area(observation, sign=1.0)


def widest_half_extents(observation: Observation) -> Array:
    """Half extents ``[n, 2]`` of the widest look that the candidates offer: the one of the largest area."""
    return _of_extreme_area(observation, sign=-1.0)


def _of_extreme_area(observation: Observation, *, sign: float) -> Array:
    xp = array_namespace(observation.candidates)
    half = observation.candidates[..., 2:]
    area = sign * half[..., 0] * half[..., 1]
    extreme = xp.argmin(xp.where(observation.mask, area, xp.full_like(area, xp.inf)), axis=1)
    return xp.take_along_axis(half, xp.broadcast_to(extreme[:, None, None], (len(half), 1, 2)), axis=1)[:, 0]


def as_noise(noise: Any, *, like: Array) -> Array:
    """Noise ``[n, k, dims]`` in the library, dtype and device of ``like``."""
    xp = array_namespace(like)
    return xp.asarray(noise, dtype=like.dtype, device=device(like))


def look_at(centers: Array, half_extents: Array) -> Look:
    """One look per row at ``centers`` ``[n, 2]`` with ``half_extents`` ``[n, 2]``, shifted inside the scene."""
    xp = array_namespace(centers)
    viewpoints = clamp_inside(xp.concat([centers, half_extents], axis=-1))[:, None]
    valid = xp.ones(viewpoints.shape[:2], dtype=xp.bool, device=device(centers))
    return Look(action={"center": viewpoints[..., :2]}, viewpoints=viewpoints, valid=valid)
