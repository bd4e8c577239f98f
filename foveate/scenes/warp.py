"""Random versions of a cut-out: turned, stretched, sheared, bent and drawn with another pen, as hands differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Points = NDArray[np.float64]
Tile = tuple[tuple[int, ...], tuple[float, ...]]


@dataclass(frozen=True, kw_only=True)
class Warp:
    """How far a picture may be changed."""

    turn_deg: float = 16.0
    resize: float = 0.16
    """Of each side, so the aspect changes too."""
    shear: float = 0.22
    jitter: float = 0.04
    """Of the inner points of a net over the picture, in parts of its side."""
    tiles: int = 3
    """Of the net, along a side."""
    stroke_px: int = 1
    """Growth or loss of every edge of a mask."""

    def drawn(self, image: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
        """A random version of a mask ``[h, w]`` or a picture ``[h, w, 4]``."""
        picture = Image.fromarray(image)
        mesh = self._mesh(picture.size, self._drawn_back(random), random)
        picture = picture.transform(picture.size, Image.Transform.MESH, mesh, resample=Image.Resampling.BILINEAR)
        growth_px = int(random.integers(-self.stroke_px, self.stroke_px + 1))
        if growth_px and image.ndim == 2:  # of a coloured picture, the edges have colours of their own
            rank = ImageFilter.MaxFilter if growth_px > 0 else ImageFilter.MinFilter
            picture = picture.filter(rank(2 * abs(growth_px) + 1))
        return np.asarray(picture)

    def _drawn_back(self, random: np.random.Generator) -> Points:
        """From the result's (x, y) about its middle to the picture's: turn, shear and size, ``[2, 2]``."""
        turn = np.deg2rad(self.turn_deg) * random.uniform(-1, 1)
        slant = np.array([[1, self.shear * random.uniform(-1, 1)], [0, 1]])
        sides = 1 + self.resize * random.uniform(-1, 1, 2)
        back: Points = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ slant / sides
        return back

    def _mesh(self, size_px: tuple[int, int], back: Points, random: np.random.Generator) -> list[Tile]:
        """Boxes of the result and the corners of the picture that fill them, in Pillow's order."""
        size, n = np.array(size_px), self.tiles
        knots = np.stack(np.meshgrid(*(np.linspace(0, 1, n + 1),) * 2), -1)  # [rows, cols, (x, y)]
        moved = (knots - 0.5) @ back.T + 0.5
        moved[1:-1, 1:-1] += self.jitter * random.uniform(-1, 1, moved[1:-1, 1:-1].shape)
        corners, places = moved * size, np.rint(knots * size).astype(int)
        return [
            (
                (*places[r, c].tolist(), *places[r + 1, c + 1].tolist()),
                tuple(np.concatenate([corners[r, c], corners[r + 1, c], corners[r + 1, c + 1], corners[r, c + 1]])),
            )
            for r in range(n)
            for c in range(n)
        ]
