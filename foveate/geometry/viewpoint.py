"""The one coordinate frame: array arithmetic on viewpoints, without torch.

A viewpoint is four numbers ``(row, col, half_height, half_width)`` in the scene's frame, where the scene spans [-1, 1]
on both axes and pixel *edges* (not centres) lie on integers of the pixel grid (``align_corners=False``). So a viewpoint
``(0, 0, 1, 1)`` is the whole scene, whatever its aspect. Every function takes numpy arrays or torch tensors.

Shape letters: n scenes, k looks, ``...`` any leading axes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

Array = Any  # numpy.ndarray or torch.Tensor; named so that signatures read

SNAP_PX = 0.01  # pixel edges closer than this to an integer are that integer

WHOLE_SCENE = (0.0, 0.0, 1.0, 1.0)


def whole_scene(num_scenes: int) -> NDArray[np.float32]:
    """The viewpoint of the opening glance: ``[n, 1, 4]``."""
    return np.tile(np.asarray(WHOLE_SCENE, np.float32), (num_scenes, 1, 1))


def clamp_inside(viewpoints: Array) -> Array:
    """Shift viewpoints ``[..., 4]`` inside the scene; shrink one only if it is larger than the scene."""
    xp = array_namespace(viewpoints)
    centers, half_extents = viewpoints[..., :2], viewpoints[..., 2:]
    half_extents = xp.clip(half_extents, max=1.0)
    room = 1.0 - half_extents
    centers = xp.maximum(xp.minimum(centers, room), -room)
    return xp.concat([centers, half_extents], axis=-1)


def half_extents_of(glimpse_size_px: tuple[int, int], sizes_px: Array) -> Array:
    """Half extents ``[n, 2]`` of a native-resolution glimpse in scenes of ``sizes_px`` ``[n, 2]`` (height, width)."""
    xp = array_namespace(sizes_px)
    glimpse = xp.asarray(glimpse_size_px, dtype=sizes_px.dtype, device=device(sizes_px))
    return glimpse / sizes_px


def to_boxes_px(viewpoints: Array, sizes_px: Array) -> Array:
    """Float64 pixel boxes ``[n, k, 4]`` (top, left, bottom, right), snapped, of viewpoints ``[n, k, 4]``.

    ``sizes_px`` is ``[n, 2]`` (height, width). Edges within ``SNAP_PX`` of an integer become that integer, so that a
    crop meant to be aligned is an exact copy in spite of float32 viewpoints.
    """
    xp = array_namespace(viewpoints, sizes_px)
    view = xp.astype(viewpoints, xp.float64)
    half_sizes = xp.astype(sizes_px, xp.float64)[:, None, :] / 2
    low = (view[..., :2] - view[..., 2:] + 1) * half_sizes
    high = (view[..., :2] + view[..., 2:] + 1) * half_sizes
    boxes = xp.concat([low, high], axis=-1)
    nearest = xp.round(boxes)
    return xp.where(xp.abs(boxes - nearest) < SNAP_PX, nearest, boxes)


def from_boxes_px(boxes_px: Array, sizes_px: Array) -> Array:
    """Viewpoints ``[n, k, 4]`` of boxes ``[n, k, 4]`` (top, left, bottom, right); inverts :func:`to_boxes_px`."""
    xp = array_namespace(boxes_px, sizes_px)
    boxes = xp.astype(boxes_px, xp.float64)
    half_sizes = xp.astype(sizes_px, xp.float64)[:, None, :] / 2
    low, high = boxes[..., :2] / half_sizes - 1, boxes[..., 2:] / half_sizes - 1
    return xp.concat([(low + high) / 2, (high - low) / 2], axis=-1)


def grid_centers(grid: tuple[int, int], like: Array) -> Array:
    """Centres ``[rows * cols, 2]`` of a regular grid over the scene, row-major, in ``like``'s dtype and device."""
    xp = array_namespace(like)
    rows, cols = ((2 * xp.arange(m, dtype=like.dtype, device=device(like)) + 1) / m - 1 for m in grid)
    mesh = xp.meshgrid(rows, cols, indexing="ij")
    return xp.reshape(xp.stack(mesh, axis=-1), (-1, 2))


def contains(viewpoints: Array, points: Array) -> Array:
    """Whether each viewpoint ``[n, k, 4]`` holds each point ``[n, m, 2]``: bool ``[n, k, m]``."""
    offset = abs(points[:, None, :, :] - viewpoints[:, :, None, :2])
    inside = offset <= viewpoints[:, :, None, 2:]
    return inside[..., 0] & inside[..., 1]
