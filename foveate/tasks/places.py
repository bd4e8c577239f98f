"""The loss of an answer that is a place: cross-entropy over a grid of places, exact to a fraction of a cell.

Shape letters: n scenes, K things, R x S places.
"""

from __future__ import annotations

import torch
from torch import Tensor


def place_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy ``[n]`` of logits ``[n, K, R, S]`` to the four places around each centre ``[n, K, 2]`` (frame),
    weighted bilinearly; mean over the K things."""
    index, weight = _bilinear_places(target, tuple(logits.shape[-2:]))
    log_p = torch.log_softmax(logits.flatten(2).float(), -1)
    return -(log_p.gather(2, index) * weight).sum(-1).mean(1)


def _bilinear_places(target: Tensor, grid: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Flat places ``[n, K, 4]`` around each centre ``[n, K, 2]`` and their weights."""
    sizes = torch.tensor(grid, dtype=target.dtype, device=target.device)
    place = ((target + 1) / 2 * sizes - 0.5).clamp(min=0)
    place = torch.minimum(place, sizes - 1)
    low = torch.minimum(place.floor(), sizes - 2).clamp(min=0)
    frac = place - low
    index, weight = [], []
    for dr in (0, 1):
        for dc in (0, 1):
            row = torch.minimum(low[..., 0] + dr, sizes[0] - 1)
            col = torch.minimum(low[..., 1] + dc, sizes[1] - 1)
            index.append((row * sizes[1] + col).long())
            weight_row = frac[..., 0] if dr else 1 - frac[..., 0]
            weight_col = frac[..., 1] if dc else 1 - frac[..., 1]
            weight.append(weight_row * weight_col)
    return torch.stack(index, -1), torch.stack(weight, -1).float()
