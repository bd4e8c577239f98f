"""Pixels as AdaptiveNN's code reads them: bicubic, not antialiased, zero outside the scene.

foveate's scenes antialias and interpolate linearly, so the published weights see slightly other pixels from them. To
compare numbers with the paper's code, read with these two functions. Shape letters: n scenes, k looks, C bands.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def paper_glance(images: Tensor, size_px: tuple[int, int]) -> Tensor:
    """Whole scenes ``[n, C, H, W]`` float32 shrunk to ``[n, 1, C, h, w]``."""
    return F.interpolate(images, size=size_px, mode="bicubic")[:, None]


def paper_crops(images: Tensor, viewpoints: Tensor, size_px: tuple[int, int]) -> Tensor:
    """Crops ``[n, k, C, h, w]`` of ``images`` ``[n, C, H, W]`` float32 under ``viewpoints`` ``[n, k, 4]``."""
    n, k = viewpoints.shape[:2]
    row, col, half_height, half_width = viewpoints.reshape(n * k, 4).unbind(1)
    zero = torch.zeros_like(row)
    to_x = torch.stack([half_width, zero, col], dim=1)
    to_y = torch.stack([zero, half_height, row], dim=1)
    grid = F.affine_grid(torch.stack([to_x, to_y], dim=1), [n * k, 1, *size_px], align_corners=False)
    owners = images if k == 1 else images.repeat_interleave(k, dim=0)
    crops = F.grid_sample(owners, grid, mode="bicubic", align_corners=False)
    return crops.unflatten(0, (n, k))
