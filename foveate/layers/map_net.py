"""The map network of AdaptiveNN's agent: from a state map to a location or a value (paper, Methods; code's widths).

Step norm, depthwise 3x3, GELU, 1x1 to few bands, GELU, flatten, dense layers with step norms and GELU, output without
bias. Convolutions and dense layers are shared over the steps, the norms are not.
Shape letters: n rows, m = grid rows x grid cols cells, c features.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from foveate.errors import UsageError
from foveate.layers.blocks import StepNorm
from foveate.layers.macs import conv_macs, linear_macs


@dataclass(frozen=True, kw_only=True)
class MapNetConfig:
    """Shape of a :class:`MapNet`, but for what comes out; policies and critics that are one add their own settings."""

    feature_dim: int
    """Features c of a candidate, which is a cell of the state map."""
    grid: tuple[int, int]
    """(rows, cols) of the candidates."""
    num_steps: int
    """Sets of norms: one per step, or 1 when all steps share."""
    kernel: int = 3
    """Side of the depthwise convolution over the grid, in cells; odd."""
    squeeze_dim: int = 128
    """Bands per cell after the 1x1 convolution, before the dense layers."""
    hidden_dims: tuple[int, ...] = (1024, 512)
    """Widths of the dense layers."""

    def __post_init__(self) -> None:
        if self.kernel % 2 == 0:
            raise UsageError(f"kernel is {self.kernel}; it must be odd, so that the map keeps its size")
        if min(self.feature_dim, *self.grid, self.num_steps, self.squeeze_dim, *self.hidden_dims) < 1:
            raise UsageError(f"{self}: every size must be at least 1")


class MapNet(nn.Module):
    """See the module's docstring; ``out_dim`` numbers come out per row."""

    def __init__(self, config: MapNetConfig, *, out_dim: int) -> None:
        super().__init__()
        self.config = c = config
        dim = c.feature_dim
        self.norm = StepNorm(dim, num_steps=c.num_steps)
        self.depthwise = nn.Conv2d(dim, dim, c.kernel, padding=c.kernel // 2, groups=dim, bias=False)
        self.squeeze = nn.Conv2d(dim, c.squeeze_dim, 1, bias=False)
        widths = (c.squeeze_dim * c.grid[0] * c.grid[1], *c.hidden_dims)
        self.dense = nn.ModuleList(nn.Linear(a, b, bias=False) for a, b in pairwise(widths))
        self.dense_norms = nn.ModuleList(StepNorm(width, num_steps=c.num_steps) for width in c.hidden_dims)
        self.out = nn.Linear(widths[-1], out_dim, bias=False)

    def forward(self, features: Tensor, num_looks: Tensor) -> Tensor:
        """``[n, out_dim]`` from features ``[n, m, c]`` float32, row-major cells, and ``num_looks`` ``[n]`` int64."""
        normed = self.norm(features, num_looks)
        # A channels-last view: the depthwise convolution is 20 times faster on it than on a transposed copy (CPU).
        x = normed.unflatten(1, self.config.grid).permute(0, 3, 1, 2)
        x = F.gelu(self.squeeze(F.gelu(self.depthwise(x)))).flatten(1)
        for dense, norm in zip(self.dense, self.dense_norms, strict=True):
            x = F.gelu(norm(dense(x), num_looks))
        return self.out(x)

    def macs(self) -> int:
        """Multiply-adds per row."""
        c, cells = self.config, self.config.grid[0] * self.config.grid[1]
        convs = conv_macs(c.grid, c.feature_dim, c.feature_dim, (c.kernel, c.kernel), groups=c.feature_dim)
        convs += conv_macs(c.grid, c.feature_dim, c.squeeze_dim, (1, 1))
        widths = (c.squeeze_dim * cells, *c.hidden_dims, self.out.out_features)
        return convs + sum(linear_macs(1, a, b) for a, b in pairwise(widths))
