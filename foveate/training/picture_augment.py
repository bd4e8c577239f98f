"""What may change in a training picture and in its mask alike: which part is shown, and whether it is mirrored."""

from __future__ import annotations

import math
from dataclasses import dataclass

from foveate.errors import UsageError
from foveate.noise import uniforms

TRIES = 10  # to find a part that fits into the picture

Pair = tuple[int, int]
Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Change:
    """What is done to one picture."""

    box_px: tuple[int, int, int, int]  # (top, left, bottom, right) of the part that is shown
    is_mirrored: bool


@dataclass(frozen=True, kw_only=True)
class PictureAugment:
    """A random resized crop and a mirror; the defaults are those of AdaGlimpse's reconstruction."""

    area_frac: Range | None = (0.2, 1.0)
    """Share of the picture's area that is shown, from least to most; None: all of it."""
    aspect: Range = (3 / 4, 4 / 3)
    """Width over height of that part, from narrowest to widest, before it is resized to the scene."""
    mirror: bool = True
    """Mirror half of the pictures; wrong where left and right matter (text, digits, signs)."""

    def __post_init__(self) -> None:
        if self.area_frac is not None and not 0 < self.area_frac[0] <= self.area_frac[1] <= 1:
            raise UsageError(f"area_frac is {self.area_frac}; needed are two shares of an area, above 0 and up to 1")
        if not 0 < self.aspect[0] <= self.aspect[1]:
            raise UsageError(f"aspect is {self.aspect}; needed are two ratios above 0, the smaller one first")

    def change(self, size_px: Pair, *, epoch_seed: int, row: int) -> Change:
        """For a picture of (height, width): a pure function of these numbers."""
        draws = uniforms(epoch_seed, row, shape=(TRIES + 1, 4))
        box_px = (0, 0, *size_px) if self.area_frac is None else self._box(size_px, draws[1:].tolist())
        return Change(box_px=box_px, is_mirrored=self.mirror and bool(draws[0, 0] < 0.5))

    def _box(self, size_px: Pair, tries: list[list[float]]) -> tuple[int, int, int, int]:
        """The first part that fits; else the largest one in the middle of an aspect that is allowed."""
        assert self.area_frac is not None
        (height, width), (narrow, wide) = size_px, self.aspect
        for how_large, how_wide, down, across in tries:
            area = height * width * _between(self.area_frac, how_large)
            aspect = math.exp(_between((math.log(narrow), math.log(wide)), how_wide))
            h, w = round(math.sqrt(area / aspect)), round(math.sqrt(area * aspect))
            if 0 < h <= height and 0 < w <= width:
                top, left = int(down * (height - h + 1)), int(across * (width - w + 1))
                return top, left, top + h, left + w
        h, w = max(1, min(height, round(width / narrow))), max(1, min(width, round(height * wide)))
        top, left = (height - h) // 2, (width - w) // 2
        return top, left, top + h, left + w


def _between(bounds: Range, share: float) -> float:
    return bounds[0] + (bounds[1] - bounds[0]) * share
