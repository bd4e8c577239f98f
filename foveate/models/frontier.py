"""All that a zooming search knows of a scene: the cells that its looks showed, each with what it promises.

A table of fixed size that keeps the most promising cells, so a search may go on for ever and shapes stay static. A cell
is superseded once a look as close as its own window answers for its middle and most of it: what that look showed stands
for it. What a closer look showed of a part of a cell replaces what was expected there, and what it answers for is no
longer expected of the cell: else a thing on the border of two cells would be looked at twice. Cells of all looks count
in one unit, the expected number of targets in them.

Shape letters: n scenes, m cells in the table, k looks, h x w places of a look, d channels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from foveate.geometry.viewpoint import WHOLE_SCENE
from foveate.models.cells import ABOUT, extents, shares
from foveate.rows import Rowwise

LEAST_MASS = 1e-6
NOTHING = 1e-12  # extent of the box of an empty slot
MOST = 0.75  # of a cell, along each axis
SEVERAL = 2.0  # times as wide as what a look answers for is much wider
FEW = 32  # open cells that may be looked at next


@dataclass(frozen=True, kw_only=True)
class Frontier(Rowwise):
    """Cells in slots; a slot without one is zeros, its window the whole scene."""

    boxes: Tensor  # [n, m, 4] (low row, low col, high row, high col) in the frame
    windows: Tensor  # [n, m, 4] of the closer look at it
    scales_px: Tensor  # [n, m] pixels of the scene per pixel of that look
    mass: Tensor  # [n, m] >= 0 expected targets whose middle is there
    looks: Tensor  # [n, m, d] what it looks like, where most is expected
    found: Tensor  # [n, m, 4 + c] which thing that would be, or [n, m, 0]: viewpoint and class logits
    closer: Tensor  # [n, m] in 0..1, how much closer one could look than the look that showed it
    exists: Tensor  # [n, m] bool
    is_leaf: Tensor  # [n, m] bool: nothing closer to see
    coverage: Tensor  # [n, m] looks that superseded it

    @classmethod
    def empty(cls, num_rows: int, size: int, dim: int, found_dim: int = 0, *, like: Tensor) -> Self:
        """Without any cell, in ``like``'s type and device."""
        no = torch.zeros((num_rows, size), dtype=torch.bool, device=like.device)
        zeros = like.new_zeros((num_rows, size))
        return cls(
            boxes=like.new_zeros((num_rows, size, 4)),
            windows=like.new_tensor(WHOLE_SCENE).expand(num_rows, size, 4),
            scales_px=zeros, mass=zeros, looks=like.new_zeros((num_rows, size, dim)), closer=zeros, exists=no,
            found=like.new_zeros((num_rows, size, found_dim)), is_leaf=no, coverage=zeros,
        )  # fmt: skip

    @property
    def features(self) -> Tensor:
        """``[n, m, d + 2]``: what each looks like, the logarithm of its mass, and how much closer one could look."""
        return torch.cat([self.looks, self.log_mass[..., None], self.closer[..., None]], dim=-1)

    @property
    def log_mass(self) -> Tensor:
        """``[n, m]``, finite."""
        return self.mass.clamp(min=LEAST_MASS).log()

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
        return replace(self, coverage=self.coverage + self._answered(cores, scales_px, valid).sum(1))

    def outdone(self, cores: Tensor) -> Tensor:
        """``[n, m]`` open cells that a look at one of the most promising, which answers for its own of ``cores``
        ``[n, m, 4]``, will supersede: they had better wait for it, or looks of one step would show the same."""
        order = self.mass.detach().masked_fill(~self.is_open, -1.0).sort(dim=1, descending=True, stable=True).indices
        place, best = order.argsort(dim=1), order[:, :FEW]  # of every cell, the first being the most promising
        is_better = torch.arange(best.shape[1], device=place.device)[:, None] < place[:, None]
        hits = self._answered(_gathered(cores, best), self.scales_px.gather(1, best), self.is_open.gather(1, best))
        return self.is_open & (hits & is_better).any(1)

    def _answered(self, cores: Tensor, scales_px: Tensor, valid: Tensor) -> Tensor:
        """``[n, k, m]``: which cells such looks answer for, as closely as their own would. A look at the middle of a
        much wider cell stands for it: nobody need look at what was read in small parts."""
        low, high = self.boxes[:, None, :, :2], self.boxes[:, None, :, 2:]
        core_low, core_high, middles = cores[:, :, None, :2], cores[:, :, None, 2:], (low + high) / 2
        shared = torch.minimum(high, core_high) - torch.maximum(low, core_low)
        inside = (middles >= core_low) & (middles <= core_high)
        wide, core = high - low, core_high - core_low
        inside &= shared >= MOST * torch.where(wide <= SEVERAL * core, wide, core)
        return inside.all(-1) & self._as_close(scales_px, valid)

    def revised(self, windows: Tensor, answered: Tensor, mass: Tensor, scales_px: Tensor, valid: Tensor) -> Frontier:
        """With what looks at ``windows`` ``[n, k, 4]`` expect of their places, ``mass`` ``[n, k, h, w]``, beside what
        they have ``answered`` for ``[n, k, 4]``, wherever they are closer than what was known of a part of a cell."""
        n, k, height, width = mass.shape
        boxes = self.boxes.repeat_interleave(k, 0)
        views = windows.flatten(0, 1)
        rows, cols = shares(boxes, views, places=height, axis=0), shares(boxes, views, places=width, axis=1)
        place = extents(views, (height, width))[:, None]
        extent = (boxes[..., 2:] - boxes[..., :2]).clamp(min=NOTHING)
        seen = (torch.stack([rows.sum(2), cols.sum(2)], -1) * place / extent).prod(-1).clamp(max=1)
        core = answered.flatten(0, 1)[:, None]
        own = shares(core, views, places=height, axis=0).mT * shares(core, views, places=width, axis=1)  # [b, h, w]
        found = ((rows @ (mass.flatten(0, 1) * (1 - own))) * cols).sum(2)
        counts = (self._as_close(scales_px, valid) & ~self.is_leaf[:, None]).float()
        left = (1 - seen.unflatten(0, (n, k)) * counts).prod(1)
        return replace(self, mass=self.mass * left + (found.unflatten(0, (n, k)) * counts).sum(1))

    def _as_close(self, scales_px: Tensor, valid: Tensor) -> Tensor:
        """``[n, k, m]``: whether looks ``[n, k]`` show what they show of a cell as closely as its own would."""
        return (scales_px[:, :, None] <= self.scales_px[:, None] * ABOUT) & valid[..., None] & self.exists[:, None]

    def joined(self, new: Frontier) -> Frontier:
        """With new cells, as many as there is room for: what stands for itself first, then by mass. Half of the room is
        for open cells, as long as there are any, and half for leaves: a few close looks show many of these, and would
        leave nothing else to look at. The old come first: an order by mass would change with the last bit of it."""
        size = self.mass.shape[1]
        every = {name: torch.cat([getattr(self, name), getattr(new, name)], dim=1) for name in vars(self)}
        both = Frontier(**every)
        mass = both.mass.detach()
        share = mass / (1 + mass)
        leaves = both.is_evidence & both.is_leaf
        has_room = _is_among(share, both.is_open, size // 2) | _is_among(share, leaves, size // 2)
        rank = (share + both.is_evidence.float() + has_room.float()).masked_fill(~both.exists, -1.0)
        kept = rank.sort(dim=1, descending=True, stable=True).indices[:, :size]
        age = kept + (~both.exists.gather(1, kept)) * rank.shape[1]
        kept = kept.gather(1, age.argsort(1))
        return Frontier(**{name: _gathered(value, kept) for name, value in every.items()})


def _is_among(rank: Tensor, members: Tensor, count: int) -> Tensor:
    """``[n, m]``: which are members and among the first ``count`` of them."""
    order = rank.masked_fill(~members, -1.0).sort(dim=1, descending=True, stable=True).indices
    place = torch.zeros_like(order).scatter(1, order, torch.arange(rank.shape[1], device=rank.device).expand_as(order))
    return members & (place < count)


def _gathered(value: Tensor, index: Tensor) -> Tensor:
    if value.ndim == 2:
        return value.gather(1, index)
    return value.gather(1, index[..., None].expand(-1, -1, value.shape[2]))
