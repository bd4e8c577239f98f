"""What looks would decode of a tiled pyramid file, if there is one or not: so that rendered scenes have a bill too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from foveate.geometry.viewpoint import to_boxes_px
from foveate.scenes.levels import level_size_px, levels_for, num_levels

TILE_PX, SMALL_TILE_PX = 256, 128
ROUNDING_PX = 1e-6


class FileTiles:
    """The tiles, of ``tile_px`` x ``tile_px`` on every level, beneath the looks at one scene of ``size_px`` ``[1, 2]``:
    each is decoded once, as a cache keeps it."""

    def __init__(self, glimpse_px: tuple[int, int], size_px: NDArray[np.int64], *, tile_px: int = TILE_PX) -> None:
        self.glimpse_px, self.size_px, self.tile_px = glimpse_px, size_px, tile_px
        height, width = size_px[0].tolist()
        self.scene_px = (height, width)
        self._seen: set[tuple[int, int, int]] = set()

    @property
    def num_full(self) -> int:
        """At full resolution."""
        return sum(level == 0 for level, _, _ in self._seen)

    @property
    def num_all(self) -> int:
        return len(self._seen)

    @property
    def num_in_file(self) -> int:
        """At full resolution, seen or not."""
        height, width = self.scene_px
        return -(-height // self.tile_px) * -(-width // self.tile_px)

    def add(self, views: NDArray[np.float32]) -> None:
        """Looks ``[k, 4]``."""
        boxes, side = to_boxes_px(views[None], self.size_px)[0], self.tile_px
        levels = levels_for(boxes, self.glimpse_px, num_levels(self.scene_px))
        for box, level in zip(boxes, levels.tolist(), strict=True):
            height, width = level_size_px(self.scene_px, level)
            top, left, bottom, right = (box / 2**level).tolist()
            rows = range(int(top) // side, int(min(bottom - ROUNDING_PX, height - 1)) // side + 1)
            cols = range(int(left) // side, int(min(right - ROUNDING_PX, width - 1)) // side + 1)
            self._seen.update((level, row, col) for row in rows for col in cols)
