"""In which order to read the tiles of a scene: those first where most is expected.

Shape letters: m candidates, t tiles.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from foveate.core import Observation
from foveate.geometry.viewpoint import contains
from foveate.rows import as_numpy

CHUNK = 1 << 14  # tiles at a time, so that memory stays small whatever the scene


def promise(observation: Observation, tiles: NDArray[np.float32]) -> NDArray[np.float64]:
    """Relevance ``[t]`` per area at the middles of tiles ``[t, 4]``, of the candidates of one scene: the most that any
    of them promises there. 0 where there is no candidate, and everywhere for a family without relevance."""
    if observation.relevance is None:
        return np.zeros(len(tiles))
    exists = as_numpy(observation.mask)[0]
    windows = as_numpy(observation.candidates)[0][exists]
    density = as_numpy(observation.relevance)[0][exists].astype(np.float64) / windows[:, 2:].prod(1)
    found = np.zeros(len(tiles))
    for first in range(0, len(tiles), CHUNK):
        inside = contains(windows[None], tiles[None, first : first + CHUNK, :2])[0]  # [m, t]
        found[first : first + CHUNK] = (inside * density[:, None]).max(0, initial=0.0)
    return found


def most_promising_first(observation: Observation, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
    """The tiles ``[t, 4]`` in that order; those that promise as much stay in theirs."""
    return tiles[np.argsort(-promise(observation, tiles), kind="stable")]
