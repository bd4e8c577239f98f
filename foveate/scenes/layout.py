"""What is where in procedural scenes, and how it looks: from a layout to the layers that are painted.

Shape letters: n scenes, t things, l layers (planes of stamps), q planes of one stamp, C bands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from foveate.rows import Rowwise
from foveate.scenes.cutouts import CutoutSet, Split
from foveate.scenes.ground import Ground, View, load_ground
from foveate.scenes.levels import num_levels
from foveate.scenes.stamps import StampPool, checks_number, plate_number

MARK_FRAC = 0.7  # of a plate's side, at most
WAVE_LEVELS = 51.0  # grey levels of a vanishing thing: what the ground leaves free at both ends
LUMA = ((0.299, 0.587, 0.114),)

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Layout(Rowwise):
    """What is where."""

    marks: NDArray[np.int64]  # [n, t] number of the cut-out
    present: NDArray[np.bool_]  # [n, t]
    corners_px: NDArray[np.int64]  # [n, t, 2] (top, left)
    sides_px: NDArray[np.int64]  # [n, t]
    plates: Floats  # [n, t, C] colour
    inks: Floats  # [n, t, C]
    grounds: NDArray[np.int64]  # [n] number of the photograph
    origins: NDArray[np.int64]  # [n, 2] row and column of the photograph at the scene's corner
    mirrored: NDArray[np.bool_]  # [n]
    gains: Floats  # [n] of the photograph's contrast
    lights: NDArray[np.float32]  # [n, C] grey levels that are added
    seeds: NDArray[np.int64]  # [n]


@dataclass(frozen=True, kw_only=True)
class Layers(Rowwise):
    """Planes of stamps in their places. A pixel is ``ground * (1 - sum of cover * plane) + sum of colour * plane``."""

    starts: NDArray[np.int64]  # [n, l] in the pool of stamps
    texels: NDArray[np.int64]  # [n, l]
    corners_px: Floats  # [n, l, 2] (top, left)
    sides_px: Floats  # [n, l]; 0 where there is nothing
    colour: Floats  # [n, l, C]
    cover: Floats  # [n, l]


@dataclass(frozen=True, kw_only=True)
class Style:
    """What all scenes of a set share; the settings are those of the config."""

    cutouts: CutoutSet = field(repr=False)
    split: Split
    size_px: tuple[int, int]
    bands: int
    background: str
    scent: str
    mark_px: int
    contrast: float
    clutter: float

    @cached_property
    def num_levels(self) -> int:
        return num_levels(self.size_px)

    @cached_property
    def stamps(self) -> StampPool:
        return StampPool(self.cutouts, vanishing=self.scent == "none")

    def ground(self, layout: Layout, row: int) -> tuple[Ground, View]:
        view = View(
            size_px=self.size_px,
            origin=(int(layout.origins[row, 0]), int(layout.origins[row, 1])),
            mirrored=bool(layout.mirrored[row]),
            gain=float(layout.gains[row]),
            light=layout.lights[row],
            seed=int(layout.seeds[row]),
            clutter=self.clutter,
        )
        return load_ground(self.background, self.split, int(layout.grounds[row]), self.bands), view

    def layers(self, layout: Layout) -> Layers:
        """All layers of all things."""
        return FINISHES[self.scent](self, layout)

    def boxes_px(self, layout: Layout) -> NDArray[np.float32]:
        """Boxes ``[n, t, 4]`` (top, left, bottom, right) around what can be seen; 0 where nothing is."""
        bounds = np.zeros((*layout.marks.shape, 4))
        bounds[..., 2:] = 1
        if self.scent != "strong":
            for at in zip(*np.nonzero(layout.present), strict=True):
                bounds[at] = self.stamps.stamp(int(layout.marks[at])).bounds
        boxes = np.tile(layout.corners_px, 2) + bounds * layout.sides_px[..., None]
        return (boxes * layout.present[..., None]).astype(np.float32)

    def own_colours(self, inks: Floats) -> Floats:
        """Colour ``[n, t, q, C]`` that each plane of a mark brings: ink where it covers, or its own colours."""
        if self.stamps.num_planes == 1:
            return inks[:, :, None]
        mixing = np.concatenate([np.zeros((1, self.bands)), np.array(LUMA).T if self.bands == 1 else np.eye(3)])
        return np.broadcast_to(mixing, (*inks.shape[:2], *mixing.shape))


def _on_plates(style: Style, layout: Layout) -> Layers:
    sides = np.minimum(style.mark_px, np.rint(MARK_FRAC * layout.sides_px)).astype(np.int64)
    corners = layout.corners_px + ((layout.sides_px - sides) // 2)[..., None]
    colour = style.own_colours(layout.inks).copy()
    colour[:, :, 0] -= layout.plates  # what a mark hides of its plate, which covers all of it: so this is exact
    ones = np.ones((*layout.marks.shape, 1))
    under = _stamped(
        style,
        layout,
        plate_number(layout.sides_px),
        layout.corners_px,
        layout.sides_px,
        layout.plates[:, :, None],
        ones,
    )
    over = _stamped(style, layout, layout.marks, corners, sides, colour, np.zeros(colour.shape[:3]))
    parts = {name: np.concatenate([getattr(under, name), getattr(over, name)], 1) for name in vars(under)}
    return Layers(**parts)


def _as_they_are(style: Style, layout: Layout) -> Layers:
    colour = style.own_colours(layout.inks)
    cover = np.zeros(colour.shape[:3])
    cover[:, :, 0] = 1
    return _stamped(style, layout, layout.marks, layout.corners_px, layout.sides_px, colour, cover)


def _vanishing(style: Style, layout: Layout) -> Layers:
    wave = np.where(layout.inks > 128, WAVE_LEVELS, -WAVE_LEVELS)[:, :, None]
    cover = np.zeros((*layout.marks.shape, 1))
    marks = layout.marks + 2 * len(style.stamps) * checks_number(layout.sides_px)
    return _stamped(style, layout, marks, layout.corners_px, layout.sides_px, wave, cover)


def _stamped(
    style: Style,
    layout: Layout,
    numbers: NDArray[np.int64],
    corners: NDArray[np.int64],
    sides: NDArray[np.int64],
    colour: Floats,
    cover: Floats,
) -> Layers:
    """Layers of stamps ``[n, t]``; ``colour`` ``[n, t, q, C]`` and ``cover`` ``[n, t, q]`` of each plane."""
    n, t, q = cover.shape
    known, which = np.unique(numbers[layout.present], return_inverse=True)
    stamps = [style.stamps.stamp(int(number)) for number in known]
    starts, texels = np.zeros((n, t, q), np.int64), np.ones((n, t), np.int64)
    if stamps:
        starts[layout.present] = np.array([stamp.starts for stamp in stamps])[which]
        texels[layout.present] = np.array([stamp.texels for stamp in stamps])[which]
    return Layers(
        starts=starts.reshape(n, t * q),
        texels=np.repeat(texels, q, 1),
        corners_px=np.repeat(corners, q, 1).astype(np.float64),
        sides_px=np.repeat(sides * layout.present, q, 1).astype(np.float64),
        colour=style.contrast * colour.reshape(n, t * q, -1),
        cover=style.contrast * cover.reshape(n, t * q),
    )


FINISHES: dict[str, Callable[[Style, Layout], Layers]] = {
    "strong": _on_plates,
    "natural": _as_they_are,
    "none": _vanishing,
}
