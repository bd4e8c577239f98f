"""Small heads that read the task's prediction from the state map alone: they train the glance, which the agent sees
detached and which would otherwise learn nothing when the answer comes from fixations only (design: whatever feeds the
agent must be trained by some loss).

Shape letters: n scenes, m = R x S state cells, d channels, K outputs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class CellPlaces(nn.Module):
    """Logits over places ``[n, K, R, S]``: one per state cell, so the cell itself must know what it holds."""

    def __init__(self, *, dim: int, num_outputs: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.grid = grid
        self.logits = nn.Linear(dim, num_outputs)

    def forward(self, state_map: Tensor) -> Tensor:
        return self.logits(state_map).transpose(1, 2).unflatten(2, self.grid)

    def attention(self, state_map: Tensor) -> Tensor:
        """How much each cell ``[n, m]`` matters: the largest of its shares in the K answers."""
        return torch.softmax(self.logits(state_map), dim=1).amax(2)

    def attention_macs(self, num_cells: int) -> int:
        return num_cells * self.logits.in_features * self.logits.out_features


class PooledPlaces(nn.Module):
    """Logits over places ``[n, K, R', S']`` from the pooled map: the task's own loss, with no word about which cell."""

    def __init__(self, *, dim: int, num_outputs: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.shape = (num_outputs, *grid)
        self.logits = nn.Sequential(nn.Linear(dim, 128), nn.GELU(), nn.Linear(128, num_outputs * grid[0] * grid[1]))

    def forward(self, state_map: Tensor) -> Tensor:
        return self.logits(state_map.mean(1)).unflatten(1, self.shape)


class CellClasses(nn.Module):
    """Class logits ``[n, K]`` by attention over the cells (multiple-instance learning): no cell is told what it holds,
    but those that matter must stand out."""

    def __init__(self, *, dim: int, num_outputs: int) -> None:
        super().__init__()
        self.weigh = nn.Linear(dim, 1)
        self.logits = nn.Linear(dim, num_outputs)

    def forward(self, state_map: Tensor) -> Tensor:
        return self.logits((self.attention(state_map)[..., None] * state_map).sum(1))

    def attention(self, state_map: Tensor) -> Tensor:
        """How much each cell ``[n, m]`` matters."""
        return torch.softmax(self.weigh(state_map)[..., 0], dim=1)

    def attention_macs(self, num_cells: int) -> int:
        return num_cells * self.weigh.in_features


class PooledClasses(nn.Module):
    """Class logits ``[n, K]`` from the mean of the map."""

    def __init__(self, *, dim: int, num_outputs: int) -> None:
        super().__init__()
        self.logits = nn.Linear(dim, num_outputs)

    def forward(self, state_map: Tensor) -> Tensor:
        return self.logits(state_map.mean(1))
