"""A Gaussian over place and zoom, squashed to what is legal: AdaGlimpse's actor (dossier, section 4).

The action is (y, x, s) in [0, 1], the corner in units of the free range and the side between the smallest and the
largest glimpse that the candidates offer (without s where they offer one size only). The draw before the squashing is
what is scored. Evaluation uses the mode, which is deterministic; the paper's code averages a thousand draws.
Shape letters: n rows, a = 2 or 3 dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from foveate.core import Choices, Look, Observation, Score
from foveate.geometry.patches import square_boxes
from foveate.geometry.viewpoint import SNAP_PX, clamp_inside, from_boxes_px
from foveate.policies.elements import SetAgentConfig, SetReader
from foveate.policies.gaussian import corner_to_viewpoints
from foveate.policies.legal import native_half_extents, widest_half_extents
from foveate.policies.normal import LOG_SQRT_2PI, standard_normal

LEAST_SCALE = 0.01
HALF = math.log(math.expm1(0.49))  # softplus of it is 0.49: the scale starts at 0.5


@dataclass(frozen=True, kw_only=True)
class SquashedGaussianConfig(SetAgentConfig):
    """Shape of a :class:`SquashedGaussian`."""

    whole_px: bool = False
    """Corners and sides rounded down to pixels, as the paper's code does."""
    fixed_zoom: float | None = None
    """s is always this, in training and evaluation alike; None: it is learned."""
    shift: float = 0.0
    """Added to the location before squashing: 0.5 for weights trained under torchrl 0.3.1 (dossier, trap 2)."""


class SquashedGaussian(nn.Module):
    """See the module's docstring; all arithmetic in float32."""

    is_enumerable = False

    def __init__(self, config: SquashedGaussianConfig) -> None:
        super().__init__()
        self.config = c = config
        self.needs_seen = c.seen_dim > 0
        self.num_dims = 3 if c.zoom and c.fixed_zoom is None else 2
        self.noise_shape = (1, self.num_dims)
        self.reader = SetReader(c)
        self.head = nn.Sequential(
            nn.Linear(c.hidden_dim, c.hidden_dim), nn.GELU(), nn.Linear(c.hidden_dim, 2 * self.num_dims)
        )

    def look(self, observation: Observation, noise: Any | None = None) -> Look:
        """The mode's look, or with noise ``[n, 1, a]`` uniform in (0, 1) a draw's."""
        loc, scale = self.moments(observation)
        raw = loc if noise is None else loc + scale * standard_normal(noise, like=loc)
        place = self._place(raw)
        return Look(
            action={"raw": raw[:, None], "place": place[:, None]},
            viewpoints=self._viewpoints(observation, place.detach())[:, None],
            valid=torch.ones(len(raw), 1, dtype=torch.bool, device=raw.device),
            log_prob=None if noise is None else _log_prob(raw, loc, scale),
            behaviour={},
        )

    def choices(self, observation: Observation, noise: Any) -> Choices:
        loc, scale = self.moments(observation)
        raw = loc + scale * standard_normal(noise, like=loc)
        log_prob = _log_prob(raw, loc, scale)[:, None]
        action = {"raw": raw[:, None], "place": self._place(raw)[:, None]}
        return Choices(action=action, log_prob=log_prob, weight=torch.ones_like(log_prob))

    def score(self, observation: Observation, action: Mapping[str, Tensor], behaviour: Mapping[str, Tensor]) -> Score:
        """Log-probability of raw actions ``{"raw": [n, 1, a]}`` and the entropy, of which the squashing's part is
        estimated at the action itself (there is no closed form)."""
        loc, scale = self.moments(observation)
        raw = action["raw"][:, 0].detach().float()
        entropy = (0.5 + LOG_SQRT_2PI + scale.log() + _log_slope(raw)).sum(-1)
        return Score(log_prob=_log_prob(raw, loc, scale), entropy=entropy)

    def anneal(self, remaining: float) -> None:
        """The width is learned."""

    def moments(self, observation: Observation) -> tuple[Tensor, Tensor]:
        """Location and scale ``[n, a]`` before the squashing."""
        with torch.autocast(observation.features.device.type, enabled=False):
            loc, width = self.head(self.reader(observation)).chunk(2, dim=-1)
        return loc + self.config.shift, nn.functional.softplus(width + HALF) + LEAST_SCALE

    def macs(self, observation: Observation) -> int:
        """Multiply-adds of one call, per row."""
        hidden = self.config.hidden_dim
        return self.reader.macs(observation) + hidden * (hidden + 2 * self.num_dims)

    def _place(self, raw: Tensor) -> Tensor:
        """(y, x) or (y, x, s) in [0, 1], as many as the family's looks have: a fixed s is part of the action too."""
        place = _squash(raw)
        if not self.config.zoom or self.config.fixed_zoom is None:
            return place
        return torch.cat([place, torch.full_like(place[:, :1], self.config.fixed_zoom)], dim=1)

    def _viewpoints(self, observation: Observation, place: Tensor) -> Tensor:
        closest, widest = native_half_extents(observation), widest_half_extents(observation)
        zoom = place[:, 2:] if self.config.zoom else torch.zeros_like(place[:, :1])
        if self.config.whole_px:
            sizes = observation.sizes_px.to(place.device)
            sides = tuple(_snapped(half[:, 0] * sizes[:, 0]) for half in (closest, widest))
            action = torch.cat([place[:, :2], zoom], dim=1)[:, None]
            boxes = square_boxes(action, sizes, sides_px=(sides[0], sides[1]))
            return from_boxes_px(boxes, sizes).float()[:, 0]
        return clamp_inside(corner_to_viewpoints(place[:, :2], closest + zoom * (widest - closest)))


def _snapped(sides_px: Tensor) -> Tensor:
    """Whole where float32 viewpoints only just miss it; the widest side may be a fraction."""
    whole = sides_px.round()
    return torch.where((sides_px - whole).abs() < SNAP_PX, whole, sides_px)


def _squash(raw: Tensor) -> Tensor:
    return (torch.tanh(raw) + 1) / 2


def _log_slope(raw: Tensor) -> Tensor:
    """log d squash(raw) / d raw = log(2 sigmoid(2 raw) sigmoid(-2 raw)), finite however far out."""
    return math.log(2) - 2 * raw.abs() - 2 * nn.functional.softplus(-2 * raw.abs())


def _log_prob(raw: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
    """Joint log-density ``[n]`` of the squashed action in [0, 1]^a."""
    z = (raw - loc) / scale
    return (-0.5 * z.square() - scale.log() - LOG_SQRT_2PI - _log_slope(raw)).sum(-1)
