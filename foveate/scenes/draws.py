"""The random numbers of a batch of made scenes: a pure function of each scene, one stream per purpose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveate.noise import uniforms


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Uniform numbers of n scenes; which batch a scene is in changes nothing."""

    seed: int
    epoch_seed: int
    indices: NDArray[np.int64]  # [n]
    streams: tuple[str, ...]
    """The purposes; "place" is the one that is drawn again when things find no room."""

    def __call__(self, purpose: str, count: int) -> NDArray[np.float64]:
        """``[n, count]``."""
        return uniforms(self.seed, self.epoch_seed, self.indices, self.streams.index(purpose), shape=(count,))

    def again(self, rows: NDArray[np.int64], attempt: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """``[len(rows), *shape]`` for placing, fresh at every attempt."""
        place = self.streams.index("place")
        return uniforms(self.seed, self.epoch_seed, self.indices[rows], place, attempt, shape=shape)


def between(u: NDArray[np.float64], bounds: tuple[int, int]) -> NDArray[np.int64]:
    """Whole numbers from the first to the second bound, both included."""
    return bounds[0] + (u * (bounds[1] - bounds[0] + 1)).astype(np.int64)
