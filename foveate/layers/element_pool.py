"""A set of what was seen as one vector: each element told by several facts, pooled by attention. AdaGlimpse's agent
(dossier, section 4), with layer norms, and with a learned element that stands in while nothing was seen.

Shape letters: n rows, p elements, h hidden.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from foveate.errors import UsageError
from foveate.layers.blocks import NORM_EPS
from foveate.layers.macs import conv_macs, linear_macs

PATCH_BANDS = (8, 32)


@dataclass(frozen=True, kw_only=True)
class ElementPoolConfig:
    """Shape of an :class:`ElementPool`."""

    dims: Mapping[str, int]
    """Facts of an element and their widths, in order: "importance", "coords", "latent" and so on."""
    pixels: tuple[int, int, int] | None = None
    """(bands, height, width) of an element's pixels, which a small net turns into a fact; None: there are none."""
    may_be_empty: bool
    """Rows may have no element at all; else every row always has one."""
    hidden_dim: int = 256
    num_heads: int = 8
    norm: Literal["layer", "batch"] = "layer"
    """Of the net that reads pixels; "batch" is the paper's, and mixes rows while it trains."""

    def __post_init__(self) -> None:
        if self.hidden_dim % (2 * self.num_heads):
            raise UsageError(f"hidden_dim is {self.hidden_dim}; it must be a multiple of 2 x {self.num_heads} heads")


class ElementPool(nn.Module):
    """See the module's docstring."""

    def __init__(self, config: ElementPoolConfig) -> None:
        super().__init__()
        self.config = c = config
        facts = {**({"pixels": PATCH_BANDS[1]} if c.pixels else {}), **c.dims}
        self.patch_net = _patch_net(c.pixels, c.norm) if c.pixels else None
        self.width = 2 * c.hidden_dim // len(facts)
        self.branches = nn.ModuleDict(
            {
                name: nn.Sequential(nn.Linear(dim, self.width), nn.LayerNorm(self.width, eps=NORM_EPS), nn.GELU())
                for name, dim in facts.items()
            }
        )
        self.start = nn.Parameter(torch.randn(1, 1, self.width * len(facts)) * 0.02) if c.may_be_empty else None
        self.into = nn.Sequential(
            nn.Linear(self.width * len(facts), c.hidden_dim), nn.LayerNorm(c.hidden_dim, eps=NORM_EPS), nn.GELU()
        )
        self.scores = nn.Sequential(
            nn.Linear(c.hidden_dim, c.hidden_dim), nn.GELU(), nn.Linear(c.hidden_dim, c.num_heads)
        )
        self.out = nn.Sequential(
            nn.Linear(c.hidden_dim, c.hidden_dim), nn.LayerNorm(c.hidden_dim, eps=NORM_EPS), nn.GELU()
        )

    def forward(self, facts: Mapping[str, Tensor], mask: Tensor) -> Tensor:
        """``[n, h]`` of facts ``[n, p, ...]``, ``pixels`` ``[n, p, C, h, w]`` among them, where ``mask`` ``[n, p]``."""
        read = dict(facts)
        if self.patch_net is not None:
            read["pixels"] = self.patch_net(facts["pixels"].flatten(0, 1)).unflatten(0, mask.shape)
        elements = torch.cat([branch(read[name].float()) for name, branch in self.branches.items()], dim=-1)
        if self.start is not None:
            elements = torch.cat([self.start.expand(len(mask), -1, -1), elements], dim=1)
            mask = torch.cat([~mask.any(1, keepdim=True), mask], dim=1)
        hidden = self.into(elements)
        # A row of nothing but -inf would be NaN, and its gradient too.
        scores = self.scores(hidden).masked_fill(~(mask | ~mask.any(1, keepdim=True))[..., None], -math.inf)
        weights = scores.softmax(1)  # [n, p, heads]
        parts = hidden.unflatten(2, (self.config.num_heads, -1))
        pooled: Tensor = self.out((weights[..., None] * parts).sum(1).flatten(1))
        return pooled

    def macs(self, num_elements: int) -> int:
        """Multiply-adds per row."""
        c, count = self.config, num_elements + self.config.may_be_empty
        facts = sum(branch[0].in_features for branch in self.branches.values())  # type: ignore[index]
        each = facts * self.width
        pixels = 0 if c.pixels is None else num_elements * _patch_macs(c.pixels)
        pooled = linear_macs(count, self.width * len(self.branches) + c.hidden_dim + c.num_heads, c.hidden_dim)
        return pixels + num_elements * each + pooled + linear_macs(1, c.hidden_dim, c.hidden_dim)


def _patch_net(pixels: tuple[int, int, int], norm: str) -> nn.Sequential:
    """Two convolutions with pooling, to one vector."""
    bands, kernel, (_, second) = PATCH_BANDS, _kernel(pixels), _sides(pixels)
    norms = [
        nn.BatchNorm2d(width) if norm == "batch" else nn.GroupNorm(1, width)  # over bands and places: a layer norm
        for width in bands
    ]
    return nn.Sequential(
        nn.Conv2d(pixels[0], bands[0], kernel), norms[0], nn.GELU(), nn.MaxPool2d(2),
        nn.Conv2d(bands[0], bands[1], kernel), norms[1], nn.GELU(),
        nn.MaxPool2d(2) if min(second) >= 2 else nn.Identity(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )  # fmt: skip


def _kernel(pixels: tuple[int, int, int]) -> int:
    """The paper's 5, for its patches of 16 px and larger ones."""
    return 5 if min(pixels[1:]) >= 16 else 3


def _sides(pixels: tuple[int, int, int]) -> list[tuple[int, int]]:
    """Sizes after the two convolutions."""
    less = _kernel(pixels) - 1
    first = (pixels[1] - less, pixels[2] - less)
    second = (first[0] // 2 - less, first[1] // 2 - less)
    if min(second) < 1:
        raise UsageError(f"elements of {pixels[1]}x{pixels[2]} px are too small for the net that reads them")
    return [first, second]


def _patch_macs(pixels: tuple[int, int, int]) -> int:
    (first, second), kernel = _sides(pixels), (_kernel(pixels),) * 2
    return conv_macs(first, pixels[0], PATCH_BANDS[0], kernel) + conv_macs(second, *PATCH_BANDS, kernel)
