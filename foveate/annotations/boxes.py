"""What a box must be, and the box that stands for a point. All are in pixels; pixel corners are whole numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]  # top, left, bottom, right

FEW_PX = 4.0  # tools round, and drag a little over the border; what sticks out further belongs elsewhere
MOST_PX = 2.0**31  # no picture has a longer side


def checked(box_px: Box, *, size_px: tuple[int, int] | None = None, most_outside_px: float = FEW_PX) -> Box:
    """The box, cut at the borders of a picture of (height, width) where that is known.

    ValueError, which says what is wrong, for a box without extent, of numbers that are not finite, or that begins
    before the picture's corner; where the size is known, one that sticks out by more than ``most_outside_px``."""
    top, left, bottom, right = box_px
    if not all(abs(side) < MOST_PX for side in box_px):
        raise ValueError(f"{said(box_px)} is not finite, or larger than any picture")
    if top >= bottom or left >= right:
        raise ValueError(f"{said(box_px)} is empty")
    if size_px is None:
        if top < 0 or left < 0:
            raise ValueError(f"{said(box_px)} is negative")
        return box_px
    height, width = size_px
    if max(-top, -left, bottom - height, right - width) > most_outside_px:
        raise ValueError(f"{said(box_px)} sticks out of a picture of {height} x {width} px")
    cut = max(top, 0.0), max(left, 0.0), min(bottom, float(height)), min(right, float(width))
    if cut[0] >= cut[2] or cut[1] >= cut[3]:
        raise ValueError(f"{said(box_px)} lies outside of a picture of {height} x {width} px")
    return cut


def around(row_px: float, col_px: float, *, side_px: float) -> Box:
    """A square around a point, cut at 0. ValueError for a point that is negative or not finite."""
    if not (0 <= row_px < MOST_PX and 0 <= col_px < MOST_PX):
        raise ValueError(f"the point (row {row_px:g}, col {col_px:g}) is negative or not finite")
    half = side_px / 2
    return max(row_px - half, 0.0), max(col_px - half, 0.0), row_px + half, col_px + half


def as_array(boxes_px: Sequence[Box]) -> NDArray[np.float32]:
    """``[m, 4]``, also of none."""
    return np.array(boxes_px, np.float32).reshape(-1, 4)


def said(box_px: Sequence[float]) -> str:
    """For a message."""
    return "the box (top {:g}, left {:g}, bottom {:g}, right {:g})".format(*box_px)
