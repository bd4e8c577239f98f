"""Backgrounds of composed scenes: a small pool is painted once, and every scene takes a window of one, tinted.

Taking a window costs a copy, so large coloured scenes stay cheap. Painting is seeded by a constant: the pool is the
same in every process. It uses Pillow and numpy arithmetic, so the same versions give the same pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foveate.noise import uniforms

Field = NDArray[np.float32]  # [h, w] or [h, w, 3], nominally 0 to 1

POOL_SEED = 20_240_601
TINT_LEVELS = 20  # tints add up to this to a band; painting keeps away from 0 and 255 by as much
SLACK_FRAC = 0.125  # a painting is larger than the canvas by this, so that windows differ


@cache
def pool(kind: str, canvas_px: tuple[int, int], bands: int) -> NDArray[np.uint8]:
    """Paintings ``[p, bands, H, W]``, each larger than the canvas, and each with its mirror image."""
    size_px = (round(canvas_px[0] * (1 + SLACK_FRAC)), round(canvas_px[1] * (1 + SLACK_FRAC)))
    paint, count = PAINTERS[kind]
    paintings = []
    for number in range(count):
        picture = paint(number, size_px)
        if picture.ndim == 2:
            picture = np.repeat(picture[..., None], 3, -1)
        if bands == 1:
            picture = picture @ np.array([[0.299], [0.587], [0.114]], np.float32)
        levels = TINT_LEVELS + np.clip(picture, 0, 1) * (255 - 2 * TINT_LEVELS)
        paintings.append(np.rint(levels).astype(np.uint8).transpose(2, 0, 1))
    straight = np.stack(paintings)
    return np.concatenate([straight, straight[..., ::-1]])


def fill(out: NDArray[np.uint8], kind: str, u: NDArray[np.float64]) -> None:
    """Fill ``out`` ``[n, bands, h, w]``, given uniforms ``[n, 3 + bands]`` of each scene."""
    bands, height, width = out.shape[1:]
    paintings = pool(kind, (height, width), bands)
    which = (u[:, 0] * len(paintings)).astype(np.int64)
    top = (u[:, 1] * (paintings.shape[2] - height + 1)).astype(np.int64)
    left = (u[:, 2] * (paintings.shape[3] - width + 1)).astype(np.int64)
    # Unsigned addition wraps, so a darker tint is 256 less; painting leaves room for either.
    tint = np.rint((2 * u[:, 3:] - 1) * TINT_LEVELS).astype(np.int64).astype(np.uint8)[..., None, None]
    for scene in range(len(out)):  # one copy per scene is all there is to do; the loop costs microseconds
        window = paintings[which[scene], :, top[scene] : top[scene] + height, left[scene] : left[scene] + width]
        np.add(window, tint[scene], out=out[scene])


def num_uniforms(bands: int) -> int:
    """How many uniforms :func:`fill` takes per scene."""
    return 3 + bands


def _clouds(seed: int, size_px: tuple[int, int], *, cells: tuple[int, int], octaves: int) -> Field:
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


def _colours(
    seed: int, count: int, *, saturation: float, low: float, high: float, hues: tuple[float, float] = (0, 1)
) -> Field:
    """``[count, 3]`` colours of rising brightness around one hue (0 red, 1/3 green, 2/3 blue), as surfaces have."""
    u = uniforms(POOL_SEED, seed, 99, shape=(count + 1, 3)).astype(np.float32)
    hue = (hues[0] + (hues[1] - hues[0]) * u[0, 0] + 0.12 * (u[1:, 0] - 0.5)) * 2 * np.pi
    wheel = 0.5 + 0.5 * np.cos(hue[:, None] + np.array([0, -2.1, 2.1], np.float32))
    value = (low + (high - low) * (np.arange(count, dtype=np.float32) + u[1:, 1]) / count)[:, None]
    return np.clip(value * (1 - saturation + saturation * 1.3 * wheel), 0, 1).astype(np.float32)


def _ramp(field: Field, colours: Field) -> Field:
    """Colours ``[h, w, 3]`` of a field, blended along the list."""
    stops = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(field, stops, colours[:, band]) for band in range(3)], -1).astype(np.float32)


def _noise(number: int, size_px: tuple[int, int]) -> Field:
    return uniforms(POOL_SEED, 1000 + number, shape=size_px).astype(np.float32) * 0.6


def _texture(number: int, size_px: tuple[int, int]) -> Field:
    style = (_stone, _bricks, _wood, _marble)[number % 4]
    light = 0.8 + 0.3 * _clouds(5000 + number, size_px, cells=(1, 1), octaves=2)
    return np.asarray(style(2000 + 10 * number, size_px) * light[..., None])


def _stone(seed: int, size_px: tuple[int, int]) -> Field:
    colours = _colours(seed, 4, saturation=0.45, low=0.15, high=0.75)
    return _ramp(_clouds(seed, size_px, cells=(3, 3), octaves=7), colours)


def _wood(seed: int, size_px: tuple[int, int]) -> Field:
    along = _clouds(seed, size_px, cells=(28, 2), octaves=3)
    fine = _clouds(seed + 1, size_px, cells=(64, 4), octaves=2)
    return _ramp(0.7 * along + 0.3 * fine, _colours(seed, 3, saturation=0.5, low=0.2, high=0.65, hues=(0.02, 0.14)))


def _marble(seed: int, size_px: tuple[int, int]) -> Field:
    warp = _clouds(seed, size_px, cells=(3, 3), octaves=6)
    across = np.linspace(0, 6, size_px[1], dtype=np.float32)[None]
    veins = 0.5 + 0.5 * np.sin(np.pi * (across + 5 * warp))
    return _ramp(veins**0.6, _colours(seed, 3, saturation=0.25, low=0.25, high=0.8))


def _bricks(seed: int, size_px: tuple[int, int], *, brick_px: tuple[int, int] = (18, 44)) -> Field:
    y, x = np.mgrid[: size_px[0], : size_px[1]]
    course = y // brick_px[0]
    x = x + (course % 2) * (brick_px[1] // 2)
    column = x // brick_px[1]
    is_mortar = (y % brick_px[0] < 2) | (x % brick_px[1] < 2)
    tone = uniforms(POOL_SEED, seed, course * 4096 + column).astype(np.float32)
    grain = _clouds(seed, size_px, cells=(12, 12), octaves=4)
    colours = _colours(seed, 3, saturation=0.5, low=0.2, high=0.65, hues=(0, 0.12))
    wall = _ramp(0.7 * tone + 0.3 * grain, colours)
    return np.where(is_mortar[..., None], 0.45 + 0.25 * grain[..., None], wall).astype(np.float32)


PAINTERS: dict[str, tuple[Callable[[int, tuple[int, int]], Field], int]] = {
    "noise": (_noise, 4),
    "texture": (_texture, 12),
    "street": (_texture, 8),
}
