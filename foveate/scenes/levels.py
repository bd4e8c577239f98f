"""Levels of a big picture: level j is the picture with every 2^j x 2^j pixels averaged into one.

Level 0 is full resolution; the last level is the first whose longer side has at most COARSEST_PX pixels. A side that
2^j does not divide keeps its last, partly filled pixel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COARSEST_PX = 64
TOLERANCE = 1e-3  # a look that shrinks by 7.999 is one that shrinks by 8


def num_levels(size_px: tuple[int, int], *, coarsest_px: int = COARSEST_PX) -> int:
    """How many levels a picture (height, width) has, if the last has at most ``coarsest_px``."""
    return 1 + (-(-max(size_px) // coarsest_px) - 1).bit_length()


def level_size_px(size_px: tuple[int, int], level: int) -> tuple[int, int]:
    """(height, width) of a level."""
    return -(-size_px[0] // 2**level), -(-size_px[1] // 2**level)


def levels_for(boxes_px: NDArray[np.float64], size_px: tuple[int, int], levels: int) -> NDArray[np.int64]:
    """Of each box ``[b, 4]`` that becomes ``size_px``: the coarsest level that is at least as fine on both axes."""
    shrink = ((boxes_px[:, 2:] - boxes_px[:, :2]) / np.array(size_px)).min(1, initial=np.inf)
    depth = np.floor(np.log2(np.maximum(shrink, 1.0) * (1 + TOLERANCE)))
    return np.minimum(depth, levels - 1).astype(np.int64)
