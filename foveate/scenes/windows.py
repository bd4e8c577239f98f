"""Windows of scenes as scenes of their own: what lies outside of a window does not exist.

Shape letters: n scenes, k looks, C bands, h x w glimpse.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from foveate.core import Glimpses, Scenes
from foveate.errors import UsageError
from foveate.geometry.viewpoint import Array, clamp_inside, from_boxes_px
from foveate.rows import as_numpy
from foveate.scenes.reading import request, row_numbers


class WindowScenes:
    """Each scene of a batch, cut to a window, and mirrored where that is asked for. Costs are those of the scenes; a
    look at a border is filtered with what lies beyond it only if it is so in the whole scene: windows are cut on
    whole pixels, and looks end there."""

    def __init__(self, scenes: Scenes, boxes_px: NDArray[np.int64], mirrored: NDArray[np.bool_] | None = None) -> None:
        """``boxes_px`` ``[n, 4]`` (top, left, bottom, right), ``mirrored`` ``[n, 2]``: upside down, left to right.

        Raises UsageError for a box that is empty or sticks out."""
        boxes, limits = np.asarray(boxes_px, np.int64), np.tile(scenes.sizes_px, 2)
        if boxes.shape != (len(scenes), 4):
            raise UsageError(f"boxes_px has shape {boxes.shape}; these scenes need [{len(scenes)}, 4]")
        fits = ((boxes >= 0) & (boxes <= limits)).all(1) & (boxes[:, :2] < boxes[:, 2:]).all(1)
        if not fits.all():
            row = int(np.flatnonzero(~fits)[0])
            raise UsageError(
                f"the window {boxes[row].tolist()} is empty, or outside of {scenes.sizes_px[row].tolist()}"
            )
        self.scenes, self.boxes_px = scenes, boxes
        self.mirrored = np.zeros((len(boxes), 2), np.bool_) if mirrored is None else np.asarray(mirrored, np.bool_)
        self.sizes_px: NDArray[np.int64] = boxes[:, 2:] - boxes[:, :2]
        self.num_bands, self.value_range = scenes.num_bands, scenes.value_range

    def __len__(self) -> int:
        return len(self.boxes_px)

    def read(
        self, viewpoints: Array, size_px: tuple[int, int], valid: Array | None = None, *, antialias: bool = True
    ) -> Glimpses:
        """Glimpses ``[n, k, C, h, w]``, numpy. Looks not valid are zeros."""
        looks = request(viewpoints, self.sizes_px, valid)
        given = self.scenes.read(self._outside(as_numpy(viewpoints)), size_px, looks.valid, antialias=antialias)
        pixels = as_numpy(given.pixels)
        for rows, axis in zip(self.mirrored.T, (-2, -1), strict=True):
            if rows.any():
                pixels = pixels.copy()
                pixels[rows] = np.flip(pixels[rows], axis)
        return Glimpses(pixels=pixels, decoded_px=given.decoded_px, read_bytes=given.read_bytes)

    def max_read_bytes(self) -> NDArray[np.int64]:
        """``[n]``: those of the whole scenes."""
        return self.scenes.max_read_bytes()

    def select(self, rows: Any) -> Self:
        """The given rows (indices or a mask)."""
        keep = row_numbers(rows, len(self))
        return type(self)(self.scenes.select(keep), self.boxes_px[keep], self.mirrored[keep])

    def _outside(self, viewpoints: NDArray[Any]) -> NDArray[np.float64]:
        """Viewpoints ``[n, k, 4]`` of windows in the frame of the scenes."""
        window = from_boxes_px(self.boxes_px[:, None], self.scenes.sizes_px)  # [n, 1, 4]
        inner = np.asarray(viewpoints, np.float64)
        middles = np.where(self.mirrored[:, None], -inner[..., :2], inner[..., :2])
        middles = window[..., :2] + middles * window[..., 2:]
        outer: NDArray[np.float64] = clamp_inside(np.concatenate([middles, inner[..., 2:] * window[..., 2:]], -1))
        return outer
