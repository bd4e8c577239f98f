"""A camera that takes a glimpse patch by patch and samples points instead of areas: AdaGlimpse's, kept for parity.

Scenes seen through it are scenes again. Wide glimpses alias: that is the paper's sensor, not a mistake of ours.
Shape letters: n scenes, k looks, g x g patches of a look, p pixels of a patch's side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from foveate.core import Glimpses, Scenes
from foveate.errors import UsageError
from foveate.geometry.patches import joined, patch_boxes
from foveate.geometry.viewpoint import Array, from_boxes_px, to_boxes_px
from foveate.rows import as_numpy


@dataclass(frozen=True, kw_only=True)
class PatchCamera:
    """Makes scenes as it sees them: ``camera(scenes)``."""

    grid: int
    """g: patches along a glimpse's side."""

    def __call__(self, scenes: Scenes) -> Scenes:
        return PatchedScenes(scenes, self.grid)


class PatchedScenes:
    """See the module's docstring."""

    def __init__(self, scenes: Scenes, grid: int) -> None:
        self.scenes, self.grid = scenes, grid
        self.sizes_px, self.num_bands, self.value_range = scenes.sizes_px, scenes.num_bands, scenes.value_range

    def __len__(self) -> int:
        return len(self.scenes)

    def read(
        self, viewpoints: Array, size_px: tuple[int, int], valid: Array | None = None, *, antialias: bool = False
    ) -> Glimpses:
        """Glimpses ``[n, k, C, h, w]``, whose sides are multiples of g; each patch is resized by itself."""
        g = self.grid
        if size_px[0] % g or size_px[1] % g:
            raise UsageError(f"a glimpse of {size_px[0]}x{size_px[1]} px has no {g}x{g} patches of one size")
        boxes = to_boxes_px(as_numpy(viewpoints), self.sizes_px)
        patches = from_boxes_px(patch_boxes(boxes, g, whole_px=True), self.sizes_px)
        each = None if valid is None else np.repeat(as_numpy(valid), g * g, axis=1)
        read = self.scenes.read(patches, (size_px[0] // g, size_px[1] // g), each, antialias=antialias)
        return Glimpses(pixels=joined(read.pixels, g), decoded_px=read.decoded_px, read_bytes=read.read_bytes)

    def max_read_bytes(self) -> NDArray[np.int64]:
        return self.scenes.max_read_bytes() * self.grid**2

    def select(self, rows: Any) -> Self:
        return type(self)(self.scenes.select(rows), self.grid)
