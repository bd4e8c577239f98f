"""Our own vision transformer: patches in, a grid of tokens out; no class token, no final norm, no classifier.

What a family does with the tokens (a state map, local tokens, a head made of further blocks) is the family's business,
so there is one behaviour here and no switches. Shape letters: n rows, m = grid rows x grid cols tokens, c features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foveate.errors import UsageError, suggest
from foveate.layers.blocks import NORM_EPS, DropPath, Mlp, Scale
from foveate.layers.macs import block_macs, linear_macs

INIT_STD = 0.02


@dataclass(frozen=True, kw_only=True)
class VitConfig:
    """Shape of a :class:`Vit`."""

    image_px: tuple[int, int]
    """(height, width) that the position embedding is made for; others are interpolated."""
    embed_dim: int
    """Features c of a token."""
    depth: int
    """Number of blocks."""
    num_heads: int
    """Attention heads; divides ``embed_dim``."""
    mlp_ratio: float = 4.0
    """Hidden width of the blocks' MLPs in units of ``embed_dim``."""
    patch_px: int = 16
    """Side of a patch."""
    in_bands: int = 3
    """Bands of the pictures."""
    drop_path: tuple[float, float] = (0.0, 0.0)
    """Stochastic depth of the first and the last block, linear in between."""

    def __post_init__(self) -> None:
        if self.embed_dim % self.num_heads:
            raise UsageError(f"num_heads is {self.num_heads}; it must divide embed_dim, which is {self.embed_dim}")
        patch_grid(self.image_px, self.patch_px)

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, cols) of tokens for pictures of ``image_px``."""
        return patch_grid(self.image_px, self.patch_px)


VIT_SIZES: dict[str, dict[str, int]] = {
    "test": {"embed_dim": 32, "depth": 2, "num_heads": 2},
    "nano": {"embed_dim": 96, "depth": 6, "num_heads": 3},
    "tiny": {"embed_dim": 192, "depth": 12, "num_heads": 3},
    "small": {"embed_dim": 384, "depth": 12, "num_heads": 6},
    "adaptivenn_small": {"embed_dim": 384, "depth": 12, "num_heads": 8},  # the paper's code: 8 heads of 48
    "base": {"embed_dim": 768, "depth": 12, "num_heads": 12},
}


def vit_config(size: str, *, image_px: tuple[int, int], patch_px: int = 16, in_bands: int = 3) -> VitConfig:
    """The configuration of a named size of :data:`VIT_SIZES`."""
    if size not in VIT_SIZES:
        raise UsageError(f"no ViT size {size!r}; known: {', '.join(VIT_SIZES)}.{suggest(size, VIT_SIZES)}")
    return VitConfig(image_px=image_px, patch_px=patch_px, in_bands=in_bands, **VIT_SIZES[size])  # type: ignore[arg-type]


def patch_grid(image_px: tuple[int, int], patch_px: int) -> tuple[int, int]:
    """(rows, cols) of patches; refuses sizes that are not a multiple of the patch."""
    if min(image_px) < patch_px or image_px[0] % patch_px or image_px[1] % patch_px:
        raise UsageError(f"a picture of {image_px[0]}x{image_px[1]} px; both sides must be multiples of {patch_px} px")
    return image_px[0] // patch_px, image_px[1] // patch_px


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``[n, m, c]`` to ``[n, m, c]``; ``mask`` ``[n, m]`` bool is True where a token may be attended to: in every
        row somewhere."""
        q, k, v = self._heads(x)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=None if mask is None else mask[:, None, None])
        return self.out(mixed.transpose(1, 2).flatten(2))

    def weighed(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The same, and the mean over heads of the attention weights, ``[n, m, m]``; slower."""
        q, k, v = self._heads(x)
        scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])
        weights = scores.masked_fill(~mask[:, None, None], -math.inf).softmax(-1)
        return self.out((weights @ v).transpose(1, 2).flatten(2)), weights.mean(1)

    def _heads(self, x: Tensor) -> Tensor:
        qkv: Tensor = self.qkv(x).unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        return qkv


class Block(nn.Module):
    """Pre-norm transformer block (arXiv:2010.11929), with stochastic depth and, if given a start for it, LayerScale
    (arXiv:2103.17239)."""

    def __init__(
        self,
        dim: int,
        *,
        num_heads: int,
        mlp_ratio: float = 4.0,
        drop_path: float = 0.0,
        layer_scale: float | None = None,
    ) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(dim, eps=NORM_EPS)
        self.attention = Attention(dim, num_heads)
        self.norm_mlp = nn.LayerNorm(dim, eps=NORM_EPS)
        self.mlp = Mlp(dim, int(dim * mlp_ratio), dim)
        self.drop_path = DropPath(drop_path)
        self.scale_attention = nn.Identity() if layer_scale is None else Scale(dim, layer_scale)
        self.scale_mlp = nn.Identity() if layer_scale is None else Scale(dim, layer_scale)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``[n, m, c]`` to ``[n, m, c]``; ``mask`` as in :class:`Attention`."""
        x = x + self.drop_path(self.scale_attention(self.attention(self.norm_attention(x), mask)))
        return x + self.drop_path(self.scale_mlp(self.mlp(self.norm_mlp(x))))

    def weighed(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The same, and the attention weights of :meth:`Attention.weighed`."""
        mixed, weights = self.attention.weighed(self.norm_attention(x), mask)
        x = x + self.drop_path(self.scale_attention(mixed))
        return x + self.drop_path(self.scale_mlp(self.mlp(self.norm_mlp(x)))), weights

    def macs(self, tokens: int) -> int:
        """Multiply-adds per row of ``tokens`` tokens."""
        return block_macs(tokens, self.mlp.expand.in_features, self.mlp.expand.out_features)


class Vit(nn.Module):
    """See the module's docstring."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.config = c = config
        self.patches = nn.Conv2d(c.in_bands, c.embed_dim, c.patch_px, stride=c.patch_px)
        self.positions = nn.Parameter(torch.zeros(1, c.grid[0] * c.grid[1], c.embed_dim))
        rates = np.linspace(*c.drop_path, c.depth).tolist()
        self.blocks = nn.ModuleList(
            Block(c.embed_dim, num_heads=c.num_heads, mlp_ratio=c.mlp_ratio, drop_path=rate) for rate in rates
        )
        nn.init.trunc_normal_(self.positions, std=INIT_STD)
        self.blocks.apply(init_linear)

    def tokens(self, pixels: Tensor, context: Tensor | None = None) -> Tensor:
        """Tokens ``[n, m, c]`` of normalised pixels ``[n, C, h, w]`` float32, after all blocks.

        ``context`` ``[n, m, c]`` is added to the embedded patches, before the blocks.
        """
        x = self.embed(pixels)
        if context is not None:
            x = x + context
        for block in self.blocks:
            x = block(x)
        return x

    def embed(self, pixels: Tensor) -> Tensor:
        """Embedded patches with their positions, ``[n, m, c]``."""
        c, size_px = self.config, (pixels.shape[-2], pixels.shape[-1])
        grid = patch_grid(size_px, c.patch_px)
        if pixels.shape[1] != c.in_bands:
            raise UsageError(f"pictures of {pixels.shape[1]} bands; this network reads {c.in_bands}")
        return self.patches(pixels).flatten(2).transpose(1, 2) + self._positions(grid)

    def _positions(self, grid: tuple[int, int]) -> Tensor:
        if grid == self.config.grid:
            return self.positions
        table = self.positions.unflatten(1, self.config.grid).permute(0, 3, 1, 2)
        return F.interpolate(table, size=grid, mode="bilinear", align_corners=False).flatten(2).transpose(1, 2)

    def macs(self, size_px: tuple[int, int] | None = None) -> int:
        """Multiply-adds per picture of ``size_px`` (``image_px`` if None)."""
        c = self.config
        rows, cols = patch_grid(size_px or c.image_px, c.patch_px)
        patches = linear_macs(rows * cols, c.in_bands * c.patch_px**2, c.embed_dim)
        return patches + c.depth * block_macs(rows * cols, c.embed_dim, int(c.embed_dim * c.mlp_ratio))


def init_linear(module: nn.Module) -> None:
    """The transformer initialisation: truncated normal weights, zero biases. For ``Module.apply``."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=INIT_STD)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class VitBackbone(Vit):
    """A named size of :class:`Vit` in the form that glance-focus takes: a map of tokens, with ``dim`` and ``grid``."""

    def __init__(self, *, num_bands: int, image_px: tuple[int, int], size: str = "tiny", patch_px: int = 16) -> None:
        super().__init__(vit_config(size, image_px=image_px, patch_px=patch_px, in_bands=num_bands))
        self.dim, self.grid = self.config.embed_dim, self.config.grid

    def forward(self, pixels: Tensor) -> Tensor:
        """``[n, C, H, W]`` to ``[n, d, h, w]``."""
        grid = patch_grid((pixels.shape[-2], pixels.shape[-1]), self.config.patch_px)
        return self.tokens(pixels).transpose(1, 2).unflatten(2, grid)
