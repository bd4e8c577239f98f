"""Brushes of the painted backgrounds: noise of several scales, families of colours, colour ramps.

All random numbers are pure functions of a constant and a seed, so that every process paints the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foveate.noise import uniforms

Field = NDArray[np.float32]  # [h, w] or [h, w, 3], nominally 0 to 1

POOL_SEED = 20_240_601


def clouds(seed: int, size_px: tuple[int, int], *, cells: tuple[int, int], octaves: int) -> Field:
    """Noise of several scales, stretched to 0..1; ``cells`` is the coarsest grid, which gives it its grain."""
    total = np.zeros(size_px, np.float32)
    for octave in range(octaves):
        rows, cols = cells[0] * 2**octave, cells[1] * 2**octave
        if rows > size_px[0] or cols > size_px[1]:
            break
        grid = uniforms(POOL_SEED, seed, octave, shape=(rows + 1, cols + 1)).astype(np.float32)
        fine = Image.fromarray(grid).resize((size_px[1], size_px[0]), Image.Resampling.BICUBIC)
        total += np.asarray(fine) * 0.55**octave
    low, high = np.percentile(total[::4, ::4], [1, 99])
    return np.clip((total - low) / (high - low), 0, 1).astype(np.float32)


def colours(
    seed: int, count: int, *, saturation: float, low: float, high: float, hues: tuple[float, float] = (0, 1)
) -> Field:
    """``[count, 3]`` colours of rising brightness around one hue (0 red, 1/3 green, 2/3 blue), as surfaces have."""
    u = uniforms(POOL_SEED, seed, 99, shape=(count + 1, 3)).astype(np.float32)
    hue = (hues[0] + (hues[1] - hues[0]) * u[0, 0] + 0.12 * (u[1:, 0] - 0.5)) * 2 * np.pi
    wheel = 0.5 + 0.5 * np.cos(hue[:, None] + np.array([0, -2.1, 2.1], np.float32))
    value = (low + (high - low) * (np.arange(count, dtype=np.float32) + u[1:, 1]) / count)[:, None]
    return np.clip(value * (1 - saturation + saturation * 1.3 * wheel), 0, 1).astype(np.float32)


def ramp(field: Field, colours: Field) -> Field:
    """Colours ``[h, w, 3]`` of a field, blended along the list."""
    stops = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(field, stops, colours[:, band]) for band in range(3)], -1).astype(np.float32)
