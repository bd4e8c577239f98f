"""All that a zooming search knows of a scene: the cells that its looks showed, each with what it promises.

A table of fixed size that keeps the most promising cells, so a search may go on for ever and shapes stay static. A cell
is superseded once a look as close as its own window was answered for its middle: what that look showed stands for it.
Cells of all looks count in one unit, the expected number of targets in them.

Shape letters: n scenes, m cells in the table, q new cells, k looks, c features.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from foveate.models.cells import ABOUT
from foveate.rows import Rowwise


@dataclass(frozen=True, kw_only=True)
class Frontier(Rowwise):
    """Cells in slots; a slot without one is zeros, its window the whole scene."""

    boxes: Tensor  # [n, m, 4] (low row, low col, high row, high col) in the frame
    windows: Tensor  # [n, m, 4] of the closer look at it
    scales_px: Tensor  # [n, m] pixels of the scene per pixel of that look
    mass: Tensor  # [n, m] >= 0 expected targets whose middle is there
    features: Tensor  # [n, m, c]
    exists: Tensor  # [n, m] bool
    is_leaf: Tensor  # [n, m] bool: nothing closer to see
    coverage: Tensor  # [n, m] looks that superseded it

    @classmethod
    def empty(cls, num_rows: int, size: int, num_features: int, *, like: Tensor) -> Self:
        """Without any cell, in ``like``'s type and device."""
        no = torch.zeros((num_rows, size), dtype=torch.bool, device=like.device)
        zeros = like.new_zeros((num_rows, size))
        return cls(
            boxes=like.new_zeros((num_rows, size, 4)),
            windows=like.new_tensor([0.0, 0.0, 1.0, 1.0]).expand(num_rows, size, 4),
            scales_px=zeros, mass=zeros, features=like.new_zeros((num_rows, size, num_features)), exists=no, is_leaf=no,
            coverage=zeros,
        )  # fmt: skip

    @property
    def is_evidence(self) -> Tensor:
        """``[n, m]`` cells that stand for themselves."""
        return self.exists & (self.coverage == 0)

    @property
    def is_open(self) -> Tensor:
        """``[n, m]`` cells worth a closer look."""
        return self.is_evidence & ~self.is_leaf

    def superseded(self, cores: Tensor, scales_px: Tensor, valid: Tensor) -> Frontier:
        """After looks ``[n, k]`` that answer for ``cores`` ``[n, k, 4]`` at ``scales_px`` ``[n, k]``."""
        middles = (self.boxes[..., :2] + self.boxes[..., 2:]) / 2
        inside = (middles[:, None] >= cores[:, :, None, :2]) & (middles[:, None] <= cores[:, :, None, 2:])
        as_close = scales_px[:, :, None] <= self.scales_px[:, None] * ABOUT
        hits = inside.all(-1) & as_close & valid[..., None] & self.exists[:, None]
        return replace(self, coverage=self.coverage + hits.sum(1))

    def joined(self, new: Frontier) -> Frontier:
        """With new cells, as many as there is room for: what stands for itself first, then by mass. The old ones come
        first: an order by mass would change with the last bit of it."""
        size = self.mass.shape[1]
        every = {name: torch.cat([getattr(self, name), getattr(new, name)], dim=1) for name in vars(self)}
        mass, exists = every["mass"].detach(), every["exists"]
        rank = torch.where(every["coverage"] == 0, 1 + mass, mass / (1 + mass)).masked_fill(~exists, -1.0)
        kept = rank.sort(dim=1, descending=True, stable=True).indices[:, :size]
        age = kept + (~exists.gather(1, kept)) * rank.shape[1]
        kept = kept.gather(1, age.argsort(1))
        return Frontier(**{name: _gathered(value, kept) for name, value in every.items()})


def _gathered(value: Tensor, index: Tensor) -> Tensor:
    if value.ndim == 2:
        return value.gather(1, index)
    return value.gather(1, index[..., None].expand(-1, -1, value.shape[2]))
