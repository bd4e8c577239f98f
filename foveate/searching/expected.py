"""What is expected of each tile before any is read, and what it took to know that; and the two controls.

Shape letter: t tiles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveate.answers import Box, Cost
from foveate.errors import IncompatibleError
from foveate.noise import uniforms
from foveate.scenes.scene import Scene
from foveate.searching.tiling import Tiles

FREE = Cost(looks=0, macs=0, sensed_px=0, sensed_pct=0.0, decoded_px=0, read_bytes=0, seconds=0.0)


@dataclass(frozen=True, kw_only=True)
class Expected:
    """In any unit, as long as it is the same for all tiles."""

    of_tiles: NDArray[np.float64]  # [t] finite, >= 0
    cost: Cost = FREE
    looks_px: tuple[Box, ...] = ()
    """Where a model looked to find out, in order; without its glance."""

    def __post_init__(self) -> None:
        if not (np.isfinite(self.of_tiles).all() and (self.of_tiles >= 0).all()):
            raise IncompatibleError(
                "what the frontier expects of the tiles is not finite, or negative: a model's weights may have diverged"
            )


def raster(scene: Scene, tiles: Tiles, seed: int) -> Expected:
    """The same of all, so that they come in reading order. A control: it knows nothing of the scene."""
    return Expected(of_tiles=np.ones(len(tiles)))


def random(scene: Scene, tiles: Tiles, seed: int) -> Expected:
    """A number that is drawn. A control: it knows nothing of the scene."""
    return Expected(of_tiles=uniforms(seed, np.arange(len(tiles))))
