"""Where a patch of any place and size lies, as a vector: sine and cosine of its four corner coordinates.

The elastic encoding of Beyond Grids (arXiv:2309.13353): each of (top, left, bottom, right), in units of patches, gets a
quarter of the features, sines first, then cosines, at the frequencies 10000^(-i / (c / 8)). Not learned; for the
patches of a regular grid it is a fixed two-dimensional encoding, and scale is implied by the corners.
"""

from __future__ import annotations

import torch
from torch import Tensor


def corner_encoding(boxes: Tensor, dim: int) -> Tensor:
    """``[..., c]`` float32 of boxes ``[..., 4]`` in patch units; ``dim`` = c is a multiple of 8."""
    return _waves(boxes, dim // 8)


def cell_encoding(grid: tuple[int, int], dim: int) -> Tensor:
    """``[rows * cols, d]`` float32 of the cells of a regular grid, row-major: MAE's, the column first, then the row;
    ``dim`` = d is a multiple of 4."""
    rows, cols = torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing="ij")
    return _waves(torch.stack([cols, rows], dim=-1).reshape(-1, 2), dim // 4)


def _waves(numbers: Tensor, count: int) -> Tensor:
    """Sines, then cosines, at ``count`` frequencies, of each of ``[..., k]`` numbers, one after the other."""
    steps = torch.arange(count, dtype=torch.float64, device=numbers.device) / count
    angles = numbers.double()[..., None] * torch.pow(10000.0, -steps)
    return torch.cat([angles.sin(), angles.cos()], dim=-1).flatten(-2).float()
