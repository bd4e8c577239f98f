"""Layers that several parts of a family share: the norm with one set per step, the MLP, stochastic depth.

Shape letters: n rows, c features, T steps.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foveate.layers.macs import mlp_macs

NORM_EPS = 1e-6


class StepNorm(nn.Module):
    """Layer norm whose scale and shift depend on how many looks the row has had (AdaptiveNN's per-step norms).

    The sets are one table ``[T, c]`` from which every row takes its own, so rows of different steps share a batch.
    With ``num_steps=1`` the set is shared by all steps and the number of looks may grow; rows past the last set use it.
    """

    def __init__(self, dim: int, *, num_steps: int) -> None:
        super().__init__()
        self.num_steps = num_steps
        self.weight = nn.Parameter(torch.ones(num_steps, dim))
        self.bias = nn.Parameter(torch.zeros(num_steps, dim))

    def forward(self, x: Tensor, num_looks: Tensor) -> Tensor:
        """Normalise the last axis of ``x`` ``[n, ..., c]``; ``num_looks`` is ``[n]`` int64, counted before the step."""
        dim = x.shape[-1:]
        if self.num_steps == 1:
            return F.layer_norm(x, dim, self.weight[0], self.bias[0], NORM_EPS)
        step = num_looks.clamp(max=self.num_steps - 1)
        shape = (len(x), *(1,) * (x.ndim - 2), *dim)
        scale, shift = self.weight[step].view(shape), self.bias[step].view(shape)
        return torch.addcmul(shift, F.layer_norm(x, dim, eps=NORM_EPS), scale)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[1]}, num_steps={self.num_steps}"


class Mlp(nn.Module):
    """Linear, exact GELU, linear."""

    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int) -> None:
        super().__init__()
        self.expand = nn.Linear(in_dim, hidden_dim)
        self.project = nn.Linear(hidden_dim, out_dim)

    def forward(self, x: Tensor) -> Tensor:
        """``[..., in_dim]`` to ``[..., out_dim]``."""
        return self.project(F.gelu(self.expand(x)))

    def macs(self, rows: int) -> int:
        """Multiply-adds for ``rows`` vectors."""
        return mlp_macs(rows, self.expand.in_features, self.expand.out_features, self.project.out_features)


class Scale(nn.Module):
    """LayerScale: every feature of a residual branch times a learned number that starts small."""

    def __init__(self, dim: int, start: float) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.full((dim,), start))

    def forward(self, branch: Tensor) -> Tensor:
        """``[..., c]`` to ``[..., c]``."""
        return branch * self.gain


class DropPath(nn.Module):
    """Stochastic depth: in training, drops the residual branch of a row with this probability (arXiv:1603.09382)."""

    def __init__(self, drop_prob: float) -> None:
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, branch: Tensor) -> Tensor:
        """``[n, ...]``, kept rows scaled so that the mean stays."""
        if not self.training or self.drop_prob == 0.0:
            return branch
        keep = 1.0 - self.drop_prob
        mask = branch.new_empty((len(branch), *(1,) * (branch.ndim - 1))).bernoulli_(keep)
        return branch * mask / keep

    def extra_repr(self) -> str:
        return f"{self.drop_prob:g}"
