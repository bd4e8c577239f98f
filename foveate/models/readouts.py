"""Readouts: how the answer accumulates from what was seen, so that it never depends on the order or number of looks.

A readout keeps a memory (a mapping of arrays with a row axis), writes the tokens of each glimpse into it, and reads a
prediction from it. Shape letters: n scenes, p tokens, d token channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from foveate.models.auxiliary import CellClasses, CellPlaces, PooledClasses, PooledPlaces
from foveate.models.splat import splat
from foveate.registry import Registry

Memory = Mapping[str, Tensor]

READOUTS: Registry[Any] = Registry("readout")
READOUTS.register("pool", "foveate.models.readouts:PoolReadout")
READOUTS.register("map", "foveate.models.readouts:MapReadout")


class PoolReadout(nn.Module):
    """Class logits from attention over every token ever seen, kept as running numerator and denominator."""

    SHARPNESS = 8.0  # bound on the attention logits: exp() stays finite however many tokens are summed

    def __init__(self, *, dim: int, num_outputs: int, heads: int = 4, hidden: int = 64) -> None:
        super().__init__()
        self.heads = heads
        self.attention = nn.Linear(dim, heads)
        self.values = nn.Sequential(nn.Linear(dim, hidden), nn.GELU())
        self.norm = nn.LayerNorm(heads * hidden)
        self.logits = nn.Linear(heads * hidden, num_outputs)
        self.hidden = hidden
        self.summary_dim = heads * hidden + heads

    def start(self, num_rows: int, like: Tensor) -> Memory:
        return {
            "total": like.new_zeros(num_rows, self.heads, self.hidden),
            "weight": like.new_full((num_rows, self.heads), 1e-3),  # an empty memory reads as zeros
        }

    def write(self, memory: Memory, tokens: Tensor, points: Tensor, *, tokens_each: int) -> Memory:
        """Add glimpses of ``tokens_each`` tokens. Every glimpse weighs the same before attention: else a glance of a
        thousand tokens would drown a fixation of sixty, and the gradient that teaches the fixations to read."""
        weight = (self.SHARPNESS * torch.tanh(self.attention(tokens) / self.SHARPNESS)).exp() / tokens_each
        total = torch.einsum("nph,npd->nhd", weight, self.values(tokens))
        return {"total": memory["total"] + total, "weight": memory["weight"] + weight.sum(1)}

    def read(self, memory: Memory) -> Tensor:
        """Logits ``[n, num_outputs]``."""
        pooled = memory["total"] / memory["weight"][..., None]
        logits: Tensor = self.logits(self.norm(pooled.flatten(1)))
        return logits

    def summary(self, memory: Memory) -> Tensor:
        pooled = memory["total"] / memory["weight"][..., None]
        return torch.cat([pooled.flatten(1), memory["weight"].log()], dim=1)

    def auxiliary(self, kind: str, *, dim: int, grid: tuple[int, int]) -> nn.Module:
        """A head that reads the same kind of prediction from a state map ``[n, m, dim]``."""
        if kind == "places":
            return CellPlaces(dim=dim, num_outputs=1, grid=grid)
        return {"cells": CellClasses, "pooled": PooledClasses}[kind](dim=dim, num_outputs=self.logits.out_features)

    def macs(self, num_tokens: int) -> dict[str, int]:
        dim = self.attention.in_features
        write = num_tokens * (dim * self.heads + dim * self.hidden + self.heads * self.hidden)
        return {"write": write, "read": self.heads * self.hidden * self.logits.out_features}


class MapReadout(nn.Module):
    """Where each of several things is: evidence per place, written where it was seen, on a grid over the scene."""

    def __init__(self, *, dim: int, num_outputs: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.grid = grid
        self.evidence = nn.Linear(dim, num_outputs)
        self.num_outputs = num_outputs
        self.summary_dim = 3 * num_outputs

    def start(self, num_rows: int, like: Tensor) -> Memory:
        return {"evidence": like.new_zeros(num_rows, self.grid[0] * self.grid[1], self.num_outputs)}

    def write(self, memory: Memory, tokens: Tensor, points: Tensor, *, tokens_each: int) -> Memory:
        """Add the evidence of every token at its place; how many make a glimpse does not matter."""
        return {"evidence": memory["evidence"] + splat(self.evidence(tokens), points, self.grid)}

    def read(self, memory: Memory) -> Tensor:
        """Logits ``[n, num_outputs, rows, cols]`` over places."""
        return memory["evidence"].transpose(1, 2).unflatten(2, self.grid)

    def summary(self, memory: Memory) -> Tensor:
        evidence = memory["evidence"]
        best = evidence.amax(1)
        total = evidence.logsumexp(1)
        return torch.cat([best, total, (best - total).exp()], dim=1)

    def auxiliary(self, kind: str, *, dim: int, grid: tuple[int, int]) -> nn.Module:
        """A head that reads the same kind of prediction from a state map ``[n, m, dim]`` over ``grid``."""
        if kind == "cells":
            return CellPlaces(dim=dim, num_outputs=self.num_outputs, grid=grid)
        return PooledPlaces(dim=dim, num_outputs=self.num_outputs, grid=self.grid)

    def macs(self, num_tokens: int) -> dict[str, int]:
        return {"write": num_tokens * self.num_outputs * (self.evidence.in_features + 4), "read": 0}
