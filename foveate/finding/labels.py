"""Where the labels of many things go, so that none hides another and few hide a thing.

Boxes are (left, top, right, bottom) in shown pixels, arrays of them ``[n, 4]``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]

DISTANCES_PX = (3.0, 16.0, 32.0, 56.0, 88.0, 128.0)
HIDING_PX = 60.0  # hiding a thing is as bad as being so much further away
# Beside, above and below; then corners; then between.
SIDES = (
    (1.0, 0.0), (-1.0, 0.0), (0.0, -1.0), (0.0, 1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, -1.0), (-1.0, 1.0),
    (1.0, 0.5), (1.0, -0.5), (-1.0, 0.5), (-1.0, -0.5), (0.5, 1.0), (0.5, -1.0), (-0.5, 1.0), (-0.5, -1.0),
)  # fmt: skip


def label_boxes(
    things: Boxes, sizes_px: Sequence[tuple[float, float]], *, within_px: tuple[float, float]
) -> list[tuple[float, float, float, float] | None]:
    """A box for the label of each thing, of its (width, height); None where there is no room.

    Those that come first choose first. ``within_px`` is the (width, height) that all must lie in."""
    chosen: list[tuple[float, float, float, float] | None] = []
    taken = np.zeros((0, 4))
    for thing, size_px in zip(things, sizes_px, strict=True):
        candidates, far = _candidates(thing, size_px)
        is_free = _is_inside(candidates, within_px) & ~_overlaps(candidates, taken).any(1)
        if not is_free.any():
            chosen.append(None)
            continue
        cost = far + HIDING_PX * _overlaps(candidates, things).sum(1) + np.where(is_free, 0.0, np.inf)
        best = candidates[int(np.argmin(cost))]
        chosen.append((float(best[0]), float(best[1]), float(best[2]), float(best[3])))
        taken = np.concatenate([taken, best[None]])
    return chosen


def _candidates(thing: NDArray[np.float64], size_px: tuple[float, float]) -> tuple[Boxes, NDArray[np.float64]]:
    """Boxes around a thing, the nearest first, and how far each is from it."""
    size, half = np.array(size_px), (thing[2:] - thing[:2]) / 2
    sides, far = np.array(SIDES), np.repeat(DISTANCES_PX, len(SIDES))
    reach = half + size / 2 + far[:, None]
    middles = (thing[:2] + thing[2:]) / 2 + np.tile(sides, (len(DISTANCES_PX), 1)) * reach
    return np.concatenate([middles - size / 2, middles + size / 2], axis=1), far


def _is_inside(boxes: Boxes, within_px: tuple[float, float]) -> NDArray[np.bool_]:
    stick_out = np.concatenate([-boxes[:, :2], boxes[:, 2:] - np.array(within_px)], axis=1)
    return np.max(stick_out, axis=1) <= 0


def _overlaps(boxes: Boxes, others: Boxes) -> NDArray[np.bool_]:
    """``[n, m]``."""
    gaps = [boxes[:, None, :2] - others[None, :, 2:], others[None, :, :2] - boxes[:, None, 2:]]
    return np.max(np.concatenate(gaps, axis=2), axis=2) < 0
