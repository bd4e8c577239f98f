"""Where one could look, and how closely: squares of several zooms over the scene.

Shape letters: n scenes, m candidates, R x S cells of a canvas.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from foveate.geometry.viewpoint import clamp_inside, grid_centers
from foveate.models.canvas import pooled


def zoom_grids(
    zooms: tuple[float, ...], canvas_px: tuple[int, int], *, overlaps: tuple[float, ...]
) -> list[tuple[int, int]]:
    """(rows, cols) of the squares of every zoom, for scenes about as long and as wide as the canvas; neighbours share
    that zoom's overlap of their side."""
    sides = [zoom * min(canvas_px) for zoom in zooms]
    return [
        (_count(canvas_px[0], side, overlap), _count(canvas_px[1], side, overlap))
        for side, overlap in zip(sides, overlaps, strict=True)
    ]


def _count(length: float, side: float, overlap: float) -> int:
    """How many squares of a side it takes to cover a length."""
    return 1 + max(0, math.ceil((length / side - 1) / (1 - overlap) - 1e-6))


def square_candidates(
    sizes_px: Tensor, *, zooms: tuple[float, ...], grids: list[tuple[int, int]], closest_px: int
) -> Tensor:
    """Viewpoints ``[n, m, 4]`` of scenes ``[n, 2]``: squares whose side is a share of the shorter side of the scene,
    but no less than ``closest_px``, where a glimpse is native, and no more than the shorter side."""
    sizes = sizes_px.float()
    shorter = sizes.amin(1, keepdim=True)
    parts = []
    for zoom, grid in zip(zooms, grids, strict=True):
        side = torch.minimum((zoom * shorter).clamp(min=closest_px), shorter)
        half = side / sizes  # [n, 2]
        # A grid's centres stop short of the border by half a cell; these squares touch it.
        spread = sizes.new_tensor([count / max(count - 1, 1) for count in grid])
        centers = grid_centers(grid, sizes) * spread * (1 - half[:, None])
        parts.append(torch.cat([centers, half[:, None].expand_as(centers)], dim=-1))
    return clamp_inside(torch.cat(parts, dim=1))


def gains(worth: Tensor, closeness: Tensor, here: Tensor, candidates: Tensor, grid: tuple[int, int]) -> Tensor:
    """What a look at each candidate could bring, ``[n, m]`` >= 0: over the cells under it the sum of the share of their
    ``worth`` ``[n, R * S]`` that was not seen as closely (``closeness``) as it would see them (``here`` ``[n, m]``). A
    look twice as close brings half of what is left, at any scale: so it is with pictures' errors."""
    both = torch.stack([worth, worth * closeness], dim=-1)
    mean, mean_seen = pooled(both, candidates, grid).unbind(-1)
    area = candidates[..., 2] * candidates[..., 3] * (grid[0] * grid[1])
    return area * (mean - mean_seen / here).clamp(min=0)
