"""The paper's critic: what further looking is worth, by a map network over the state (paper, Eq. 8)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foveate.core import Observation
from foveate.layers.map_net import MapNet, MapNetConfig


@dataclass(frozen=True, kw_only=True)
class MapValueConfig(MapNetConfig):
    """Shape of a :class:`MapValue` critic."""


class MapValue(nn.Module):
    """V(s_t), in float32."""

    needs_grid = True

    def __init__(self, config: MapValueConfig) -> None:
        super().__init__()
        self.config = config
        self.net = MapNet(config, out_dim=1)

    def value(self, observation: Observation) -> Tensor:
        """Expected discounted gain ``[n]`` of further looking; 0 after the last step, if the norms are per step."""
        features, num_looks = observation.features, observation.num_looks
        with torch.autocast(device_type=features.device.type, enabled=False):
            value = self.net(features.float(), num_looks)[:, 0]
        steps = self.config.num_steps
        return value if steps == 1 else value.masked_fill(num_looks >= steps, 0.0)

    def macs(self, observation: Observation) -> int:
        """Multiply-adds of one call, per row."""
        return self.net.macs()
