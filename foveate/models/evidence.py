"""What the cells of a frontier say together: attention that starts from what each promises.

Shape letters: n scenes, f cells, c features, a heads, e what is said.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from foveate.models.frontier import LEAST_MASS, Frontier

NUM_TOTALS = 4


class Evidence(nn.Module):
    """Cells whose mass stands out are read first, however many others there are. How much mass there is, is said
    beside it: attention knows shares only, and most scenes are those where nothing stands out."""

    def __init__(self, *, dim: int, num_heads: int, hidden: int) -> None:
        super().__init__()
        self.dim_out = num_heads * hidden + NUM_TOTALS
        self.num_heads = num_heads
        self.weigh = nn.Linear(dim, num_heads)
        self.mass_gain = nn.Parameter(torch.ones(num_heads))
        self.read = nn.Sequential(nn.Linear(dim, hidden), nn.GELU())
        self.norm = nn.LayerNorm(num_heads * hidden)

    def forward(self, frontier: Frontier) -> Tensor:
        """``[n, e]`` float32."""
        stands, features = frontier.is_evidence, frontier.features
        appeal = self.weigh(features) + self.mass_gain * frontier.log_mass[..., None]  # [n, f, a]
        weight = appeal.float().masked_fill(~stands[..., None], -math.inf).softmax(1)
        pooled = weight.transpose(1, 2) @ self.read(features).float()
        return torch.cat([self.norm(pooled.flatten(1)), self._totals(frontier)], dim=1)

    def _totals(self, frontier: Frontier) -> Tensor:
        """Logarithms ``[n, 4]`` of the sum and of the most of the mass where something closer can be seen, and where
        nothing can."""
        parts = []
        for which in (frontier.is_open, frontier.is_evidence & frontier.is_leaf):
            mass = torch.where(which, frontier.mass, 0.0)
            parts += [mass.sum(1), mass.amax(1)]
        return torch.stack(parts, 1).clamp(min=LEAST_MASS).log()

    def macs(self, num_cells: int) -> int:
        dim, hidden = self.weigh.in_features, self.norm.normalized_shape[0] // self.num_heads
        return num_cells * (dim * self.num_heads + dim * hidden + self.num_heads * hidden)
