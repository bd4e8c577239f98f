"""Our default critic: V(s_t) from the summary and the candidates pooled by attention; works on any candidate set.

Shape letters: n rows, m candidates, c features, d summary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foveate.core import Observation


@dataclass(frozen=True, kw_only=True)
class SpatialValueConfig:
    """Everything that determines the critic."""

    feature_dim: int
    """c."""
    summary_dim: int
    """d."""
    hidden_dim: int = 64


class SpatialValue(nn.Module):
    """See the module's docstring."""

    def __init__(self, config: SpatialValueConfig) -> None:
        super().__init__()
        self.config = config
        hidden = config.hidden_dim
        self.norm = nn.LayerNorm(config.feature_dim)
        self.inner = nn.Linear(config.feature_dim + 1, hidden)
        self.attention = nn.Linear(hidden, 1)
        self.summary_norm = nn.LayerNorm(config.summary_dim)
        self.outer = nn.Sequential(
            nn.Linear(hidden + 2 * config.summary_dim + 1, hidden), nn.GELU(), nn.Linear(hidden, 1)
        )

    def value(self, observation: Observation) -> Tensor:
        """Expected discounted gain ``[n]`` of further looking, in float32 also under autocast."""
        with torch.autocast(observation.features.device.type, enabled=False):
            return self._value(observation)

    def _value(self, observation: Observation) -> Tensor:
        seen = observation.coverage[..., None].float().clamp(max=3.0)
        hidden = nn.functional.gelu(self.inner(torch.cat([self.norm(observation.features.float()), seen], dim=-1)))
        logits = self.attention(hidden)[..., 0].masked_fill(~observation.mask, -math.inf)
        weight = torch.softmax(torch.where(observation.mask.any(1, keepdim=True), logits, 0.0), dim=1)
        pooled = (weight[:, None] @ hidden)[:, 0]
        # Both forms of the summary: the norm makes it learnable at any scale, the squashed one keeps its magnitude.
        summary = observation.summary.float()
        looks = observation.num_looks[:, None].float().log1p()
        facts = torch.cat([pooled, self.summary_norm(summary), torch.tanh(summary / 4), looks], dim=1)
        value: Tensor = self.outer(facts)[:, 0]
        return value

    def macs(self, observation: Observation) -> int:
        """Multiply-adds of one call, per row."""
        c, d, hidden = self.config.feature_dim, self.config.summary_dim, self.config.hidden_dim
        per_candidate = (c + 1) * hidden + 2 * hidden
        return int(observation.features.shape[1]) * per_candidate + (hidden + 2 * d + 1) * hidden + hidden
