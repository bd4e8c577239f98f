"""Multiply-adds of the building blocks, from their shapes (1 MAC = one multiply-add; the papers' "FLOPs" are these).

Counted: matrix products and convolutions, as torch's FLOP counter does. Not counted: norms, activations, softmax, bias,
resampling of pixels, memory traffic. All functions give MACs per scene as exact integers.
"""

from __future__ import annotations

Grid = tuple[int, int]


def linear_macs(rows: int, in_dim: int, out_dim: int) -> int:
    """A dense layer applied to ``rows`` vectors."""
    return rows * in_dim * out_dim


def mlp_macs(rows: int, in_dim: int, hidden_dim: int, out_dim: int) -> int:
    """Two dense layers."""
    return linear_macs(rows, in_dim, hidden_dim) + linear_macs(rows, hidden_dim, out_dim)


def conv_macs(out_grid: Grid, in_bands: int, out_bands: int, kernel: Grid, *, groups: int = 1) -> int:
    """A convolution that gives ``out_grid``; padding counts as pixels, as hardware and counters do."""
    return out_grid[0] * out_grid[1] * kernel[0] * kernel[1] * (in_bands // groups) * out_bands


def attention_macs(tokens: int, dim: int) -> int:
    """Scores and weighted sum of self-attention, whatever the number of heads; without the four projections."""
    return 2 * tokens * tokens * dim


def block_macs(tokens: int, dim: int, hidden_dim: int) -> int:
    """A transformer block: q, k, v and output projections, attention, MLP."""
    return 4 * linear_macs(tokens, dim, dim) + attention_macs(tokens, dim) + mlp_macs(tokens, dim, hidden_dim, dim)
