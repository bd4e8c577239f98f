"""What many cells say of the same thing, as one finding: like non-maximum suppression, but nothing is thrown away.

Shape letters: n scenes, f cells, q findings, c classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foveate.rows import Rowwise

LEAST_MASS = 1e-9
MOST_SCORE = 1 - 1e-6


@dataclass(frozen=True, kw_only=True)
class Merged(Rowwise):
    """Findings of each scene, best first."""

    boxes: Tensor  # [n, q, 4] (row, col, half height, half width) in the frame
    score: Tensor  # [n, q] in 0..1: the chance that it is there; 0 beyond the last
    classes: Tensor  # [n, q, c] logits


def merged(things: Tensor, mass: Tensor, *, at_most: int, least: float = 0.0) -> Merged:
    """Cells whose things ``[n, f, 4 + c]`` have their middles in the box of the likeliest are one finding, as likely as
    that one, by its ``mass`` ``[n, f]`` (-log of the chance that it is nothing), and where they are on average; then
    again with what is left.

    Findings of a score below ``least`` are none: where only such are left, nothing more is looked for."""
    count, hopeless = min(at_most, mass.shape[1]), -math.log1p(-min(least, MOST_SCORE))
    left = mass.clone()
    found: list[Tensor] = []
    chance: list[Tensor] = []
    while len(found) < count and (not found or float(left.max()) >= hopeless):
        most, likeliest = left.max(1)
        best = things.gather(1, likeliest[:, None, None].expand(-1, 1, things.shape[2]))
        is_same = ((things[..., :2] - best[..., :2]).abs() <= best[..., 2:4]).all(-1)
        share = left * is_same
        total = share.sum(1)
        found.append((share[:, None] @ things)[:, 0] / total[:, None].clamp(min=LEAST_MASS))
        chance.append(-torch.expm1(-most))
        left = left.masked_fill(is_same, 0.0)
    each, score = torch.stack(found, 1), torch.stack(chance, 1)
    none = (0, count - len(found))
    score = nn.functional.pad(score * (score >= least), none)
    each = nn.functional.pad(each, (0, 0, *none)) * (score > 0)[..., None]
    return Merged(boxes=each[..., :4], score=score, classes=each[..., 4:])
