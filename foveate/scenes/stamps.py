"""Cut-outs of procedural scenes as stamps, seen at any size, place and level: areas come from running sums.

A stamp's plane is kept summed over both axes, so the mean under any rectangle is four look-ups. That makes a thing of
600 px as cheap as one of 20 in an overview, and exact: a pixel is the mean of what it covers at every level.
Shape letters: q planes of a stamp, s its side in texels, e entries (planes in places), y and x edges of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from foveate.scenes.cutouts import CutoutSet

Plane = NDArray[np.float64]  # [s, s]
Bounds = tuple[float, float, float, float]  # (top, left, bottom, right) in parts of a square

OPAQUE = 0.5
JUMBLED_TILES = 8  # along a side: 7 px of a digit's 56
PLATE_TEXELS, PLATE_ROUND = (64, 128, 256, 512, 1024), 0.3
SMOOTH_TEXELS = 192  # coloured cut-outs are enlarged to this, so that large things have no steps
CHECKS = (8, 16, 32, 64)  # bright and dark fields along a side of a vanishing thing
FIELD_PX = 4.0  # that a field is smaller than, unless the thing is larger than the most fields


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """Where the sums of a picture lie in the pool."""

    starts: tuple[int, ...]  # [q]: one plane, the cover; or four, the cover and premultiplied RGB (0..255)
    texels: int  # s
    bounds: Bounds  # of what can be seen


class StampPool:
    """Stamps, made when first asked for and then kept: 26 kB a digit, 1.2 MB an emoji. Threads may share a pool.

    Numbers beyond the given pictures are these pictures jumbled; further rounds of both are the same in the next of
    CHECKS, where things vanish; and negative ones are plates."""

    def __init__(self, cutouts: CutoutSet, *, vanishing: bool) -> None:
        self.is_plain = bool((cutouts.images[..., :3] == 255).all())
        self.num_planes = 1 if self.is_plain or vanishing else 4
        self._cutouts, self._vanishing = cutouts, vanishing
        self._stamps: dict[int, Stamp] = {}
        self._sums: NDArray[np.float64] = np.zeros(1 << 16)
        self._used = 0
        self._making = Lock()

    def __len__(self) -> int:
        return len(self._cutouts.labels)

    def stamp(self, number: int) -> Stamp:
        if number not in self._stamps:
            planes, bounds = self._plate(number) if number < 0 else self._mark(number)
            with self._making:
                if number not in self._stamps:
                    starts = tuple(self._keep(plane) for plane in planes)
                    self._stamps[number] = Stamp(starts=starts, texels=planes.shape[-1], bounds=bounds)
        return self._stamps[number]

    def sums_at(
        self, starts: NDArray[np.int64], texels: NDArray[np.int64], y: NDArray[np.float64], x: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Sums ``[e, y, x]`` of planes ``[e]`` from their corner to places ``y`` ``[e, y]``, ``x`` ``[e, x]`` in
        texels, which lie within 0..s."""
        side = texels[:, None]
        row, col = np.minimum(y.astype(np.int64), side - 1), np.minimum(x.astype(np.int64), side - 1)
        down, across = (y - row)[:, :, None], (x - col)[:, None]
        at = (starts[:, None] + row * (side + 1))[:, :, None] + col[:, None]
        below = at + (side + 1)[:, :, None]
        upper, lower = self._sums[at], self._sums[below]
        upper += (self._sums[at + 1] - upper) * across
        lower += (self._sums[below + 1] - lower) * across
        return np.asarray(upper + (lower - upper) * down)

    def _keep(self, plane: Plane) -> int:
        sums = np.pad(plane, ((1, 0), (1, 0))).cumsum(0).cumsum(1).reshape(-1)
        start, self._used = self._used, self._used + len(sums)
        if self._used > len(self._sums):
            self._sums = np.concatenate([self._sums, np.zeros(max(self._used, len(self._sums)))])
        self._sums[start : self._used] = sums
        return start

    def _plate(self, number: int) -> tuple[NDArray[np.float64], Bounds]:
        """A square with round corners."""
        texels = PLATE_TEXELS[-1 - number]
        picture = Image.new("L", (2 * texels, 2 * texels), 0)
        far = 2 * texels - 1
        ImageDraw.Draw(picture).rounded_rectangle((0, 0, far, far), radius=round(PLATE_ROUND * far), fill=255)
        plane = np.asarray(picture.resize((texels, texels), Image.Resampling.BOX), np.float64) / 255
        return plane[None], (0, 0, 1, 1)

    def _mark(self, number: int) -> tuple[NDArray[np.float64], Bounds]:
        rounds, number = divmod(number, len(self))
        checks, is_jumbled = divmod(rounds, 2)
        picture = self._cutouts.images[number].astype(np.float64)
        picture = jumbled(picture) if is_jumbled else picture
        cover = picture[..., 3] / 255
        bounds = _bounds(cover >= OPAQUE)
        if self._vanishing:
            ink = cover if self.is_plain else cover * picture[..., :3].mean(-1) / 255
            return _checkered(ink, CHECKS[checks])[None], bounds
        if self.is_plain:
            return cover[None], bounds
        planes = [cover, *(picture[..., :3] * cover[..., None]).transpose(2, 0, 1)]
        return np.stack([_enlarged(plane) for plane in planes]), bounds


def plate_number(side_px: NDArray[np.int64]) -> NDArray[np.int64]:
    """The plate whose texels suffice for a side; larger ones show the largest's steps."""
    return -1 - np.minimum(np.searchsorted(PLATE_TEXELS, side_px), len(PLATE_TEXELS) - 1)


def checks_number(side_px: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which of CHECKS makes fields that are small enough."""
    return np.minimum(np.searchsorted(np.array(CHECKS) * FIELD_PX, side_px, "right"), len(CHECKS) - 1)


def jumbled(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    """A picture ``[h, w, 4]`` whose tiles are each turned half round: from afar the same, close up another thing."""
    height, width = (side // JUMBLED_TILES for side in picture.shape[:2])
    inner = picture[: height * JUMBLED_TILES, : width * JUMBLED_TILES]
    tiles = inner.reshape(JUMBLED_TILES, height, JUMBLED_TILES, width, 4)[:, ::-1, :, ::-1]
    out = picture.copy()
    out[: inner.shape[0], : inner.shape[1]] = tiles.reshape(inner.shape)
    return out


def _enlarged(plane: Plane) -> Plane:
    picture = Image.fromarray(plane.astype(np.float32))
    return np.asarray(picture.resize((SMOOTH_TEXELS, SMOOTH_TEXELS), Image.Resampling.BILINEAR), np.float64)


def _checkered(ink: Plane, fields: int) -> Plane:
    """Ink as fields that are bright and dark by turns: from afar they cancel out, wherever the pixels lie."""
    picture = Image.fromarray(ink.astype(np.float32)).resize((fields, fields), Image.Resampling.BOX)
    signs = 1 - 2 * (np.add.outer(np.arange(fields), np.arange(fields)) % 2)
    amount = np.asarray(picture, np.float64)
    return amount * (signs - (amount * signs).sum() / max(amount.sum(), 1e-9))


def _bounds(seen: NDArray[np.bool_]) -> Bounds:
    rows, cols = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    if len(rows) == 0:
        return 0.0, 0.0, 1.0, 1.0
    height, width = seen.shape
    return rows[0] / height, cols[0] / width, (rows[-1] + 1) / height, (cols[-1] + 1) / width
