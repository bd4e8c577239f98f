"""What stands out in a picture without anything learned: the spectral residual, and local contrast.

X. Hou and L. Zhang, "Saliency Detection: A Spectral Residual Approach", CVPR 2007: the part of the log amplitude
spectrum that its neighbours do not foretell, transformed back with the picture's own phase.
Shape letters: C bands, h x w pixels, t tiles.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SMOOTH_PX = 2  # radius of the blur at the end


def salience(pixels: NDArray[Any]) -> NDArray[np.float64]:
    """``[h, w]`` in 0..1 of ``[C, h, w]``: the mean over bands of both maps, each scaled to 1 at most."""
    values = pixels.astype(np.float64)
    residual = sum(_spectral_residual(band) for band in values)
    around = values - _blurred(values, max(1, min(values.shape[1:]) // 16))
    contrast = np.sqrt((around**2).mean(0))
    return (_scaled(np.asarray(residual)) + _scaled(contrast)) / 2


def salience_at(pixels: NDArray[Any], tiles: NDArray[np.float32]) -> NDArray[np.float64]:
    """The most salient pixel ``[t]`` of a picture ``[C, h, w]`` of the whole scene in each of ``tiles`` ``[t, 4]``."""
    found = salience(pixels)
    height, width = found.shape
    low, high = tiles[:, :2] - tiles[:, 2:], tiles[:, :2] + tiles[:, 2:]
    first = np.floor((low + 1) / 2 * (height, width) + 1e-6).astype(int).clip(0, (height - 1, width - 1))
    last = np.ceil((high + 1) / 2 * (height, width) - 1e-6).astype(int).clip(first + 1, (height, width))
    return np.array([
        found[top:bottom, left:right].max()
        for (top, left), (bottom, right) in zip(first.tolist(), last.tolist(), strict=True)
    ])  # fmt: skip


def _spectral_residual(band: NDArray[np.float64]) -> NDArray[np.float64]:
    if band.min() == band.max():  # nothing has a phase
        return np.zeros_like(band)
    spectrum = np.fft.fft2(band - band.mean())
    log_amplitude = np.log(np.abs(spectrum) + 1e-9)
    residual = log_amplitude - _blurred(log_amplitude[None], 1)[0]
    back = np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))
    return _blurred(np.abs(back)[None] ** 2, SMOOTH_PX)[0]


def _blurred(maps: NDArray[np.float64], radius_px: int) -> NDArray[np.float64]:
    """Means over squares; the border is continued."""
    for axis in (1, 2):
        pad = [(0, 0)] * 3
        pad[axis] = (radius_px + 1, radius_px)
        total = np.cumsum(np.pad(maps, pad, mode="edge"), axis=axis)
        count = 2 * radius_px + 1
        upper, lower = np.arange(count, total.shape[axis]), np.arange(total.shape[axis] - count)
        maps = (total.take(upper, axis) - total.take(lower, axis)) / count
    return maps


def _scaled(found: NDArray[np.float64]) -> NDArray[np.float64]:
    most = found.max()
    return found / most if most > 0 else found
