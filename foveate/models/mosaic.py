"""The mosaic: every glimpse painted at its place on the canvas, the closest one on top; ours.

What was seen is then a picture again, blurred where it was seen from afar, and convolutions can read it: a small net
that must find out by attention which token lies where takes most of its training to do so.
Shape letters: n rows, k looks, C bands, h x w glimpse, H x W canvas pixels, m = R x S cells, d features of a cell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from foveate.layers.macs import linear_macs
from foveate.models.backbones import BACKBONES
from foveate.models.counted import counted_macs

LEAST_SLOPE = 1e-4  # that is told from none


def blank(num_rows: int, *, num_bands: int, size_px: tuple[int, int], device: torch.device) -> Tensor:
    """``[n, C + 1, H, W]`` float32 where nothing was seen."""
    return torch.zeros(num_rows, num_bands + 1, *size_px, device=device)


def painted(mosaic: Tensor, glimpses: Tensor, viewpoints: Tensor, closeness: Tensor) -> Tensor:
    """The mosaic ``[n, C + 1, H, W]`` with glimpses ``[n, k, C, h, w]`` of ``viewpoints`` ``[n, k, 4]`` laid where they
    see as closely as any before. The last band is the closeness, glimpse pixels per canvas pixel, of which a look has
    ``closeness`` ``[n, k]``: above 0 and at most 1, or 0 where it is not valid."""
    size_px = mosaic.shape[-2:]
    for i in range(glimpses.shape[1]):
        rows, is_row = _spread(viewpoints[:, i, 0], viewpoints[:, i, 2], glimpses.shape[-2], size_px[0])
        cols, is_col = _spread(viewpoints[:, i, 1], viewpoints[:, i, 3], glimpses.shape[-1], size_px[1])
        laid = rows[:, None] @ glimpses[:, i].float() @ cols[:, None].mT
        close = closeness[:, i, None, None, None]
        is_inside = (is_row[:, :, None] & is_col[:, None, :])[:, None]
        is_closer = is_inside & (close > 0) & (close >= mosaic[:, -1:])
        mosaic = torch.where(is_closer, torch.cat([laid, close.expand_as(laid[:, :1])], dim=1), mosaic)
    return mosaic


def _spread(center: Tensor, half: Tensor, num_in: int, num_out: int) -> tuple[Tensor, Tensor]:
    """Bilinear weights ``[n, num_out, num_in]`` that lay a glimpse over one axis of the canvas, and which of its pixels
    ``[n, num_out]`` it covers."""
    at = (torch.arange(num_out, device=center.device) + 0.5) * (2 / num_out) - 1
    inside = (at - center[:, None]) / half[:, None].clamp(min=1e-6)  # [-1, 1] in the glimpse
    position = ((inside + 1) * (num_in / 2) - 0.5).clamp(0, num_in - 1)
    away = (position[..., None] - torch.arange(num_in, device=center.device)).abs()
    return (1 - away).clamp(min=0), inside.abs() <= 1


def detail(mosaic: Tensor, grid: tuple[int, int]) -> Tensor:
    """Of every cell ``[n, m, 2]``: the logarithm of the mean squared slope of what it shows, and of its closeness, at
    least that of a scene seen as one pixel. Where seen meets unseen is no slope."""
    closeness = nn.functional.adaptive_avg_pool2d(mosaic[:, -1:], grid)
    slope = _mean_slope(mosaic, -2, grid) + _mean_slope(mosaic, -1, grid)
    told = torch.cat([slope.clamp(min=LEAST_SLOPE), closeness.clamp(min=1 / max(mosaic.shape[-2:]))], dim=1)
    return told.log().flatten(2).transpose(1, 2)


def _mean_slope(mosaic: Tensor, dim: int, grid: tuple[int, int]) -> Tensor:
    """Mean square ``[n, 1, R, S]`` over bands and pixels of the steps along one axis, from seen to seen."""
    is_seen = mosaic[:, -1:] > 0
    along = is_seen.shape[dim] - 1
    counts = is_seen.narrow(dim, 1, along) & is_seen.narrow(dim, 0, along)
    squared = mosaic[:, :-1].diff(dim=dim).square().mean(1, keepdim=True)
    return nn.functional.adaptive_avg_pool2d(squared * counts, grid)


def paint_macs(num_bands: int, glimpse_px: tuple[int, int], size_px: tuple[int, int]) -> int:
    """Multiply-adds of laying one glimpse, per row."""
    (height, width), (rows, cols) = glimpse_px, size_px
    return num_bands * rows * width * (height + cols)


class MosaicReader(nn.Module):
    """What the mosaic shows in every cell: a backbone's map of it, averaged where the cells are larger."""

    def __init__(
        self,
        backbone: Mapping[str, Any],
        *,
        num_bands: int,
        size_px: tuple[int, int],
        dim: int,
        grid: tuple[int, int],
    ) -> None:
        super().__init__()
        self.net = BACKBONES.made(backbone, num_bands=num_bands + 1, image_px=size_px)
        self.cells = nn.Linear(self.net.dim, dim)
        self.norm = nn.LayerNorm(dim)  # or what is seen would be a whisper beside where it is seen
        self.grid, self.shape = grid, (1, num_bands + 1, *size_px)

    def forward(self, mosaic: Tensor) -> Tensor:
        """Cells ``[n, m, d]`` of ``[n, C + 1, H, W]``."""
        features = nn.functional.adaptive_avg_pool2d(self.net(mosaic), self.grid)
        cells: Tensor = self.norm(self.cells(features.flatten(2).transpose(1, 2)))
        return cells

    def macs(self) -> int:
        """Multiply-adds per row."""
        return counted_macs(self.net, self.shape) + linear_macs(
            math.prod(self.grid), self.net.dim, self.cells.out_features
        )
