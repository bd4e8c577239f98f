"""Means of a grid's cells under viewpoints of any place and size.

Shape letters: n rows, q viewpoints, m = R x S cells, d features of a cell.
"""

from __future__ import annotations

import torch
from torch import Tensor


def overlaps(viewpoints: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Shares of the rows ``[n, q, R]`` and of the columns ``[n, q, S]`` of a grid in viewpoints ``[n, q, 4]``: of each
    its overlap over the viewpoint's extent, so that they sum to 1."""
    shares = []
    for axis, count in enumerate(grid):
        edges = torch.linspace(-1, 1, count + 1, device=viewpoints.device)
        low = torch.maximum(viewpoints[..., axis, None] - viewpoints[..., axis + 2, None], edges[:-1])
        high = torch.minimum(viewpoints[..., axis, None] + viewpoints[..., axis + 2, None], edges[1:])
        inside = (high - low).clamp(min=0)
        shares.append(inside / inside.sum(-1, keepdim=True).clamp(min=1e-12))
    return shares[0], shares[1]


def pooled(cells: Tensor, viewpoints: Tensor, grid: tuple[int, int]) -> Tensor:
    """Means ``[n, q, d]`` of cells ``[n, m, d]`` under viewpoints ``[n, q, 4]``."""
    rows, cols = overlaps(viewpoints, grid)
    share = (rows[..., :, None] * cols[..., None, :]).flatten(2)  # [n, q, m]: one dense product is faster than two thin
    return share @ cells


def pooled_macs(num_boxes: int, grid: tuple[int, int], dim: int) -> int:
    """Multiply-adds of :func:`pooled` per row."""
    return num_boxes * dim * grid[0] * grid[1]
