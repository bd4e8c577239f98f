"""Class activation summarised by a Gaussian mixture: the n-th look goes to the mean of the n-th heaviest component.

The strongest saliency control of AdaptiveNN's paper (GradCAM + GMM). The mixture is fitted by weighted expectation
maximisation (Dempster, Laird & Rubin 1977) to the candidates' centres, weighted by relevance; scikit-learn's takes no
weights. Deterministic and vectorised over rows; two matrix products per iteration, which are its price.
Shape letters: n rows, m candidates, q components.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace, device

from foveate.core import Look, Observation
from foveate.errors import UsageError
from foveate.geometry.viewpoint import Array
from foveate.policies.legal import look_at, native_half_extents

NUM_MOMENTS = 6  # 1, row, col, row^2, row col, col^2


@dataclass(frozen=True, kw_only=True)
class CamGmmConfig:
    """Shape and fitting of the mixture."""

    num_components: int = 4
    """q; the look after the last component starts again with the first."""
    num_iterations: int = 15
    """Of expectation maximisation."""
    min_sigma: float = 0.05
    """Lower bound on a component's width, in the frame [-1, 1]: keeps one from collapsing onto one candidate."""

    def __post_init__(self) -> None:
        if self.num_components < 1 or self.num_iterations < 1 or not self.min_sigma > 0:
            raise UsageError(f"{self}: components and iterations must be at least 1, min_sigma above 0")


class CamGmm:
    """See the module's docstring."""

    noise_shape = (1, 1)
    needs_relevance = True

    def __init__(self, config: CamGmmConfig) -> None:
        self.config = config

    def look(self, observation: Observation, noise: Any | None = None) -> Look:
        """At the component's mean; noise changes nothing."""
        xp = array_namespace(observation.candidates)
        means = self.components(observation)
        turn = observation.num_looks % self.config.num_components
        where = xp.broadcast_to(turn[:, None, None], (len(means), 1, 2))
        centers = xp.astype(xp.take_along_axis(means, where, axis=1)[:, 0], observation.candidates.dtype)
        return look_at(centers, native_half_extents(observation))

    def components(self, observation: Observation) -> Array:
        """Means ``[n, q, 2]`` float64, the heaviest component first."""
        assert observation.relevance is not None  # needs_relevance is checked before the first glimpse
        xp = array_namespace(observation.candidates)
        points = xp.astype(observation.candidates[..., :2], xp.float64)
        weights = xp.where(observation.mask, xp.clip(observation.relevance, min=0.0), 0.0 * observation.coverage)
        weights = xp.astype(weights, xp.float64)
        blank = xp.sum(weights, axis=1, keepdims=True) <= 0
        weights = xp.where(blank, xp.astype(observation.mask, xp.float64), weights)
        weights = weights / xp.clip(xp.sum(weights, axis=1, keepdims=True), min=1e-300)
        share, means = _fit(points, weights, self.config)
        order = xp.argsort(-share, axis=1, stable=True)
        return xp.take_along_axis(means, xp.broadcast_to(order[..., None], means.shape), axis=1)

    def macs(self, observation: Observation) -> int:
        """Densities and moments of every candidate under every component, per iteration."""
        c = self.config
        return c.num_iterations * 2 * int(observation.candidates.shape[1]) * c.num_components * NUM_MOMENTS


def _fit(points: Array, weights: Array, config: CamGmmConfig) -> tuple[Array, Array]:
    """Shares ``[n, q]`` and means ``[n, q, 2]`` of the mixture for points ``[n, m, 2]`` of weights ``[n, m]``."""
    xp = array_namespace(points)
    row, col = points[..., 0], points[..., 1]
    moments = xp.stack([xp.ones_like(row), row, col, row * row, row * col, col * col], axis=-1)  # [n, m, 6]
    means = _seeds(points, weights, config.num_components)
    share = xp.full(means.shape[:2], 1 / config.num_components, dtype=xp.float64, device=device(points))
    width = xp.ones_like(share) / config.num_components  # variance: components of a regular tiling
    cov = (width, xp.zeros_like(width), width)
    for _ in range(config.num_iterations):
        log_density = xp.matmul(moments, _theta(share, means, cov))  # [n, m, q]
        density = xp.exp(log_density - xp.max(log_density, axis=2, keepdims=True))
        owned = weights[..., None] * density / xp.sum(density, axis=2, keepdims=True)
        sums = xp.matmul(xp.matrix_transpose(owned), moments)  # [n, q, 6]
        share = xp.clip(sums[..., 0], min=1e-12)
        mean = sums[..., 1:] / share[..., None]
        means = mean[..., :2]
        floor = config.min_sigma**2
        cov = (
            xp.clip(mean[..., 2] - mean[..., 0] ** 2, min=0.0) + floor,
            mean[..., 3] - mean[..., 0] * mean[..., 1],
            xp.clip(mean[..., 4] - mean[..., 1] ** 2, min=0.0) + floor,
        )
    return share, means


def _theta(share: Array, means: Array, cov: tuple[Array, Array, Array]) -> Array:
    """Coefficients ``[n, 6, q]`` of each component's weighted log-density, a polynomial in the moments."""
    xp = array_namespace(share)
    row, col = means[..., 0], means[..., 1]
    det = xp.clip(cov[0] * cov[2] - cov[1] ** 2, min=1e-12)
    inv_rr, inv_rc, inv_cc = cov[2] / det, -cov[1] / det, cov[0] / det
    to_row, to_col = inv_rr * row + inv_rc * col, inv_rc * row + inv_cc * col
    constant = xp.log(share) - 0.5 * xp.log(det) - math.log(2 * math.pi) - 0.5 * (row * to_row + col * to_col)
    return xp.stack([constant, to_row, to_col, -0.5 * inv_rr, -inv_rc, -0.5 * inv_cc], axis=1)


def _seeds(points: Array, weights: Array, count: int) -> Array:
    """Means ``[n, q, 2]`` to begin with: the heaviest point, then always the one heaviest times squared distance."""
    xp = array_namespace(points)
    rows = xp.arange(points.shape[0], device=device(points))
    chosen = [points[rows, xp.argmax(weights, axis=1)]]
    nearest = xp.full_like(weights, xp.inf)
    for _ in range(count - 1):
        nearest = xp.minimum(nearest, xp.sum((points - chosen[-1][:, None]) ** 2, axis=-1))
        chosen.append(points[rows, xp.argmax(weights * nearest, axis=1)])
    return xp.stack(chosen, axis=1)
