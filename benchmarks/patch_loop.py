"""The rival of our sensors: every patch of every glimpse cut out and resized by itself, in a Python loop, as in
AdaGlimpse's code (dossier, section 2). These are scenes: the same loop, models and policies play on them as on ours.

Shape letters: n scenes, k looks, g x g patches of a look, C bands.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from foveate.core import Glimpses
from foveate.geometry.patches import patch_boxes
from foveate.geometry.viewpoint import Array, to_boxes_px
from foveate.rows import as_numpy


class PatchLoop:
    """Pictures in memory; corners are rounded down to whole pixels."""

    def __init__(self, pictures: Tensor, *, grid: int) -> None:
        """``pictures`` ``[n, C, H, W]`` uint8; ``grid``: g, 1 where a camera asks for single patches already."""
        self.pictures, self.grid = pictures, grid
        self.sizes_px: NDArray[np.int64] = np.tile(np.array(pictures.shape[2:], np.int64), (len(pictures), 1))
        self.num_bands, self.value_range = int(pictures.shape[1]), (0.0, 255.0)

    def __len__(self) -> int:
        return len(self.pictures)

    def read(
        self, viewpoints: Array, size_px: tuple[int, int], valid: Array | None = None, *, antialias: bool = True
    ) -> Glimpses:
        """Glimpses ``[n, k, C, h, w]`` uint8; looks not valid are zeros."""
        g, (height, width) = self.grid, (size_px[0] // self.grid, size_px[1] // self.grid)
        boxes = np.floor(to_boxes_px(as_numpy(viewpoints), self.sizes_px))
        shape = boxes.shape[:2]
        patches = patch_boxes(boxes, g, whole_px=True).astype(int).reshape(*shape, g, g, 4)
        pixels = self.pictures.new_zeros(*shape, self.num_bands, *size_px)
        is_valid = np.ones(shape, bool) if valid is None else as_numpy(valid)
        for row, look in np.argwhere(is_valid).tolist():
            for i, j in np.ndindex(g, g):
                top, left, bottom, right = patches[row, look, i, j].tolist()
                place = slice(i * height, (i + 1) * height), slice(j * width, (j + 1) * width)
                patch = self.pictures[row, :, top:bottom, left:right]
                pixels[row, look, :, *place] = _resized(patch, (height, width), antialias=antialias)
        nothing = np.zeros(len(self), np.int64)
        return Glimpses(pixels=pixels, decoded_px=nothing, read_bytes=nothing)

    def max_read_bytes(self) -> NDArray[np.int64]:
        return np.zeros(len(self), np.int64)

    def select(self, rows: Any) -> Self:
        return type(self)(self.pictures[rows], grid=self.grid)


def _resized(patch: Tensor, size_px: tuple[int, int], *, antialias: bool) -> Tensor:
    """A patch ``[C, h, w]`` at another size, the fastest way that torch has: in uint8, and only where it must."""
    if patch.shape[1:] == size_px:
        return patch
    return nn.functional.interpolate(patch[None], size=size_px, mode="bilinear", antialias=antialias)[0]
