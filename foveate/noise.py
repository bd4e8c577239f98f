"""Randomness as an input: uniform numbers that are a pure function of (seed, scene, step), so that a batch's make-up,
its order and who left it can disturb nobody.

A counter-based generator (the splitmix64 finaliser over a mixed key) needs no state and no per-row Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_SCENE_STREAM, _STEP_STREAM = -1, -2  # apart from every num_looks, which is never negative


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniforms(seed: int, *keys: Any, shape: tuple[int, ...] = ()) -> NDArray[np.float64]:
    """Uniform numbers in the open interval (0, 1), ``[n, *shape]``, of integer keys ``[n]`` (or scalars, broadcast)."""
    with np.errstate(over="ignore"):  # arithmetic modulo 2**64 is meant
        state = _mix(np.asarray(seed, np.int64).astype(np.uint64) + _GOLDEN)
        for key in keys:
            state = _mix((state ^ np.asarray(key, np.int64).astype(np.uint64)) + _GOLDEN)
        counter = np.arange(1, int(np.prod(shape, dtype=np.int64)) + 1, dtype=np.uint64).reshape(shape)
        state = np.reshape(state, state.shape + (1,) * len(shape))
        bits = _mix(state + counter * _GOLDEN)
    return ((bits >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


@dataclass(frozen=True, kw_only=True)
class Noise:
    """The randomness of a batch of episodes."""

    seed: int
    scenes: NDArray[np.int64]  # [n] a number per scene that stays with it, whatever batch it is in

    def policy(self, rows: Any, num_looks: Any, shape: tuple[int, int]) -> NDArray[np.float64]:
        """``[m, k, dims]`` for the policy's next look of the given rows."""
        return uniforms(self.seed, self.scenes[rows], num_looks, shape=shape)

    def step(self, rows: Any, num_looks: Any) -> NDArray[np.float64]:
        """``[m]``, fresh at every step."""
        return uniforms(self.seed, self.scenes[rows], num_looks, _STEP_STREAM)

    def scene(self, rows: Any) -> NDArray[np.float64]:
        """``[m]``, the same at every step of a scene."""
        return uniforms(self.seed, self.scenes[rows], _SCENE_STREAM, _SCENE_STREAM)
