"""Tiles: looks of one size that together answer for every place of a scene.

A look of side w answers for the share ``core_frac`` of it in its middle, and up to the border where it touches that: so
neighbours overlap by the rest. Positions are whole pixels, spread evenly: at native resolution every tile is a copy.
Shape letters: t tiles, b boxes.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from foveate.errors import UsageError
from foveate.geometry.viewpoint import from_boxes_px


def tile_grid(size_px: tuple[int, int], *, window_px: tuple[float, float], core_frac: float = 1.0) -> tuple[int, int]:
    """(rows, cols) of the fewest tiles that answer for all of a scene."""
    if not (0 < core_frac <= 1 and min(window_px) > 0):
        raise UsageError(f"window_px is {window_px}, core_frac {core_frac}; needed are above 0, and at most 1 of core")
    rows, cols = (
        1 + max(0, math.ceil((side - window) / max(1, math.floor(window * core_frac))))
        for side, window in zip(size_px, window_px, strict=True)
    )
    return rows, cols


def tile_viewpoints(
    size_px: tuple[int, int], *, window_px: tuple[float, float], core_frac: float = 1.0
) -> NDArray[np.float32]:
    """Viewpoints ``[t, 4]`` of the tiles of a scene (height, width), row by row. A tile is never larger than the scene.

    Raises UsageError for a share outside (0, 1] or a window without extent."""
    grid = tile_grid(size_px, window_px=window_px, core_frac=core_frac)
    spans = []
    for side, window, count in zip(size_px, window_px, grid, strict=True):
        extent = min(float(window), float(side))
        starts = np.floor(np.linspace(0, side - extent, count) + 1e-9)
        starts[-1] = side - extent
        spans.append(np.stack([starts, starts + extent], axis=1))
    rows, cols = (np.arange(count) for count in grid)
    row, col = (index.reshape(-1) for index in np.meshgrid(rows, cols, indexing="ij"))
    boxes = np.stack([spans[0][row, 0], spans[1][col, 0], spans[0][row, 1], spans[1][col, 1]], axis=1)
    viewpoints: NDArray[np.float32] = from_boxes_px(boxes[None], np.array([size_px]))[0].astype(np.float32)
    return viewpoints
