"""Our default policy: a categorical over the candidates, times a small offset.

Equivariant (one small net scores every candidate alike) and multi-modal, so it learns in seconds what a Gaussian head
on a flattened map learns in hours, if at all. Works on any set of candidates: a state map, a frontier, elastic queries.
k looks are drawn without replacement by successive masking. All arithmetic is float32, also under autocast.

Shape letters: n rows, m candidates, c features, k looks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from foveate.core import Choices, Look, Observation, Score
from foveate.geometry.viewpoint import clamp_inside

STEPS = [(float(row), float(col)) for row in (-1, 0, 1) for col in (-1, 0, 1)]  # to the cells around one, and itself


@dataclass(frozen=True, kw_only=True)
class SpatialConfig:
    """Everything that determines the policy."""

    feature_dim: int
    """c: channels of a candidate's features."""
    grid: tuple[int, int] | None = None
    """(rows, cols) of the candidates, where they are a regular grid."""
    hidden_dim: int = 64
    num_looks_per_step: int = 1
    """k."""
    offset: float = 0.5
    """How far the offset reaches from a candidate's centre, in spacings of a regular grid or, without a grid, in the
    candidate's own extents; 0 looks at candidate centres only."""
    offset_sigma: float = 0.2
    """Standard deviation of the offset while exploring, in the same unit as its range after division by ``offset``."""
    relevance_gain: float = 1.0
    """Power of the relevance that looks start from; above 1 exploration keeps closer to what is most relevant."""
    starts_flat: bool = False
    """What is learned starts at zero, so that looks start from the relevance alone."""


