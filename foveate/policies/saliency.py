"""What stands out in a picture, without anything learned.

Spectral residual (Hou and Zhang, "Saliency detection: a spectral residual approach", CVPR 2007): the logarithm of a
picture's amplitude spectrum less its local mean, with the phase as it was, is what the spectrum of such pictures does
not lead one to expect; transformed back and squared, it says where that is. It is taken of the mean over bands and of
each band's difference from that, so that colour counts, and multiplied with local contrast: the residual alone also
finds texture, contrast alone also finds long edges.
Shape letters: C bands, h x w pixels, v views of them, t tiles.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SURROUND_PX, SMOOTH_PX = 2, 1  # reach of a box filter that is applied twice
GREY_LEVEL = 1 / 255  # a view that varies less than this is mostly noise of its coding, and counts less

Picture = NDArray[np.float32]  # [..., h, w]


def salient_places(overview: Picture) -> Picture:
    """``[h, w]`` >= 0 of an overview ``[C, h, w]`` in [0, 1]; zeros where nothing stands out."""
    mean = overview.mean(0, keepdims=True)
    views = np.concatenate([mean, overview - mean]) if len(overview) > 1 else mean
    residual, contrast = np.zeros((2, *overview.shape[1:]), np.float32)
    for view in views:  # one by one, for the sake of memory
        apart = np.abs(view - _smoothed(view, SURROUND_PX))
        weight = apart.mean() / (apart.mean() + GREY_LEVEL)
        residual += weight * _relative(_smoothed(_spectral_residual(view), SMOOTH_PX))
        contrast += weight * _relative(apart)
    places: Picture = np.sqrt(_relative(residual) * _relative(contrast))
    return places


def salience_at(overview: Picture, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
    """The most salient pixel ``[t]`` of an overview ``[C, h, w]`` in [0, 1] in each of ``tiles`` ``[t, 4]``."""
    found = salient_places(overview)
    height, width = found.shape
    low, high = tiles[:, :2] - tiles[:, 2:], tiles[:, :2] + tiles[:, 2:]
    first = np.floor((low + 1) / 2 * (height, width) + 1e-6).astype(int).clip(0, (height - 1, width - 1))
    last = np.ceil((high + 1) / 2 * (height, width) - 1e-6).astype(int).clip(first + 1, (height, width))
    spans = zip(first.tolist(), last.tolist(), strict=True)
    return np.array([found[top:bottom, left:right].max() for (top, left), (bottom, right) in spans], np.float32)


def _spectral_residual(view: Picture) -> Picture:
    spectrum = np.fft.fft2(view)
    amplitude = np.abs(spectrum) + 1e-9
    logarithm = np.log(amplitude)
    wrapped = np.pad(logarithm, 1, mode="wrap")
    height, width = view.shape
    around = sum(wrapped[row : row + height, col : col + width] for row in range(3) for col in range(3)) / 9
    residual: Picture = np.abs(np.fft.ifft2(np.exp(logarithm - around) * spectrum / amplitude)) ** 2
    return residual


def _smoothed(view: Picture, reach_px: int) -> Picture:
    """Twice the mean over ``2 * reach_px + 1`` pixels either way, the picture mirrored at its borders."""
    width = 2 * reach_px + 1
    for _ in range(4):  # down, across, and again
        summed = np.pad(view, [(reach_px + 1, reach_px), (0, 0)], mode="symmetric").cumsum(0)
        view = ((summed[width:] - summed[:-width]) / width).T
    return view


def _relative(places: Picture) -> Picture:
    """To their mean; nothing where all are zero."""
    mean = places.mean()
    return places / mean if mean > 0 else np.zeros_like(places)
