"""How far a mean over some scenes may be off: of a share that was counted, from their number alone (Wilson's score
interval); of scores in between, from how much the scenes differ."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Z_95 = 1.96  # half of a normal distribution's 95 % interval, in standard deviations


def half_width(share: float, count: int) -> float:
    """Half of the 95 % interval of a share in [0, 1]; never 0, also if all were right."""
    spread = share * (1 - share) / count + Z_95 * Z_95 / (4 * count * count)
    return Z_95 * math.sqrt(spread) / (1 + Z_95 * Z_95 / count)


def interval(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share, within [0, 1]; its middle is nearer to a half than the share."""
    centre = (share + Z_95 * Z_95 / (2 * count)) / (1 + Z_95 * Z_95 / count)
    half = half_width(share, count)
    return max(0.0, centre - half), min(1.0, centre + half)


def half_width_of(scores: NDArray[np.float64]) -> float:
    """Half of the 95 % interval of the mean of scores ``[n]`` in [0, 1]: a share's where each is right or wrong."""
    is_counted = bool(np.isin(scores, (0.0, 1.0)).all())
    if is_counted or len(scores) < 2:  # what one scene tells of the spread is nothing; a share's is the widest
        return half_width(float(scores.mean()), len(scores))
    return Z_95 * float(scores.std(ddof=1)) / math.sqrt(len(scores))
