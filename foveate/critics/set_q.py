"""AdaGlimpse's critics: two independent opinions of a place and zoom, given the set of what was seen (dossier, section
4); and beside them the value of the state, which they teach, for stopping.

Shape letters: n rows, a actions, d dimensions of an action.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foveate.core import Observation
from foveate.layers.blocks import NORM_EPS
from foveate.policies.elements import SetAgentConfig, SetReader


@dataclass(frozen=True, kw_only=True)
class SetQConfig(SetAgentConfig):
    """Shape of a :class:`SetQ`."""


class _Opinion(nn.Module):
    """Q(s, a) from a reader of its own."""

    def __init__(self, config: SetQConfig) -> None:
        super().__init__()
        hidden, action_dim = config.hidden_dim, 3 if config.zoom else 2
        self.reader = SetReader(config)
        self.action = nn.Sequential(nn.Linear(action_dim, hidden), nn.LayerNorm(hidden, eps=NORM_EPS), nn.GELU())
        self.head = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.GELU(), nn.Linear(hidden, 1))

    def forward(self, observation: Observation, place: Tensor) -> Tensor:
        """``[n, a]`` of places ``[n, a, d]``."""
        action = self.action(place.float())
        state = self.reader(observation)[:, None].expand(-1, action.shape[1], -1)
        opinion: Tensor = self.head(torch.cat([state, action], dim=-1))[..., 0]
        return opinion


class SetQ(nn.Module):
    """See the module's docstring; all arithmetic in float32."""

    def __init__(self, config: SetQConfig) -> None:
        super().__init__()
        self.config = config
        self.needs_seen = config.seen_dim > 0
        self.opinions = nn.ModuleList(_Opinion(config) for _ in range(2))
        self.reader = SetReader(config)
        self.head = nn.Sequential(
            nn.Linear(config.hidden_dim, config.hidden_dim), nn.GELU(), nn.Linear(config.hidden_dim, 1)
        )

    def value(self, observation: Observation) -> Tensor:
        """Expected discounted gain ``[n]`` of further looking."""
        with torch.autocast(observation.features.device.type, enabled=False):
            value: Tensor = self.head(self.reader(observation))[:, 0]
        return value

    def q(self, observation: Observation, action: Mapping[str, Tensor]) -> Tensor:
        """``[n, 2, a]`` of actions ``{"place": [n, a, d]}`` in [0, 1]."""
        with torch.autocast(observation.features.device.type, enabled=False):
            return torch.stack([opinion(observation, action["place"]) for opinion in self.opinions], dim=1)

    def macs(self, observation: Observation) -> int:
        """Multiply-adds of one value, per row."""
        return self.reader.macs(observation) + self.config.hidden_dim * (self.config.hidden_dim + 1)
