"""A whole picture at a size that fits on a page, however big it is, and whatever part of it is damaged."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foveate.scanpath import visible
from foveate.scenes.scene import Scene

SIDE_PX = (1000, 1600)  # the longer side is brought between these
PARTS = 16  # a side, where the whole cannot be read at once


def overview(scene: Scene) -> tuple[Image.Image, float]:
    """The whole, and shown pixels per pixel of it."""
    longest = max(scene.size_px)
    scale = min(max(longest, SIDE_PX[0]), SIDE_PX[1]) / longest
    height, width = (max(round(side * scale), 1) for side in scene.size_px)
    read_px = (min(height, scene.size_px[0]), min(width, scene.size_px[1]))  # a small one is enlarged below
    pixels = scene.read(size_px=read_px)
    if not pixels.any():  # black, or damaged somewhere: all of a look is then zeros
        pixels = _in_parts(scene, read_px)
    shown = Image.fromarray(visible(pixels, scene.value_range))
    return shown.resize((width, height), Image.Resampling.LANCZOS), scale


def _in_parts(scene: Scene, size_px: tuple[int, int]) -> NDArray[np.generic]:
    """``[C, h, w]``, without those parts that are damaged."""
    rows, cols = (np.unique(np.linspace(0, side, PARTS + 1).round().astype(int)).tolist() for side in size_px)
    down, across = (full / side for full, side in zip(scene.size_px, size_px, strict=True))
    bands = [
        [
            scene.read(
                box_px=(top * down, left * across, bottom * down, right * across), size_px=(bottom - top, right - left)
            )
            for left, right in pairwise(cols)
        ]
        for top, bottom in pairwise(rows)
    ]
    return np.concatenate([np.concatenate(band, axis=2) for band in bands], axis=1)
