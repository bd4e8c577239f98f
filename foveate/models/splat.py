"""Writing values at viewpoints onto a regular grid over the scene: the transpose of bilinear reading.

Shape letters: n scenes, p points, c channels, R x S grid cells.
"""

from __future__ import annotations

import torch
from torch import Tensor


def token_centers(viewpoints: Tensor, grid: tuple[int, int]) -> Tensor:
    """Centres ``[n, h * w, 2]`` in the scene of the tokens of glimpses at ``viewpoints`` ``[n, 4]``, row-major."""
    rows, cols = ((2 * torch.arange(m, dtype=viewpoints.dtype, device=viewpoints.device) + 1) / m - 1 for m in grid)
    local = torch.stack(torch.meshgrid(rows, cols, indexing="ij"), dim=-1).reshape(1, -1, 2)
    return viewpoints[:, None, :2] + local * viewpoints[:, None, 2:]


def bilinear_taps(points: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Flat cell indices and weights ``[n, p, 4]`` of the cells around each point ``[n, p, 2]``; edges are clamped."""
    sizes = torch.tensor(grid, dtype=points.dtype, device=points.device)
    place = (points + 1) / 2 * sizes - 0.5
    low = place.floor()
    frac = place - low
    taps, weights = [], []
    for dr in (0, 1):
        for dc in (0, 1):
            row = (low[..., 0] + dr).clamp(0, grid[0] - 1)
            col = (low[..., 1] + dc).clamp(0, grid[1] - 1)
            taps.append((row * grid[1] + col).long())
            weight_row = frac[..., 0] if dr else 1 - frac[..., 0]
            weight_col = frac[..., 1] if dc else 1 - frac[..., 1]
            weights.append(weight_row * weight_col)
    return torch.stack(taps, -1), torch.stack(weights, -1)


def splat(values: Tensor, points: Tensor, grid: tuple[int, int]) -> Tensor:
    """Sum of values ``[n, p, c]`` written at points ``[n, p, 2]``, on the grid: ``[n, R * S, c]``."""
    taps, weights = bilinear_taps(points, grid)
    n, _, channels = values.shape
    spread = (values[:, :, None, :] * weights[..., None]).reshape(n, -1, channels)
    canvas = spread.new_zeros(n, grid[0] * grid[1], channels)  # float32 weights may have widened the values
    return canvas.scatter_add(1, taps.reshape(n, -1, 1).expand(-1, -1, channels), spread)
