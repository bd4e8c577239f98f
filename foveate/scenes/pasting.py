"""Pasting many small cut-outs into many scenes at once. The squares of one call never overlap.

Shape letters: q things pasted, in any scenes; C bands; s side of a thing's square.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from foveate.scenes.cutouts import CutoutSet

OPAQUE = 128  # alpha from which a pixel belongs to the thing's mask
LUMA = np.array([299, 587, 114], np.uint32)


class Sprites:
    """Cut-outs rendered at the sizes that are asked for; a sprite's number runs through the given sets."""

    def __init__(self, sets: Sequence[CutoutSet], *, bands: int) -> None:
        self._sets, self._bands = sets, bands
        self._rendered: dict[int, tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int64]]] = {}

    def at_size(self, size_px: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int64]]:
        """Premultiplied colour ``[p, C, s, s]``, alpha ``[p, 1, s, s]`` and tight bounds ``[p, 4]`` of all sprites."""
        if size_px not in self._rendered:
            planes = np.concatenate([one.at_size(size_px) for one in self._sets])
            colour, alpha = planes[:, :3], np.ascontiguousarray(planes[:, 3:])
            if self._bands == 1:
                colour = ((np.moveaxis(colour, 1, -1) @ LUMA + 500) // 1000).astype(np.uint8)[:, None]
            self._rendered[size_px] = np.ascontiguousarray(colour), alpha, _bounds(alpha[:, 0] >= OPAQUE)
        return self._rendered[size_px]

    def bounds_px(self, sprite: NDArray[np.int64], sizes_px: NDArray[np.int64]) -> NDArray[np.int64]:
        """Tight bounds ``[..., 4]`` (top, left, bottom, right) of sprites within their squares."""
        tight = np.zeros((*sprite.shape, 4), np.int64)
        for size in np.unique(sizes_px):
            here = sizes_px == size
            tight[here] = self.at_size(int(size))[2][sprite[here]]
        return tight

    def paste(
        self,
        images: NDArray[np.uint8],
        scene: NDArray[np.int64],
        sprite: NDArray[np.int64],
        sizes_px: NDArray[np.int64],
        corners: NDArray[np.int64],
        *,
        is_black: bool,
    ) -> None:
        """Blend sprites ``[q]`` into ``images`` ``[n, C, H, W]`` at corners ``[q, 2]``, in place."""
        for size, few in _by_size(sizes_px):
            colour, alpha, _ = self.at_size(size)
            place = (scene[few], slice(None), corners[few, 0], corners[few, 1])
            windows = sliding_window_view(images, (size, size), axis=(2, 3), writeable=True)
            patch = colour[sprite[few]]
            if not is_black:  # on black, what shines through is nothing
                through = 255 - alpha[sprite[few]].astype(np.uint16)
                patch += ((windows[place] * through + 127) // 255).astype(np.uint8)
            windows[place] = patch

    def mark(
        self,
        masks: NDArray[np.uint8],
        number: NDArray[np.uint8],
        scene: NDArray[np.int64],
        sprite: NDArray[np.int64],
        sizes_px: NDArray[np.int64],
        corners: NDArray[np.int64],
    ) -> None:
        """Write numbers ``[q]`` into ``masks`` ``[n, H, W]`` where the sprites are opaque, in place."""
        for size, few in _by_size(sizes_px):
            opaque = self.at_size(size)[1][sprite[few], 0] >= OPAQUE
            windows = sliding_window_view(masks, (size, size), axis=(1, 2), writeable=True)
            windows[scene[few], corners[few, 0], corners[few, 1]] = opaque * number[few, None, None]


def _by_size(sizes_px: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    for size in np.unique(sizes_px):
        yield int(size), np.flatnonzero(sizes_px == size)


def _bounds(opaque: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Tight boxes ``[p, 4]`` of masks ``[p, s, s]``; the whole square where nothing is opaque."""
    low_high = []
    for axis in (2, 1):
        line = np.asarray(opaque.any(axis))  # [p, s]
        side = line.shape[1]
        low_high.append((line.argmax(1), side - line[:, ::-1].argmax(1)))
    (top, bottom), (left, right) = low_high
    return np.stack([top, left, bottom, right], -1).astype(np.int64)
