"""What stands out in the overview: a frontier that needs no training.

A tile is worth its most salient point (:mod:`foveate.policies.saliency`), as one small thing is enough.
Shape letters: h x w overview, t tiles.
"""

from __future__ import annotations

import math
import time

import numpy as np
from numpy.typing import NDArray

from foveate.answers import Cost
from foveate.policies.saliency import Picture, salient_places
from foveate.scenes.scene import Scene
from foveate.searching.expected import Expected
from foveate.searching.tiling import Tiles

MAX_OVERVIEW_PX = 1 << 20
PX_PER_TILE = 32  # of the overview, along a side: a thing of a thirtieth of a tile is still a pixel


def saliency(scene: Scene, tiles: Tiles, seed: int) -> Expected:
    """The largest saliency of the overview under each tile."""
    start_s, decoded_px, read_bytes = time.perf_counter(), scene.decoded_px, scene.read_bytes
    size_px = overview_px(tiles)
    low, high = scene.value_range
    salient = salient_places((scene.read(size_px=size_px).astype(np.float32) - low) / (high - low))
    of_tiles = most_within(salient, tiles).astype(np.float64)
    sensed_px = size_px[0] * size_px[1]
    cost = Cost(
        looks=0,
        macs=0,
        sensed_px=sensed_px,
        sensed_pct=100 * sensed_px / math.prod(scene.size_px),
        decoded_px=scene.decoded_px - decoded_px,
        read_bytes=scene.read_bytes - read_bytes,
        seconds=time.perf_counter() - start_s,
    )
    return Expected(of_tiles=of_tiles, cost=cost)


def overview_px(tiles: Tiles) -> tuple[int, int]:
    """(height, width): so many pixels per tile, but in all no more than are quick to transform."""
    side = min(PX_PER_TILE, math.sqrt(MAX_OVERVIEW_PX / len(tiles)))
    height, width = (
        max(1, min(scene_px, round(side * count))) for scene_px, count in zip(tiles.scene_px, tiles.grid, strict=True)
    )
    return height, width


def most_within(places: Picture, tiles: Tiles) -> NDArray[np.float32]:
    """The largest of ``places`` ``[h, w]`` in each tile, ``[t]``; a place belongs to all tiles that touch it."""
    for spans_px, scene_px in zip(tiles.spans_px, tiles.scene_px, strict=True):  # rows, then columns
        scale = len(places) / scene_px
        low = np.floor(spans_px[:, 0] * scale + 1e-9).astype(int)
        high = np.maximum(np.ceil(spans_px[:, 1] * scale - 1e-9).astype(int), low + 1)
        places = np.stack([places[a:b].max(0) for a, b in zip(low, high, strict=True)]).T
    return places.reshape(-1)
