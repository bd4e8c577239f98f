"""From tokens to an answer: one pooled head for all steps, or AdaptiveNN's separate stack of blocks per step.

Only the head of a row's own step runs, and only for the rows that are asked for. Heads read the state and never change
it. Shape letters: n rows, m tokens, c features, T looks at most.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from foveate.layers.blocks import NORM_EPS
from foveate.layers.macs import attention_macs, block_macs, linear_macs
from foveate.models.vit import Block, init_linear


class PooledHead(nn.Module):
    """Layer norm, mean over tokens, linear: the same for every step."""

    def __init__(self, dim: int, num_outputs: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=NORM_EPS)
        self.linear = nn.Linear(dim, num_outputs)

    def forward(self, tokens: Tensor, num_looks: Tensor | None = None) -> Tensor:
        """Logits ``[n, num_outputs]`` of tokens ``[n, m, c]``; the step does not matter."""
        return self.linear(self.norm(tokens).mean(1))

    def macs(self) -> int:
        """Multiply-adds per row."""
        return linear_macs(1, self.linear.in_features, self.linear.out_features)


@dataclass(frozen=True, kw_only=True)
class StepHeadsConfig:
    """Shape of :class:`StepHeads`."""

    dim: int
    """Features c of a token."""
    num_outputs: int
    """Logits."""
    num_looks: int
    """T: there are T + 1 heads, the first for rows that have only glanced."""
    num_blocks: int = 4
    """Transformer blocks of each head."""
    num_heads: int = 8
    """Attention heads."""
    mlp_ratio: float = 4.0
    """Hidden width of the blocks' MLPs in units of ``dim``."""
    glance_drop_path: tuple[float, float] = (0.0, 0.0)
    """Stochastic depth of the first and last block of the first head: it is the end of the glance network."""
    drop_path: float = 0.0
    """Stochastic depth of the blocks of all other heads."""


class StepHeads(nn.Module):
    """A head per number of looks: blocks, then :class:`PooledHead` (AdaptiveNN's code; the paper has one head)."""

    def __init__(self, config: StepHeadsConfig) -> None:
        super().__init__()
        self.config = c = config
        first = np.linspace(*c.glance_drop_path, c.num_blocks).tolist()
        rates = [first] + [[c.drop_path] * c.num_blocks] * c.num_looks
        self.stacks = nn.ModuleList(
            nn.Sequential(*(Block(c.dim, num_heads=c.num_heads, mlp_ratio=c.mlp_ratio, drop_path=r) for r in stack))
            for stack in rates
        )
        self.pooled = nn.ModuleList(PooledHead(c.dim, c.num_outputs) for _ in rates)
        self.stacks[0].apply(init_linear)  # as the rest of the glance network; the others keep torch's default

    def forward(self, tokens: Tensor, num_looks: Tensor) -> Tensor:
        """Logits ``[n, num_outputs]`` of tokens ``[n, m, c]``, each row by the head of its ``num_looks`` ``[n]``."""
        steps = num_looks.unique().tolist()
        if len(steps) == 1:
            return self._head(steps[0], tokens)
        groups = [torch.nonzero(num_looks == step)[:, 0] for step in steps]
        logits = torch.cat([self._head(step, tokens[rows]) for step, rows in zip(steps, groups, strict=True)])
        return logits[torch.cat(groups).argsort()]

    def _head(self, step: int, tokens: Tensor) -> Tensor:
        logits: Tensor = self.pooled[step](self.stacks[step](tokens))
        return logits

    def macs(self, tokens: int) -> int:
        """Multiply-adds per row: one head, whichever."""
        c = self.config
        blocks = c.num_blocks * block_macs(tokens, c.dim, int(c.dim * c.mlp_ratio))
        return blocks + linear_macs(1, c.dim, c.num_outputs)

    def backward_macs(self, tokens: int) -> int:
        """Multiply-adds per row of the gradient towards the tokens: every product once more, attention's twice."""
        return self.macs(tokens) + self.config.num_blocks * attention_macs(tokens, self.config.dim)
