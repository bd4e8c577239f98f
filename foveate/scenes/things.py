"""Painting the things of procedural scenes into windows, many at once.

Shape letters: b windows, C bands, r x c pixels of a window, e entries (a layer in a window), k side of small entries.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveate.rows import Rowwise
from foveate.scenes.layout import Layers
from foveate.scenes.stamps import StampPool

SMALL_PX = 16  # layers up to this are painted all together, larger ones one by one

Places = NDArray[np.int64]
Pictures = NDArray[np.float32]  # [b, C, r, c]


@dataclass(frozen=True, kw_only=True)
class _Entries(Rowwise):
    """Layers that reach into windows."""

    window: Places  # [e]
    scene: Places  # [e]
    layer: Places  # [e]
    first: Places  # [e, 2] pixel of the level that the layer begins in
    stop: Places  # [e, 2] the one after its last

    @property
    def is_small(self) -> NDArray[np.bool_]:
        """A fact of the layer and the level alone, so that windows agree."""
        return np.asarray((self.stop - self.first).max(-1) <= SMALL_PX)


@dataclass(frozen=True, kw_only=True)
class ThingPainter:
    """Blends layers into windows that show the ground. A pixel depends on its own place alone."""

    layers: Layers
    stamps: StampPool

    def paint(self, pictures: Pictures, owner: Places, level: int, corners: Places) -> None:
        """Into windows of scenes ``owner`` ``[b]`` whose corners ``[b, 2]`` are given in pixels of a level; in
        place."""
        entries = self._reaching(owner, level, corners, (pictures.shape[2], pictures.shape[3]))
        if len(entries.window) == 0:
            return
        ground = pictures.copy()  # several things may share a pixel: each hides its part of the ground
        small = entries.is_small
        if small.any():
            self._paint_small(pictures, ground, entries.select(small), level, corners)
        for at in np.flatnonzero(~small).tolist():
            self._paint_large(pictures, ground, entries.select([at]), level, corners)

    def paint_points(self, picture: NDArray[np.float32], scene: int, rows: Places, cols: Places) -> None:
        """Into pixels ``[C, r, c]`` at any rows and columns of full resolution; in place."""
        ground = picture.copy()
        corners, ends = self.layers.corners_px[scene], self._ends()[scene]
        for what in np.flatnonzero((ends > corners).all(-1)).tolist():
            y = np.flatnonzero((rows + 1 > corners[what, 0]) & (rows < ends[what, 0]))
            x = np.flatnonzero((cols + 1 > corners[what, 1]) & (cols < ends[what, 1]))
            if len(y) == 0 or len(x) == 0:
                continue
            edges = [np.concatenate([places, places + 1]) for places in (rows[y], cols[x])]
            four = self._sums(scene, what, *edges).reshape(2, len(y), 2, len(x))
            means = (four[1, :, 1] - four[0, :, 1] - four[1, :, 0] + four[0, :, 0]) * self._per_pixel(scene, what, 1)
            part = np.ix_(np.arange(len(picture)), y, x)
            patch = picture[part]
            self._blend(patch, ground[part], scene, what, means)
            picture[part] = patch

    def _reaching(self, owner: Places, level: int, corners: Places, shape: tuple[int, int]) -> _Entries:
        step, low = 1 << level, corners[:, None]
        begins, ends = self.layers.corners_px[owner], self._ends()[owner]
        touches = ((begins < (low + shape) * step) & (ends > low * step) & (ends > begins)).all(-1)
        window, layer = np.nonzero(touches)
        first = np.floor(begins[window, layer] / step).astype(np.int64)
        stop = np.ceil(ends[window, layer] / step).astype(np.int64)
        return _Entries(window=window, scene=owner[window], layer=layer, first=first, stop=stop)

    def _paint_small(
        self, pictures: Pictures, ground: Pictures, entries: _Entries, level: int, corners: Places
    ) -> None:
        """All at once, in squares of k pixels: sums per pixel first, then into the pictures."""
        k, step = int((entries.stop - entries.first).max()), 1 << level
        b, bands, height, width = pictures.shape
        pick = (entries.scene, entries.layer)
        texels, begins = self.layers.texels[pick], self.layers.corners_px[pick]
        scale = (texels / self.layers.sides_px[pick])[:, None]
        y, x = (
            np.clip(((entries.first[:, axis, None] + np.arange(k + 1)) * step - begins[:, axis, None]) * scale, 0, most)
            for axis, most in ((0, texels[:, None]), (1, texels[:, None]))
        )
        sums = self.stamps.sums_at(self.layers.starts[pick], texels, y, x)
        means = np.diff(np.diff(sums, axis=1), axis=2) / (scale[..., None] * step) ** 2
        place = entries.first - corners[entries.window]
        rows, cols = (place[:, axis, None] + np.arange(k) for axis in (0, 1))
        inside = ((rows >= 0) & (rows < height))[:, :, None] & ((cols >= 0) & (cols < width))[:, None]
        pixel = ((entries.window[:, None] * height + rows)[:, :, None] * width + cols[:, None])[inside]
        known, which = np.unique(pixel, return_inverse=True)
        entry, weight = np.nonzero(inside)[0], means[inside]
        at, where = np.divmod(known, height * width)
        cover = np.bincount(which, weights=self.layers.cover[pick][entry] * weight)
        flat, under = pictures.reshape(b, bands, -1), ground.reshape(b, bands, -1)
        for band in range(bands):
            colour = np.bincount(which, weights=self.layers.colour[pick][entry, band] * weight)
            flat[at, band, where] += (colour - under[at, band, where] * cover).astype(np.float32)

    def _paint_large(self, pictures: Pictures, ground: Pictures, entry: _Entries, level: int, corners: Places) -> None:
        """One layer, the part of it that lies in its window."""
        window, scene, layer = int(entry.window[0]), int(entry.scene[0]), int(entry.layer[0])
        low, step = corners[window], 1 << level
        first, stop = np.maximum(entry.first[0], low), np.minimum(entry.stop[0], low + pictures.shape[2:])
        edges = (np.arange(first[axis], stop[axis] + 1) * step for axis in (0, 1))
        means = np.diff(np.diff(self._sums(scene, layer, *edges), axis=0), axis=1)
        (y0, x0), (y1, x1) = first - low, stop - low
        part = (window, slice(None), slice(y0, y1), slice(x0, x1))
        self._blend(pictures[part], ground[part], scene, layer, means * self._per_pixel(scene, layer, step))

    def _blend(
        self,
        picture: NDArray[np.float32],
        ground: NDArray[np.float32],
        scene: int,
        what: int,
        means: NDArray[np.float64],
    ) -> None:
        colour, cover = self.layers.colour[scene, what], self.layers.cover[scene, what]
        plane = means.astype(np.float32)
        if cover:
            picture -= ground * (np.float32(cover) * plane)
        picture += colour.astype(np.float32)[:, None, None] * plane

    def _sums(self, scene: int, what: int, y_px: Places, x_px: Places) -> NDArray[np.float64]:
        """Sums ``[y, x]`` of one layer up to edges in scene pixels."""
        texels = self.layers.texels[scene, what]
        scale = texels / self.layers.sides_px[scene, what]
        top, left = self.layers.corners_px[scene, what]
        y, x = np.clip((y_px - top) * scale, 0, texels), np.clip((x_px - left) * scale, 0, texels)
        one = slice(what, what + 1)
        return self.stamps.sums_at(self.layers.starts[scene, one], self.layers.texels[scene, one], y[None], x[None])[0]

    def _per_pixel(self, scene: int, what: int, step: int) -> float:
        """From a sum over texels to a mean over a pixel."""
        return float((self.layers.sides_px[scene, what] / (self.layers.texels[scene, what] * step)) ** 2)

    def _ends(self) -> NDArray[np.float64]:
        return self.layers.corners_px + self.layers.sides_px[..., None]