class Spatial(nn.Module):
    """See the module's docstring."""

    is_enumerable = True
    num_dims = 0

    def __init__(self, config: SpatialConfig) -> None:
        super().__init__()
        self.config = config
        self.norm = nn.LayerNorm(config.feature_dim)
        self.inner = nn.Linear(config.feature_dim + 1, config.hidden_dim)
        self.outer = nn.Linear(config.hidden_dim, 3)  # logit, row and column of the offset's mean
        # Where the family offers a relevance, looking starts from it: chance rarely hits a clue of 0.01 % of a scene.
        self.relevance_gain = nn.Parameter(torch.tensor(config.relevance_gain))
        self.centroid_gain = nn.Parameter(torch.ones(())) if config.grid and config.offset else None
        self.revisit_penalty = nn.Parameter(torch.ones(()))
        self.noise_shape = (config.num_looks_per_step, 3)
        self.temperature = 1.0
        nn.init.zeros_(self.outer.bias)
        nn.init.zeros_(self.outer.weight[0 if config.starts_flat else 1 :])  # no offset until one is learned

    def logits_and_offsets(self, observation: Observation) -> tuple[Tensor, Tensor]:
        """Masked logits ``[n, m]`` (this is the heatmap) and mean offsets ``[n, m, 2]``, to be
        clipped at 1 (``SpatialConfig.offset``)."""
        with torch.autocast(observation.features.device.type, enabled=False):
            return self._logits_and_offsets(observation)

    def _logits_and_offsets(self, observation: Observation) -> tuple[Tensor, Tensor]:
        seen = observation.coverage[..., None].float().clamp(max=3.0)
        hidden = nn.functional.gelu(self.inner(torch.cat([self.norm(observation.features.float()), seen], dim=-1)))
        out = self.outer(hidden)
        logits = out[..., 0] - self.revisit_penalty * seen[..., 0]
        if observation.relevance is not None:
            logits = logits + self.relevance_gain * torch.log(observation.relevance.float().clamp(min=1e-6))
        offsets = torch.tanh(out[..., 1:]) + self._towards_relevance(observation)
        return logits.masked_fill(~observation.mask, -math.inf), offsets

    def _towards_relevance(self, observation: Observation) -> Tensor | float:
        """Offsets ``[n, m, 2]`` to the centroid of the relevance of the 3 x 3 cells around each: a thing between cells
        is looked at in its middle. Cells that are more relevant, or were looked at, hold other things."""
        if self.centroid_gain is None or observation.relevance is None or observation.grid is None:
            return 0.0
        relevance = observation.relevance.float().clamp(min=1e-6).masked_fill(~observation.mask, 0.0)
        unseen = relevance.masked_fill(observation.coverage > 0, 0.0)
        around = nn.functional.unfold(unseen.unflatten(1, observation.grid)[:, None], 3, padding=1)  # [n, 9, m]
        here = relevance[:, None]
        weight = torch.where(around <= here, around, 0.0)
        weight[:, len(STEPS) // 2] = here[:, 0]
        shift = torch.einsum("nsm,sd->nmd", weight, weight.new_tensor(STEPS)) / weight.sum(1)[..., None].clamp(
            min=1e-12
        )
        return self.centroid_gain * shift / self.config.offset

    @torch.no_grad()
    def look(self, observation: Observation, noise: Any | None = None) -> Look:
        """The k most probable candidates, or k drawn with noise ``[n, k, 3]``; fewer where fewer exist."""
        heat, offsets = self.logits_and_offsets(observation)
        heat = logits = heat / self.temperature
        device, k = logits.device, self.config.num_looks_per_step
        uniform = None if noise is None else torch.as_tensor(noise, device=device).double()
        chosen, raw, valid = [], [], []
        for i in range(min(k, logits.shape[1])):
            valid.append(torch.isfinite(logits).any(1))
            index = logits.argmax(1) if uniform is None else _inverse_cdf(logits, uniform[:, i, 0])
            mean = offsets[torch.arange(len(index), device=device), index]
            if uniform is not None:
                mean = mean + self.config.offset_sigma * _gaussian(uniform[:, i, 1:])
            chosen.append(index)
            raw.append(mean)
            logits = logits.scatter(1, index[:, None], -math.inf)
        action = {"candidate": torch.stack(chosen, 1), "offset": torch.stack(raw, 1)}
        behaviour = {
            "temperature": torch.full((len(chosen[0]),), self.temperature, device=device),
            "sigma": torch.full((len(chosen[0]),), self.config.offset_sigma, device=device),
        }
        is_valid = torch.stack(valid, 1)
        action["valid"] = is_valid
        return Look(
            action=action,
            viewpoints=self._viewpoints(observation, action),
            valid=is_valid,
            log_prob=_log_prob(heat, offsets, action, behaviour["sigma"]) if uniform is not None else None,
            behaviour=behaviour,
        )

    def choices(self, observation: Observation, noise: Any) -> Choices:
        """Every candidate; those that do not exist have weight 0. Their offsets are the means: what judges candidates
        does not judge offsets, so soft actor-critic leaves these where the relevance puts them."""
        logits, offsets = self.logits_and_offsets(observation)
        log_prob = torch.log_softmax(logits / self.temperature, dim=1)
        every = torch.arange(logits.shape[1], device=logits.device).expand(len(logits), -1)
        action = {"candidate": every, "offset": offsets.detach(), "valid": observation.mask}
        weight = log_prob.exp()
        return Choices(action=action, log_prob=log_prob.masked_fill(~observation.mask, 0.0), weight=weight)

    def anneal(self, remaining: float) -> None:
        """The categorical explores by its own entropy and the offsets by a fixed sigma: nothing to anneal."""

    def score(self, observation: Observation, action: Mapping[str, Tensor], behaviour: Mapping[str, Tensor]) -> Score:
        """Joint log-probability of the valid looks of raw actions ``{"candidate": [n, k], "offset": [n, k, 2], "valid":
        [n, k]}``, and the entropy of the first choice (the offsets' is constant)."""
        logits, offsets = self.logits_and_offsets(observation)
        logits = logits / behaviour["temperature"][:, None]
        return Score(log_prob=_log_prob(logits, offsets, action, behaviour["sigma"]), entropy=_entropy(logits))

    def macs(self, observation: Observation) -> int:
        """Multiply-adds of one call, per row."""
        per_candidate = (self.config.feature_dim + 1) * self.config.hidden_dim + 3 * self.config.hidden_dim
        if self.centroid_gain is not None and observation.relevance is not None and observation.grid is not None:
            per_candidate += 2 * len(STEPS)
        return int(observation.features.shape[1]) * per_candidate

    def _viewpoints(self, observation: Observation, action: Mapping[str, Tensor]) -> Tensor:
        index = action["candidate"][..., None].expand(-1, -1, 4)
        base = observation.candidates.gather(1, index)
        if observation.grid is not None:
            reach = base.new_tensor([1 / observation.grid[0], 1 / observation.grid[1]])
        else:
            reach = base[..., 2:]
        shift = action["offset"].clamp(-1, 1) * self.config.offset * 2 * reach
        viewpoints: Tensor = clamp_inside(torch.cat([base[..., :2] + shift, base[..., 2:]], dim=-1))
        return viewpoints


def _log_prob(logits: Tensor, offsets: Tensor, action: Mapping[str, Tensor], sigma: Tensor) -> Tensor:
    """Joint log-probability ``[n]`` of the valid looks, in their order, each without those before it."""
    candidate, raw, total = action["candidate"], action["offset"].detach(), logits.new_zeros(len(logits))
    rows, sigma = torch.arange(len(logits), device=logits.device), sigma[:, None]
    for i in range(candidate.shape[1]):
        index, valid = candidate[:, i], action["valid"][:, i]
        # A row of nothing but -inf would have a gradient of NaN, even where its result is not used.
        logits = torch.where(valid[:, None], logits, 0.0)
        log_choice = torch.log_softmax(logits, 1)[rows, index]
        z = (raw[:, i] - offsets[rows, index]) / sigma
        log_offset = (-0.5 * z.square() - sigma.log() - 0.5 * math.log(2 * math.pi)).sum(1)
        total = total + torch.where(valid, log_choice + log_offset, 0.0)
        if i + 1 < candidate.shape[1]:
            logits = logits.scatter(1, index[:, None], -math.inf)
    return total


def _inverse_cdf(logits: Tensor, uniform: Tensor) -> Tensor:
    """Categorical draw ``[n]`` by inverse CDF of uniform ``[n]``; a masked candidate can never be drawn."""
    cumulative = torch.softmax(logits.double(), 1).nan_to_num(0.0).cumsum(1)  # a row without candidates is all NaN
    index = torch.searchsorted(cumulative, (uniform * cumulative[:, -1])[:, None].contiguous())
    last = torch.isfinite(logits).long().mul(torch.arange(logits.shape[1], device=logits.device)).argmax(1)
    return torch.minimum(index[:, 0], last)


def _gaussian(uniform: Tensor) -> Tensor:
    return torch.special.ndtri(uniform).float()  # float64: as float32 a number next to 1 would be 1, and infinite


def _entropy(logits: Tensor) -> Tensor:
    """``[n]``; 0 where there is nothing to choose from."""
    exists = torch.isfinite(logits).any(1)
    log_p = torch.log_softmax(torch.where(exists[:, None], logits, 0.0), 1)  # of nothing but -inf it would be NaN
    return exists * -(log_p.exp() * log_p.masked_fill(torch.isinf(log_p), 0.0)).sum(1)
