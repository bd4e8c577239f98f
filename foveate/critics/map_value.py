"""The paper's critic: what further looking is worth, by a map network over the state (paper, Eq. 8)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foveate.core import Observation
from foveate.layers.map_net import MapNet, MapNetConfig


@dataclass(frozen=True, kw_only=True)
class MapValueConfig:
    """Shape of a :class:`MapValue` critic."""

    feature_dim: int
    """Features c of a candidate."""
    grid: tuple[int, int]
    """(rows, cols) of the candidates."""
    num_steps: int
    """Sets of norms: one per step, or 1 when all steps share."""
    kernel: int = 3
    """Side of the depthwise convolution over the grid, in cells; odd."""
    squeeze_dim: int = 128
    """Bands per cell before the dense layers."""
    hidden_dims: tuple[int, ...] = (1024, 512)
    """Widths of the dense layers."""


class MapValue(nn.Module):
    """V(s_t), in float32."""

    needs_grid = True

    def __init__(self, config: MapValueConfig) -> None:
        super().__init__()
        self.config = config
        self.net = MapNet(
            MapNetConfig(
                in_dim=config.feature_dim,
                grid=config.grid,
                out_dim=1,
                num_steps=config.num_steps,
                kernel=config.kernel,
                squeeze_dim=config.squeeze_dim,
                hidden_dims=config.hidden_dims,
            )
        )

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
