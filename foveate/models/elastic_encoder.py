"""A vision transformer over patches of any place and size: AdaGlimpse's encoder (dossier, section 3), and a cached one.

Every patch is a token; where it lies is told by its corners. The first ``depth - shared_depth`` blocks see one glimpse
at a time, so their tokens are kept from look to look (as in TORE, arXiv:2311.15335); the last ``shared_depth`` see all.
With ``shared_depth`` = depth nothing is kept but the embedded patches, and all is encoded anew at each look: the paper.
Shape letters: n rows, p patches, c features, q patches of one glimpse.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from foveate.errors import UsageError
from foveate.layers.blocks import NORM_EPS
from foveate.layers.corners import corner_encoding
from foveate.models.stems import STEMS
from foveate.models.vit import INIT_STD, Block

ELASTIC_SIZES: dict[str, dict[str, int]] = {
    "test": {"dim": 32, "depth": 2, "num_heads": 2},
    "nano": {"dim": 96, "depth": 6, "num_heads": 3},
    "tiny": {"dim": 192, "depth": 12, "num_heads": 3},
    "small": {"dim": 384, "depth": 12, "num_heads": 6},
    "base": {"dim": 768, "depth": 12, "num_heads": 12},
    "large": {"dim": 1024, "depth": 24, "num_heads": 16},
}
WEAK_FRAC = 0.5  # of each attention matrix, in the rollout


@dataclass(frozen=True, kw_only=True)
class ElasticEncoderConfig:
    """Shape of an :class:`ElasticEncoder`."""

    dim: int
    """Features c of a token; a multiple of 8."""
    depth: int
    num_heads: int
    shared_depth: int
    """Blocks, the last ones, that see the patches of all glimpses; between 1 and ``depth``."""
    patch_px: int = 16
    num_bands: int = 3
    stem: str = "linear"
    """How a patch becomes a token: a name of ``STEMS``."""
    layer_scale: float = 1e-4
    """Start of the residual branches' gains."""

    def __post_init__(self) -> None:
        if self.dim % 8 or self.dim % self.num_heads:
            raise UsageError(f"dim is {self.dim}; it must be a multiple of 8 and of num_heads, {self.num_heads}")
        if not 1 <= self.shared_depth <= self.depth:
            raise UsageError(f"shared_depth is {self.shared_depth}; it must be between 1 and the depth, {self.depth}")

    @property
    def first_shared(self) -> int:
        """The first block that sees all glimpses; the number of those that see one at a time."""
        return self.depth - self.shared_depth


@dataclass(frozen=True, kw_only=True)
class Fused:
    """All glimpses, seen together."""

    tokens: Tensor  # [n, 1 + p, c] normed, the class token first
    tapped: Tensor | None  # [n, 1 + p, c] on their way into the tapped block
    importance: Tensor | None  # [n, p] >= 0: of every patch for the class token, by attention rollout


class ElasticEncoder(nn.Module):
    """See the module's docstring."""

    def __init__(self, config: ElasticEncoderConfig) -> None:
        super().__init__()
        self.config = c = config
        self.patches = STEMS.get(c.stem)(num_bands=c.num_bands, patch_px=c.patch_px, dim=c.dim)
        self.start = nn.Parameter(torch.zeros(1, 1, c.dim))  # the class token: never masked, so there is no empty case
        self.blocks = nn.ModuleList(
            Block(c.dim, num_heads=c.num_heads, layer_scale=c.layer_scale) for _ in range(c.depth)
        )
        self.norm = nn.LayerNorm(c.dim, eps=NORM_EPS)
        nn.init.trunc_normal_(self.start, std=INIT_STD)

    def extract(self, pixels: Tensor, boxes: Tensor) -> Tensor:
        """What is kept ``[n, q, c]`` of one glimpse: patches ``[n, q, C, h, w]``, normalised, at boxes ``[n, q, 4]`` in
        patch units."""
        tokens = self.patches(pixels.flatten(0, 1)).unflatten(0, pixels.shape[:2])
        tokens = tokens + corner_encoding(boxes, self.config.dim)
        for block in self.blocks[: self.config.first_shared]:
            tokens = block(tokens)
        return tokens

    def fuse(self, kept: Tensor, mask: Tensor, *, tap: int | None = None, weigh: bool = False) -> Fused:
        """What was kept ``[n, p, c]``, where ``mask`` ``[n, p]``, as one. ``tap``: the tokens entering this block are
        given too; ``weigh``: the importance, which costs the fast attention."""
        tokens = torch.cat([self.start.expand(len(kept), -1, -1).to(kept.dtype), kept], dim=1)
        mask = torch.cat([mask.new_ones(len(kept), 1), mask], dim=1)
        tapped: Tensor | None = None
        flow: Tensor | None = None
        block: Any
        first = self.config.first_shared
        for number, block in enumerate(list(self.blocks)[first:], start=first):
            tapped = tokens if number == tap else tapped
            if weigh:
                tokens, weights = block.weighed(tokens, mask)
                step = _flow(weights.detach(), mask)
                flow = step if flow is None else step @ flow
            else:
                tokens = block(tokens, mask)
        importance = None if flow is None else flow[:, 0, 1:] * mask[:, 1:]
        return Fused(tokens=self.norm(tokens), tapped=tapped, importance=importance)

    def extract_macs(self, num_patches: int) -> int:
        """Multiply-adds of :meth:`extract`, per row."""
        blocks: Any = self.blocks[: self.config.first_shared]
        return num_patches * self.patches.macs() + sum(block.macs(num_patches) for block in blocks)

    def fuse_macs(self, num_patches: int) -> int:
        """Multiply-adds of :meth:`fuse`, per row."""
        blocks: Any = self.blocks[self.config.first_shared :]
        return sum(block.macs(1 + num_patches) for block in blocks)


def _flow(weights: Tensor, mask: Tensor) -> Tensor:
    """One step of the attention rollout ``[n, m, m]``: the weak half of the weights dropped, half of the flow kept in
    place by the residual path, rows normalised."""
    pairs = (mask[:, :, None] & mask[:, None, :]).flatten(1)
    flat = weights.flatten(1)
    count = (pairs.sum(1, keepdim=True) * WEAK_FRAC).long()
    most = int(flat.shape[1] * WEAK_FRAC)
    weakest_first = flat.masked_fill(~pairs, math.inf).topk(most, largest=False).indices  # faster than to sort them all
    is_weak = torch.zeros_like(pairs).scatter(1, weakest_first, torch.arange(most, device=flat.device) < count)
    is_weak[:, 0] = False
    kept = flat.masked_fill(is_weak | ~pairs, 0.0).unflatten(1, weights.shape[1:])
    step = (kept + torch.eye(weights.shape[1], device=weights.device)) / 2
    return step / step.sum(-1, keepdim=True)
