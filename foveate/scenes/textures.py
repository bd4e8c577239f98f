"""Surfaces to put things on: pixel noise, stone, bricks, wood, marble."""

from __future__ import annotations

import numpy as np

from foveate.noise import uniforms
from foveate.scenes.painting import POOL_SEED, Field, clouds, colours, ramp


def noise(number: int, size_px: tuple[int, int]) -> Field:
    return uniforms(POOL_SEED, 1000 + number, shape=size_px).astype(np.float32) * 0.6


def texture(number: int, size_px: tuple[int, int]) -> Field:
    style = (_stone, _bricks, _wood, _marble)[number % 4]
    light = 0.8 + 0.3 * clouds(5000 + number, size_px, cells=(1, 1), octaves=2)
    return np.asarray(style(2000 + 10 * number, size_px) * light[..., None])


def _stone(seed: int, size_px: tuple[int, int]) -> Field:
    tones = colours(seed, 4, saturation=0.45, low=0.15, high=0.75)
    return ramp(clouds(seed, size_px, cells=(3, 3), octaves=7), tones)


def _wood(seed: int, size_px: tuple[int, int]) -> Field:
    along = clouds(seed, size_px, cells=(28, 2), octaves=3)
    fine = clouds(seed + 1, size_px, cells=(64, 4), octaves=2)
    return ramp(0.7 * along + 0.3 * fine, colours(seed, 3, saturation=0.5, low=0.2, high=0.65, hues=(0.02, 0.14)))


def _marble(seed: int, size_px: tuple[int, int]) -> Field:
    warp = clouds(seed, size_px, cells=(3, 3), octaves=6)
    across = np.linspace(0, 6, size_px[1], dtype=np.float32)[None]
    veins = 0.5 + 0.5 * np.sin(np.pi * (across + 5 * warp))
    return ramp(veins**0.6, colours(seed, 3, saturation=0.25, low=0.25, high=0.8))


def _bricks(seed: int, size_px: tuple[int, int], *, brick_px: tuple[int, int] = (18, 44)) -> Field:
    y, x = np.mgrid[: size_px[0], : size_px[1]]
    course = y // brick_px[0]
    x = x + (course % 2) * (brick_px[1] // 2)
    column = x // brick_px[1]
    is_mortar = (y % brick_px[0] < 2) | (x % brick_px[1] < 2)
    tone = uniforms(POOL_SEED, seed, course * 4096 + column).astype(np.float32)
    grain = clouds(seed, size_px, cells=(12, 12), octaves=4)
    tones = colours(seed, 3, saturation=0.5, low=0.2, high=0.65, hues=(0, 0.12))
    wall = ramp(0.7 * tone + 0.3 * grain, tones)
    return np.where(is_mortar[..., None], 0.45 + 0.25 * grain[..., None], wall).astype(np.float32)
