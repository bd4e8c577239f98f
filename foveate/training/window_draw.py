"""Which part of a big picture a training scene is: few pictures, seen at random places and scales, are many scenes.

Half of the windows are drawn around something that is marked. What that changes is known, and is told with the targets
(gains), so that heat and answers are those of whole pictures, in which things are rarer: prior correction, as in King
and Zeng, "Logistic regression in rare events data" (2001), section 4.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from foveate.config import check_numbers
from foveate.noise import uniforms

WHOLE_FRAC = 0.25  # of the scenes are whole pictures: their overviews must be known too
AROUND_FRAC = 0.5  # of the windows of a picture are drawn around something marked in it, if there is
NUM_DRAWS = 8


@dataclass(frozen=True, kw_only=True)
class WindowDraw:
    """How windows are drawn. Their shape is the picture's."""

    least_px: int = 1024
    """The shorter side of the smallest; smaller pictures are always shown whole."""
    flip: bool = False
    """Mirror half of them left to right and half of them upside down; wrong where that changes what things are."""

    def __post_init__(self) -> None:
        check_numbers(self, "least_px", least=1)


@dataclass(frozen=True, kw_only=True)
class Windows:
    """n windows that were drawn."""

    boxes_px: NDArray[np.int64]  # [n, 4] (top, left, bottom, right)
    mirrored: NDArray[np.bool_]  # [n, 2] upside down, left to right
    area_frac: NDArray[np.float64]  # [n] of the picture


@dataclass(frozen=True)
class Crowd:
    """How many things are marked in each picture of a set: what gains follow from."""

    counts: NDArray[np.int64]  # [n]

    def heat_gain(self, area_frac: NDArray[np.float64]) -> NDArray[np.float64]:
        """How many times as many things as windows drawn anywhere have those drawn of such a share of the pictures."""
        total, with_any = self.counts.sum(), (self.counts > 0).sum()
        if total == 0:
            return np.ones_like(area_frac)
        around = (with_any + (total - with_any) * area_frac) / (total * area_frac)
        gain: NDArray[np.float64] = 1 - AROUND_FRAC + AROUND_FRAC * around
        return gain

    def label_gain(self, area_frac: NDArray[np.float64]) -> NDArray[np.float64]:
        """How many times the odds that anything is in a whole picture are those that it is in such windows."""
        by_chance = 1 - (1 - area_frac[:, None]) ** self._kinds[0]
        has_any = self._kinds[0] > 0
        drawn = ((1 - AROUND_FRAC) * by_chance + AROUND_FRAC * has_any) @ self._kinds[1]
        gain: NDArray[np.float64] = self._odds(drawn) / self._odds(np.asarray(has_any @ self._kinds[1], np.float64))
        return gain

    @cached_property
    def _kinds(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The counts that there are, and the share of pictures with each."""
        values, times = np.unique(self.counts, return_counts=True)
        return values, times / len(self.counts)

    def _odds(self, share: NDArray[np.float64]) -> NDArray[np.float64]:
        least = 0.5 / len(self.counts)  # of n pictures, all or none say no more
        share = share.clip(least, 1 - least)
        return np.asarray(share / (1 - share))


def draw_windows(
    draw: WindowDraw,
    sizes_px: NDArray[np.int64],
    middles_px: Sequence[NDArray[np.float64]],
    *,
    epoch_seed: int,
    indices: NDArray[np.int64],
) -> Windows:
    """Of pictures ``sizes_px`` ``[n, 2]`` with things at ``middles_px`` (of each ``[m, 2]``): a pure function of the
    seed and the numbers ``indices`` ``[n]`` of the scenes."""
    u = uniforms(epoch_seed, indices, shape=(NUM_DRAWS,))
    least = np.minimum(draw.least_px / sizes_px.min(1), 1.0)
    frac = np.where(u[:, 0] < WHOLE_FRAC, 1.0, least ** u[:, 1])  # of each side, evenly on a logarithmic scale
    extents = np.maximum(np.round(frac[:, None] * sizes_px), 1).astype(np.int64)
    room = sizes_px - extents
    low = np.floor(u[:, 2:4] * (room + 1)).astype(np.int64)
    for row, middles in enumerate(middles_px):
        if len(middles) and u[row, 4] < AROUND_FRAC:
            middle = middles[int(u[row, 5] * len(middles))]
            low[row] = np.clip(np.floor(middle - u[row, 2:4] * extents[row]), 0, room[row])
    mirrored = (u[:, 6:8] < 0.5) & draw.flip
    return Windows(
        boxes_px=np.concatenate([low, low + extents], 1), mirrored=mirrored, area_frac=(extents / sizes_px).prod(1)
    )
