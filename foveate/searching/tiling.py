"""The tiles of a picture at its full resolution, as a grid: their boxes, their neighbours, what they cover.

Boxes are (top, left, bottom, right) in whole pixels of the picture. Shape letters: t tiles, row by row; k some of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from foveate.answers import Box
from foveate.errors import UsageError
from foveate.geometry.tiles import tile_grid, tile_viewpoints
from foveate.geometry.viewpoint import from_boxes_px, to_boxes_px

Numbers = Sequence[int] | NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Tiles:
    """All of one size, evenly spread, those at the far borders shifted inside."""

    boxes_px: NDArray[np.int64]  # [t, 4]
    grid: tuple[int, int]  # (rows, cols)
    scene_px: tuple[int, int]  # (height, width)

    @classmethod
    def of(cls, scene_px: tuple[int, int], *, tile_px: tuple[int, int], overlap: float) -> Self:
        """Tiles of (height, width), or of the whole picture where that is smaller; neighbours share at least
        ``overlap`` of a side. Raises UsageError for what cannot be."""
        if not (isinstance(tile_px, tuple | list) and len(tile_px) == 2 and all(_is_side(side) for side in tile_px)):
            raise UsageError(f"tile_px is {tile_px!r}; it must be (height, width) in whole pixels, at least 1 each")
        if not 0 <= overlap < 1:
            raise UsageError(f"overlap is {overlap}; it is a share of a tile's side: at least 0 and less than 1")
        window_px, core_frac = (tile_px[0], tile_px[1]), 1 - overlap
        views = tile_viewpoints(scene_px, window_px=window_px, core_frac=core_frac)
        boxes_px = to_boxes_px(views[None], np.array([scene_px]))[0]
        extent = np.minimum(window_px, scene_px)
        low = np.clip(boxes_px[:, :2].round().astype(np.int64), 0, np.array(scene_px) - extent)  # float32, if huge
        grid = tile_grid(scene_px, window_px=window_px, core_frac=core_frac)
        return cls(boxes_px=np.concatenate([low, low + extent], 1), grid=grid, scene_px=scene_px)

    def __len__(self) -> int:
        return len(self.boxes_px)

    @property
    def tile_px(self) -> tuple[int, int]:
        """(height, width) of every tile."""
        top, left, bottom, right = self.boxes_px[0].tolist()
        return bottom - top, right - left

    @property
    def spans_px(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(low, high) of the grid's rows ``[rows, 2]`` and columns ``[cols, 2]``."""
        return self.boxes_px[:: self.grid[1], ::2], self.boxes_px[: self.grid[1], 1::2]

    def box(self, number: int) -> Box:
        top, left, bottom, right = self.boxes_px[number].tolist()
        return top, left, bottom, right

    def viewpoints(self, numbers: Numbers) -> NDArray[np.float64]:
        """``[k, 4]`` in the frame; of 64 bits, so that a tile is a copy of the picture whatever its size."""
        boxes_px = self.boxes_px[np.asarray(numbers, np.int64)]
        views: NDArray[np.float64] = from_boxes_px(boxes_px[None], np.array([self.scene_px]))[0]
        return views

    def neighbours(self, number: int) -> list[int]:
        """The tiles around one in the grid: 8, fewer at the border."""
        rows, cols = self.grid
        row, col = divmod(number, cols)
        around = [(row + down, col + right) for down in (-1, 0, 1) for right in (-1, 0, 1) if (down, right) != (0, 0)]
        return [r * cols + c for r, c in around if 0 <= r < rows and 0 <= c < cols]

    def covered_frac(self, numbers: Numbers) -> float:
        """Share of the picture under at least one of these tiles."""
        chosen = np.asarray(numbers, np.int64)
        edges = [np.unique(span) for span in self.spans_px]
        low, high = (
            [np.searchsorted(edges[axis], self.boxes_px[chosen, axis + side]) for axis in (0, 1)] for side in (0, 2)
        )
        depth = np.zeros((len(edges[0]), len(edges[1])), np.int32)  # how many begin less how many end: then summed up
        for rows, cols, sign in (
            (low[0], low[1], 1), (high[0], high[1], 1), (low[0], high[1], -1), (high[0], low[1], -1)
        ):  # fmt: skip
            np.add.at(depth, (rows, cols), sign)
        is_covered = depth.cumsum(0).cumsum(1)[:-1, :-1] > 0
        area_px = np.diff(edges[0]) @ is_covered.astype(np.int64) @ np.diff(edges[1])
        return float(area_px) / (self.scene_px[0] * self.scene_px[1])


def _is_side(side: object) -> bool:
    return isinstance(side, int | np.integer) and not isinstance(side, bool) and bool(side >= 1)
