"""Controls that look at random: what a learned policy has to beat. Without noise both look at the centre, their mean.

Shape letters: n rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

from foveate.core import Look, Observation
from foveate.errors import UsageError
from foveate.geometry.viewpoint import Array
from foveate.policies.legal import as_noise, look_at, native_half_extents, widest_half_extents


@dataclass(frozen=True, kw_only=True)
class RandomConfig:
    """What is random."""

    zoom: bool = False
    """The extent too, uniform between the closest and the widest that the family offers; False: always the closest."""


class Random:
    """Uniform over every legal position, and zoom where there is one."""

    def __init__(self, config: RandomConfig) -> None:
        self.config = config
        self.noise_shape = (1, 3 if config.zoom else 2)

    def look(self, observation: Observation, noise: Any | None = None) -> Look:
        """A uniform draw of noise ``[n, 1, 2 or 3]``, or the centre of the scene."""
        half = native_half_extents(observation)
        if noise is None:
            return look_at(half * 0, half)
        uniform = as_noise(noise, like=half)[:, 0]
        if self.config.zoom:
            half = half + uniform[:, 2:] * (widest_half_extents(observation) - half)
        room = 1 - array_namespace(half).clip(half, max=1.0)
        return look_at((2 * uniform[:, :2] - 1) * room, half)

    def macs(self, observation: Observation) -> int:
        return 0


@dataclass(frozen=True, kw_only=True)
class GaussianRandomConfig:
    """Shape of the cloud."""

    sigma: float = 0.5
    """Standard deviation of the glimpse's centre around the scene's, in the frame [-1, 1]."""

    def __post_init__(self) -> None:
        if not (self.sigma > 0 and math.isfinite(self.sigma)):
            raise UsageError(f"sigma is {self.sigma}; it must be above 0 and finite (the whole scene spans 2)")


class GaussianRandom:
    """Around the centre, where photographers put things; shifted inside the scene."""

    noise_shape = (1, 2)

    def __init__(self, config: GaussianRandomConfig) -> None:
        self.config = config

    def look(self, observation: Observation, noise: Any | None = None) -> Look:
        """A draw of uniform noise ``[n, 1, 2]``, or the centre of the scene."""
        half = native_half_extents(observation)
        if noise is None:
            return look_at(half * 0, half)
        return look_at(self.config.sigma * normal_quantile(as_noise(noise, like=half)[:, 0]), half)

    def macs(self, observation: Observation) -> int:
        return 0


def normal_quantile(uniform: Array) -> Array:
    """Standard normal numbers of uniform ones in (0, 1), elementwise, without a special function of any library.

    Rational approximation 26.2.23 of Abramowitz & Stegun (Handbook of Mathematical Functions, 1964): error < 4.5e-4.
    """
    xp = array_namespace(uniform)
    tail = xp.clip(xp.minimum(uniform, 1 - uniform), min=1e-12)
    t = xp.sqrt(-2 * xp.log(tail))
    z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
    return xp.where(uniform < 0.5, -z, z)
