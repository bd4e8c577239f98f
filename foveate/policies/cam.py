"""Looking where class activation is high: GradCAM or LayerCAM, whichever the family's ``relevance`` setting computes.

With noise, places are drawn in proportion to the relevance (paper, Extended Data: fixations sampled from the CAM's
intensity); without, looks go to the most relevant place that was looked at least. Either way a place that was covered
waits until all others were (inhibition of return). Shape letters: n rows, m candidates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace, device

from foveate.core import Look, Observation
from foveate.geometry.viewpoint import Array
from foveate.policies.legal import as_noise


@dataclass(frozen=True, kw_only=True)
class CamConfig:
    """Nothing to choose: the kind of relevance is a setting of the model."""


class Cam:
    """See the module's docstring."""

    noise_shape = (1, 1)
    needs_relevance = True

    def __init__(self, config: CamConfig) -> None:
        self.config = config

    def look(self, observation: Observation, noise: Any | None = None) -> Look:
        """At a candidate; ``action`` names it: ``{"candidate": [n, 1]}``."""
        xp = array_namespace(observation.candidates)
        intensity = fresh_relevance(observation)
        if noise is None:
            index = xp.argmax(intensity, axis=1)
        else:
            index = inverse_cdf(intensity, as_noise(noise, like=intensity)[:, 0, 0])
        where = xp.broadcast_to(index[:, None, None], (len(intensity), 1, 4))
        return Look(
            action={"candidate": index[:, None]},
            viewpoints=xp.take_along_axis(observation.candidates, where, axis=1),
            valid=xp.any(observation.mask, axis=1)[:, None],
        )

    def macs(self, observation: Observation) -> int:
        """0: the class activation itself is paid for by the model, when it opens."""
        return 0


def fresh_relevance(observation: Observation) -> Array:
    """Relevance ``[n, m]`` of the existing candidates that were covered least, 0 elsewhere.

    A trace is added to every candidate, so that a map of zeros (nothing speaks for the class) is uniform.
    """
    assert observation.relevance is not None  # needs_relevance is checked before the first glimpse
    xp = array_namespace(observation.relevance)
    never = xp.full_like(observation.coverage, xp.inf)
    coverage = xp.where(observation.mask, observation.coverage, never)
    fresh = observation.mask & (coverage <= xp.min(coverage, axis=1, keepdims=True))
    relevance = xp.clip(observation.relevance, min=0.0)
    largest = xp.max(relevance, axis=1, keepdims=True)
    trace = xp.where(largest > 0, largest * 1e-6, xp.ones_like(largest))
    return xp.where(fresh, relevance + trace, xp.zeros_like(relevance))


def inverse_cdf(weights: Array, uniform: Array) -> Array:
    """Index ``[n]`` drawn in proportion to weights ``[n, m]`` by uniform ``[n]`` in (0, 1); never one of weight 0."""
    xp = array_namespace(weights)
    cumulative = xp.cumulative_sum(xp.astype(weights, xp.float64), axis=1)
    point = xp.astype(uniform, xp.float64)[:, None] * cumulative[:, -1:]
    index = xp.sum(xp.astype(cumulative < point, xp.int64), axis=1)
    places = xp.broadcast_to(xp.arange(weights.shape[1], device=device(weights)), weights.shape)
    last = xp.max(xp.where(weights > 0, places, xp.zeros_like(places)), axis=1)
    return xp.minimum(index, last)
