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
    eighth = dim // 8
    steps = torch.arange(eighth, dtype=torch.float64, device=boxes.device) / eighth
    angles = boxes.double()[..., None] * torch.pow(10000.0, -steps)  # [..., 4, c / 8]
    return torch.cat([angles.sin(), angles.cos()], dim=-1).flatten(-2).float()


def grid_boxes(grid: tuple[int, int]) -> Tensor:
    """Boxes ``[rows * cols, 4]`` of the patches of a regular grid, row-major, in patch units."""
    rows, cols = torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing="ij")
    low = torch.stack([rows, cols], dim=-1).reshape(-1, 2).float()
    return torch.cat([low, low + 1], dim=-1)
