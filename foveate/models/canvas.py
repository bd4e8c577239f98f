"""The canvas: a regular grid over the whole scene, read from the tokens of what was seen. MAE's decoder.

Every cell asks with a mask token and its place, all tokens and cells attend to each other, and the cells are kept: so
the whole scene is described, also where nothing was seen (He et al. 2022; AdaGlimpse, dossier section 3). Ours may also
start every cell from what the mosaic (:mod:`.mosaic`) shows there, read by a small net (``reader``), and from the token
of the patch that shows it: to find out by attention which token lies where takes a small net most of its training.
Shape letters: n rows, p patches, c features of tokens, d of cells, m = R x S cells, H x W canvas pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from foveate.errors import UsageError
from foveate.geometry.viewpoint import contains, grid_centers
from foveate.layers.blocks import NORM_EPS
from foveate.layers.corners import cell_encoding
from foveate.layers.macs import linear_macs
from foveate.models.mosaic import MosaicReader
from foveate.models.vit import INIT_STD, Block


@dataclass(frozen=True, kw_only=True)
class CanvasConfig:
    """Shape of a :class:`Canvas`."""

    dim: int = 512
    """Features d of a cell; a multiple of 8."""
    depth: int = 8
    num_heads: int = 16
    grid: tuple[int, int] = (14, 14)
    """(rows, cols) of cells."""
    layer_scale: float = 1e-4
    reader: Mapping[str, Any] | None = None
    """Backbone that reads the mosaic: a name of ``BACKBONES`` and its options; None: no mosaic."""

    def __post_init__(self) -> None:
        if self.dim % 8 or self.dim % self.num_heads:
            raise UsageError(f"dim is {self.dim}; it must be a multiple of 8 and of num_heads, {self.num_heads}")


class Canvas(nn.Module):
    """See the module's docstring."""

    def __init__(self, config: CanvasConfig, *, token_dim: int, num_bands: int, canvas_px: tuple[int, int]) -> None:
        super().__init__()
        self.config = c = config
        self.tokens = nn.Linear(token_dim, c.dim)
        self.reader: MosaicReader | None = None
        if c.reader is not None:
            self.reader = MosaicReader(c.reader, num_bands=num_bands, size_px=canvas_px, dim=c.dim, grid=c.grid)
        self.cell = nn.Parameter(torch.zeros(1, 1, c.dim))
        self.blocks = nn.ModuleList(
            Block(c.dim, num_heads=c.num_heads, layer_scale=c.layer_scale) for _ in range(c.depth)
        )
        self.norm = nn.LayerNorm(c.dim, eps=NORM_EPS)
        self.register_buffer("centers", grid_centers(c.grid, torch.zeros(1))[None], persistent=False)
        self.register_buffer("places", cell_encoding(c.grid, c.dim)[None], persistent=False)
        nn.init.trunc_normal_(self.cell, std=INIT_STD)

    def forward(self, tokens: Tensor, mask: Tensor, viewpoints: Tensor, mosaic: Tensor | None) -> Tensor:
        """Cells ``[n, m, d]`` of tokens ``[n, 1 + p, c]``, the class token first, of patches at ``viewpoints``
        ``[n, p, 4]`` where ``mask`` ``[n, p]``; ``mosaic`` ``[n, C + 1, H, W]`` for the reader, if there is one."""
        n, cells = len(tokens), self.get_buffer("places").shape[1]
        asked = (self.cell + self.get_buffer("places")).expand(n, -1, -1)
        told = self.tokens(tokens)
        if self.reader is not None:
            asked = asked + self.reader(mosaic) + self._seen_there(told[:, 1:], mask, viewpoints)
        x = torch.cat([told, asked.to(told.dtype)], dim=1)
        everywhere = torch.cat([mask.new_ones(n, 1), mask, mask.new_ones(n, cells)], dim=1)
        for block in self.blocks:
            x = block(x, everywhere)
        return self.norm(x[:, -cells:])

    def _seen_there(self, told: Tensor, mask: Tensor, viewpoints: Tensor) -> Tensor:
        """Of every cell ``[n, m, d]`` the token of the patch that saw its centre most closely; zeros where none did."""
        centers = self.get_buffer("centers").expand(len(told), -1, -1)
        if mask.shape[1] == 0:
            return told.new_zeros(len(told), centers.shape[1], told.shape[2])
        covers = contains(viewpoints, centers) & mask[..., None]  # [n, p, m]
        closest = torch.where(covers, viewpoints[..., 2, None], math.inf).argmin(1)  # [n, m]
        return told.gather(1, closest[..., None].expand(-1, -1, told.shape[2])) * covers.any(1)[..., None]

    def macs(self, num_patches: int) -> int:
        """Multiply-adds per row."""
        c, cells = self.config, self.config.grid[0] * self.config.grid[1]
        into = linear_macs(1 + num_patches, self.tokens.in_features, c.dim)
        into += 0 if self.reader is None else self.reader.macs()
        blocks: Any = self.blocks
        return into + sum(block.macs(1 + num_patches + cells) for block in blocks)
