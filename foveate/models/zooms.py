"""Where one could look, and how closely: squares of several zooms over the scene, and what agents are told of them.

Closeness is in glimpse pixels per canvas pixel.
Shape letters: n scenes, m candidates, k looks, R x S cells of a canvas, d features of a cell.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from foveate.geometry.viewpoint import clamp_inside, contains, grid_centers
from foveate.models.pooling import pooled

AS_CLOSE_FRAC = 0.9  # of a candidate's closeness is as close
GEOMETRY_DIM = 4  # of a candidate: row, column, zoom, how closely its area was seen


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


def closeness(viewpoints: Tensor, *, glimpse_px: int, canvas_px: tuple[int, int]) -> Tensor:
    """Of viewpoints ``[n, k, 4]``, ``[n, k]``: at most 1, as closer than the canvas adds nothing."""
    return (glimpse_px / canvas_px[0] / viewpoints[..., 2].clamp(min=1e-6)).clamp(max=1.0)


def covers(viewpoints: Tensor, close: Tensor, candidates: Tensor, here: Tensor) -> Tensor:
    """Whether looks ``[n, k, 4]`` of closeness ``close`` ``[n, k]`` show the centres of candidates ``[n, m, 4]`` about
    as closely as these would (``here`` ``[n, m]``): bool ``[n, k, m]``."""
    return contains(viewpoints, candidates[..., :2]) & (close[..., None] >= AS_CLOSE_FRAC * here[:, None])


def described(cells: Tensor | None, seen: Tensor, here: Tensor, candidates: Tensor, grid: tuple[int, int]) -> Tensor:
    """``[n, m, d + 4]``: the mean of the cells ``[n, R * S, d]`` under each candidate, its place and zoom, and how
    closely they were ``seen`` ``[n, R * S]``, as a share of how closely it would see them (``here`` ``[n, m]``)."""
    both = seen[..., None] if cells is None else torch.cat([cells, seen[..., None]], dim=-1)
    under, here = pooled(both, candidates, grid), here[..., None]
    geometry = [candidates[..., :2], here.log2(), (under[..., -1:] / here).clamp(max=1.0)]
    return torch.cat([under[..., :-1], *geometry], dim=-1)


def gains(worth: Tensor, closeness: Tensor, here: Tensor, candidates: Tensor, grid: tuple[int, int]) -> Tensor:
    """What a look at each candidate could bring, ``[n, m]`` >= 0: over the cells under it the sum of the share of their
    ``worth`` ``[n, R * S]`` that was not seen as closely (``closeness``) as it would see them (``here`` ``[n, m]``). A
    look twice as close brings half of what is left, at any scale: so it is with pictures' errors."""
    both = torch.stack([worth, worth * closeness], dim=-1)
    mean, mean_seen = pooled(both, candidates, grid).unbind(-1)
    area = candidates[..., 2] * candidates[..., 3] * (grid[0] * grid[1])
    return area * (mean - mean_seen / here).clamp(min=0)
