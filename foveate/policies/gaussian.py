"""The paper's policy: a Gaussian over where to look, its mean from a map network, its width from a schedule.

The action is AdaptiveNN's: (y, x) in [0, 1] is the glimpse's corner in units of the free range, so every mean is a
legal look. The raw draw is what is scored; it is clamped only to crop. Shape letters: n rows, m cells, c features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foveate.core import Look, Observation, Score
from foveate.errors import UsageError
from foveate.layers.map_net import MapNet, MapNetConfig
from foveate.policies.normal import LOG_SQRT_2PI, standard_normal


@dataclass(frozen=True, kw_only=True)
class GaussianConfig(MapNetConfig):
    """Shape of a :class:`Gaussian` policy, and how far it explores."""

    sigma: float = 0.25
    """Standard deviation of exploration when training starts, in units of the free range."""
    final_sigma: float = 0.10
    """The same when training ends; between, it follows the learning rate (paper's code)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.sigma > 0:
            raise UsageError(f"sigma is {self.sigma}; it must be above 0 (without noise, looks are the mean anyway)")


class Gaussian(nn.Module):
    """Learned mean, scheduled ``sigma`` (an attribute that the trainer sets). All arithmetic in float32."""

    noise_shape = (1, 2)
    needs_grid = True

    def __init__(self, config: GaussianConfig) -> None:
        super().__init__()
        self.config = config
        self.sigma = config.sigma
        self.net = MapNet(config, out_dim=2)

    @torch.no_grad()
    def look(self, observation: Observation, noise: Tensor | None = None) -> Look:
        """The mean's look, or with noise ``[n, 1, 2]`` uniform in (0, 1) a draw around it."""
        mean = self.mean(observation)
        sigma = torch.full_like(mean[:, 0], self.sigma)
        action = mean if noise is None else mean + sigma[:, None] * standard_normal(noise, like=mean)
        return Look(
            action={"corner": action[:, None]},
            viewpoints=corner_to_viewpoints(action[:, None].clamp(0, 1), observation.candidates[:, :1, 2:]),
            valid=torch.ones_like(action[:, :1], dtype=torch.bool),
            log_prob=_log_prob(action, mean, sigma),
            behaviour={"sigma": sigma},
        )

    def anneal(self, remaining: float) -> None:
        """Set the exploration for the given share of it that remains: 1 at the start of training, 0 at its end."""
        self.sigma = self.config.final_sigma + (self.config.sigma - self.config.final_sigma) * remaining

    def score(self, observation: Observation, action: Mapping[str, Tensor], behaviour: Mapping[str, Tensor]) -> Score:
        """Log-probability and entropy of raw actions ``{"corner": [n, 1, 2]}``, under the sigma of their draw."""
        sigma = behaviour["sigma"].float()
        log_prob = _log_prob(action["corner"][:, 0].detach().float(), self.mean(observation), sigma)
        return Score(log_prob=log_prob, entropy=1.0 + 2 * LOG_SQRT_2PI + 2 * sigma.log())

    def mean(self, observation: Observation) -> Tensor:
        """(y, x) ``[n, 2]`` in (0, 1)."""
        features = observation.features
        with torch.autocast(device_type=features.device.type, enabled=False):
            return self.net(features.float(), observation.num_looks).sigmoid()

    def macs(self, observation: Observation) -> int:
        """Multiply-adds of one call, per row."""
        return self.net.macs()


def corner_to_viewpoints(corner: Tensor, half_extents: Tensor) -> Tensor:
    """Viewpoints ``[..., 4]`` of corners ``[..., 2]`` (y, x) in [0, 1] of the free range, given their half extents."""
    centers = (2 * corner - 1) * (1 - half_extents)
    return torch.cat([centers, half_extents.expand_as(centers)], dim=-1)


def _log_prob(action: Tensor, mean: Tensor, sigma: Tensor) -> Tensor:
    """Joint log-density ``[n]`` of (y, x) under the isotropic Gaussian."""
    z = (action - mean) / sigma[:, None]
    return -(0.5 * z.square() + sigma.log()[:, None] + LOG_SQRT_2PI).sum(-1)
