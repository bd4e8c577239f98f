"""How far a share that was counted over some scenes may be off, from their number alone (Wilson's score interval)."""

from __future__ import annotations

import math

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
