"""What every patch by itself says it shows, painted where it lies: the shortest way from reading to a dense answer.

Shape letters: n rows, p patches, K classes, H x W painted.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from foveate.models.pooling import overlaps

LEAST_WEIGHT = 1e-6  # of a pixel that nothing shows


class PatchClasses(nn.Module):
    """Where several patches show a pixel, those that do so more closely count by the square of it: as their pixels."""

    def __init__(self, *, token_dim: int, num_outputs: int, hidden: int) -> None:
        super().__init__()
        self.says = nn.Sequential(nn.Linear(token_dim, hidden), nn.GELU(), nn.Linear(hidden, num_outputs))
        self.widths = (token_dim, hidden, num_outputs)

    def forward(self, tokens: Tensor, viewpoints: Tensor, closeness: Tensor, size: tuple[int, int]) -> Tensor:
        """Logits ``[n, K, *size]``, zeros where nothing was seen, of tokens ``[n, p, c]`` at ``viewpoints``
        ``[n, p, 4]``; ``closeness`` is ``[n, p]``, 0 where there is no patch."""
        rows, cols = ((share > 0).float() for share in overlaps(viewpoints, size))
        rows = rows * closeness.square()[..., None]
        said = self.says(tokens).float()
        painted = torch.einsum("npk,nph,npw->nkhw", said, rows, cols)
        weight = torch.einsum("nph,npw->nhw", rows, cols)
        return painted / weight[:, None].clamp(min=LEAST_WEIGHT)

    def macs(self, num_patches: int, size: tuple[int, int]) -> int:
        token_dim, hidden, num_outputs = self.widths
        each = token_dim * hidden + hidden * num_outputs + num_outputs * size[0] + (num_outputs + 1) * size[0] * size[1]
        return num_patches * each
