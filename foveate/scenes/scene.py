"""One picture, of any size, opened to be looked at by hand: ``foveate.Scene.open("slide.svs")``."""

from __future__ import annotations

from os import PathLike, fspath
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from foveate.core import Scenes
from foveate.errors import UsageError
from foveate.geometry.georeference import maps_onto_area, placed
from foveate.geometry.viewpoint import WHOLE_SCENE, from_boxes_px
from foveate.rows import as_numpy
from foveate.scenes import SCENES
from foveate.scenes.files import reader_of

BoxPx = tuple[float, float, float, float]  # top, left, bottom, right


class Scene:
    """A picture and what is known of it. Only what is read is decoded; what that took is summed up here."""

    def __init__(self, scenes: Scenes, *, name: str, reader: str) -> None:
        """``scenes`` is a batch of one."""
        self.scenes, self.name, self.reader = scenes, name, reader
        height, width = scenes.sizes_px[0].tolist()
        self.size_px: tuple[int, int] = (height, width)
        self.num_bands, self.value_range = scenes.num_bands, scenes.value_range
        stored: Any = next(iter(getattr(scenes, "pictures", ())), None)  # a type without levels has one
        levels = [self.size_px] if stored is None else [level.size_px for level in stored.levels]
        self.levels: tuple[tuple[int, int], ...] = tuple(levels)
        """(height, width) of each size that it is read at: those in the file, and those made of them when needed."""
        self.um_per_px: tuple[float, float] | None = getattr(stored, "um_per_px", None)
        """Height and width of a pixel in micrometres, where the file says it."""
        self.geo_transform: tuple[float, ...] | None = _usable(getattr(stored, "geo_transform", None), self.size_px)
        """(a, b, c, d, e, f): x = a col + b row + c and y = d col + e row + f, for pixel corners; where known."""
        self.crs: str | None = getattr(stored, "crs", None)
        """The reference system of x and y: "EPSG:32633", or spelt out (WKT); where known."""
        self.decoded_px = self.read_bytes = 0

    @classmethod
    def open(cls, place: str | PathLike[str], **options: Any) -> Self:
        """Open a path or an address with the reader that its content asks for.

        ``options`` are those of the reader's scene type: ``strict``, ``num_bands``, ``value_range``, ``max_px``,
        ``cache_bytes`` of tiled pictures. Raises SceneError, or MissingExtraError naming the extra."""
        name = fspath(place)
        reader = reader_of(name)
        kind: Any = SCENES.get(reader)
        return cls(kind([name], **options), name=name, reader=reader)

    def read(
        self,
        *,
        box_px: BoxPx | None = None,
        viewpoint: Any = None,
        size_px: tuple[int, int] | None = None,
        antialias: bool = True,
    ) -> NDArray[Any]:
        """Pixels ``[C, h, w]`` under a box in pixels or a viewpoint ``[4]`` (the whole, if neither is given).

        ``size_px`` (height, width) defaults to the box's own size in pixels, at least one."""
        if box_px is not None and viewpoint is not None:
            raise UsageError("both box_px and viewpoint are given: choose one")
        if box_px is not None:
            view = from_boxes_px(np.asarray(box_px, np.float64).reshape(1, 1, 4), self.scenes.sizes_px)
        else:
            view = np.asarray(WHOLE_SCENE if viewpoint is None else as_numpy(viewpoint), np.float64).reshape(1, 1, 4)
        if size_px is None:
            sides = [float(half) * side for half, side in zip(view[0, 0, 2:], self.size_px, strict=True)]
            size_px = (max(1, round(sides[0])), max(1, round(sides[1])))
        glimpses = self.scenes.read(view, size_px, antialias=antialias)
        self.decoded_px += int(glimpses.decoded_px[0])
        self.read_bytes += int(glimpses.read_bytes[0])
        return as_numpy(glimpses.pixels)[0, 0]

    def to_geo(self, row_px: float, col_px: float) -> tuple[float, float]:
        """(x, y) in the file's reference system, of a place in pixels (pixel corners are whole numbers)."""
        if self.geo_transform is None:
            raise UsageError(f"{self.name}: nothing says where on the globe it lies")
        return placed(self.geo_transform, row_px, col_px)

    def __repr__(self) -> str:
        height, width = self.size_px
        return f"Scene({self.name!r}, {height} x {width} px, {len(self.levels)} levels, read by {self.reader!r})"


def _usable(transform: tuple[float, ...] | None, size_px: tuple[int, int]) -> tuple[float, ...] | None:
    """None too for one that is not finite or maps the picture onto a line: files hold such (a pixel of size 0)."""
    return transform if transform is not None and maps_onto_area(transform, size_px) else None
