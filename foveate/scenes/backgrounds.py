"""Backgrounds of composed scenes: a small pool is painted once, and every scene takes a window of one, tinted.

Taking a window costs a copy, so large coloured scenes stay cheap. Painting is seeded by a constant: the pool is the
same in every process. It uses Pillow and numpy arithmetic, so the same versions give the same pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from foveate.scenes.painting import Field
from foveate.scenes.street import street
from foveate.scenes.textures import noise, texture

LIGHT_LEVELS, TINT_LEVELS = 14, 6  # a scene is lighter or darker by up to the first, and each band by the second more
SPARE_LEVELS = LIGHT_LEVELS + TINT_LEVELS  # what painting leaves free at both ends of 0..255 for that
SLACK_FRAC = 0.125  # a painting is larger than the canvas by this, so that windows differ


PAINTERS: dict[str, tuple[Callable[[int, tuple[int, int]], Field], int]] = {
    "noise": (noise, 4),
    "texture": (texture, 12),
    "street": (street, 8),
}
"""How each kind is painted, given a number and a size, and how many paintings its pool has."""


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
        levels = SPARE_LEVELS + np.clip(picture, 0, 1) * (255 - 2 * SPARE_LEVELS)
        paintings.append(np.rint(levels).astype(np.uint8).transpose(2, 0, 1))
    straight = np.stack(paintings)
    return np.concatenate([straight, straight[..., ::-1]])


def fill(out: NDArray[np.uint8], kind: str, u: NDArray[np.float64]) -> None:
    """Fill ``out`` ``[n, bands, h, w]``, given :func:`num_uniforms` uniforms ``[n, u]`` of each scene."""
    bands, height, width = out.shape[1:]
    paintings = pool(kind, (height, width), bands)
    which = (u[:, 0] * len(paintings)).astype(np.int64)
    top = (u[:, 1] * (paintings.shape[2] - height + 1)).astype(np.int64)
    left = (u[:, 2] * (paintings.shape[3] - width + 1)).astype(np.int64)
    shift = np.rint((2 * u[:, 3:4] - 1) * LIGHT_LEVELS + (2 * u[:, 4:] - 1) * TINT_LEVELS)
    # Unsigned addition wraps, so darker is 256 less; painting leaves room for either.
    tint = shift.astype(np.int64).astype(np.uint8)[..., None, None]
    for scene in range(len(out)):  # one copy per scene is all there is to do; the loop costs microseconds
        window = paintings[which[scene], :, top[scene] : top[scene] + height, left[scene] : left[scene] + width]
        np.add(window, tint[scene], out=out[scene])


def num_uniforms(bands: int) -> int:
    """How many uniforms :func:`fill` takes per scene."""
    return 4 + bands
