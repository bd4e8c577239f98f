"""The spatial critic with two opinions of every candidate: soft actor-critic for the spatial policy lists them all.

Shape letters: n rows, m candidates, a actions, c features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foveate.core import Observation
from foveate.critics.spatial_value import SpatialValue, SpatialValueConfig

NUM_OPINIONS = 2


@dataclass(frozen=True, kw_only=True)
class SpatialQConfig(SpatialValueConfig):
    """Everything that determines the critic."""

    has_relevance: bool = False
    """Whether observations carry a relevance, which the opinions then start from."""


class SpatialQ(SpatialValue):
    """See the module's docstring; all arithmetic in float32."""

    def __init__(self, config: SpatialQConfig) -> None:
        super().__init__(config)
        facts = config.feature_dim + 2 + config.has_relevance  # with the coverage and the number of looks
        self.opinions = nn.ModuleList(
            nn.Sequential(nn.Linear(facts, config.hidden_dim), nn.GELU(), nn.Linear(config.hidden_dim, 1))
            for _ in range(NUM_OPINIONS)
        )
        self.opinion_norm = nn.LayerNorm(config.feature_dim)

    def q(self, observation: Observation, action: Mapping[str, Tensor]) -> Tensor:
        """``[n, 2, a]`` of actions ``{"candidate": [n, a]}``."""
        with torch.autocast(observation.features.device.type, enabled=False):
            facts = self._facts(observation)
            every = torch.stack([opinion(facts)[..., 0] for opinion in self.opinions], dim=1)  # [n, 2, m]
        chosen = action["candidate"]
        return every.gather(2, chosen[:, None].expand(-1, NUM_OPINIONS, -1))

    def _facts(self, observation: Observation) -> Tensor:
        looks = observation.num_looks[:, None, None].float().log1p().expand(-1, observation.mask.shape[1], 1)
        seen = observation.coverage[..., None].float().clamp(max=3.0)
        facts = [self.opinion_norm(observation.features.float()), seen, looks]
        if observation.relevance is not None:
            facts.append(torch.log(observation.relevance.float().clamp(min=1e-6))[..., None])
        return torch.cat(facts, dim=-1)
