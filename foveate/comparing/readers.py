"""The readers of :data:`foveate.comparing.READERS`: ``(system, opened, number) -> policy``.

``opened`` is the first step of a batch of one scene, after the overview; ``number`` is the scene's, for what is random.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.core import Policy
from foveate.episode import Event
from foveate.policies.planned import Planned
from foveate.policies.promise import most_promising_first
from foveate.policies.saliency import salience_at
from foveate.policies.scans import CoarseToFine, CoarseToFineConfig
from foveate.rows import as_numpy
from foveate.scanning import TILES_PER_STEP, tiles_of
from foveate.system import System

DEEPEST = 12  # levels of a quadtree


def search(system: System, opened: Event, number: int) -> Policy:
    policy: Policy = system.policy
    return policy


def exhaustive(system: System, opened: Event, number: int) -> Policy:
    return Planned(_tiles(system, opened), num_looks_per_step=TILES_PER_STEP)


def one_shot(system: System, opened: Event, number: int) -> Policy:
    return _planned(system, most_promising_first(opened.observation, _tiles(system, opened)))


def random(system: System, opened: Event, number: int) -> Policy:
    tiles = _tiles(system, opened)
    return _planned(system, tiles[np.random.default_rng(number).permutation(len(tiles))])


def raster(system: System, opened: Event, number: int) -> Policy:
    return _planned(system, _tiles(system, opened))


def coarse_to_fine(system: System, opened: Event, number: int) -> Policy:
    """As deep as the family's closest looks."""
    closest_px = system.model.observation_shape.closest_px
    assert closest_px is not None  # or there would be no tiles
    shrink = float((_size_px(opened) / np.asarray(closest_px)).max())
    levels = min(DEEPEST, 1 + max(1, math.ceil(math.log2(max(shrink, 1.0)))))
    return CoarseToFine(CoarseToFineConfig(zoom=True, num_levels=levels, first_level=2))


def saliency(system: System, opened: Event, number: int) -> Policy:
    """Of the overview, which a family with a free opening does not have: then in reading order."""
    tiles = _tiles(system, opened)
    if opened.opening is None:
        return _planned(system, tiles)
    low, high = system.model.value_range
    overview = (as_numpy(opened.opening.pixels)[0, 0].astype(np.float32) - low) / (high - low)
    return _planned(system, tiles[np.argsort(-salience_at(overview, tiles), kind="stable")])


def _tiles(system: System, opened: Event) -> NDArray[np.float32]:
    height, width = _size_px(opened).tolist()
    return tiles_of(system.model, (height, width))


def _planned(system: System, tiles: NDArray[np.float32]) -> Policy:
    """As many at a time as the search looks at: both may be judged after any step."""
    return Planned(tiles, num_looks_per_step=system.policy.noise_shape[0])


def _size_px(opened: Event) -> NDArray[Any]:
    return as_numpy(opened.observation.sizes_px)[0]
