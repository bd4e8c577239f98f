"""Pictures beside a file, and by their headers where they lie and where places on the map are in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foveate.annotations.boxes import Box
from foveate.annotations.outlines import Outline
from foveate.geometry.georeference import placed, unplaced
from foveate.scenes.files import file_suffixes, is_scene
from foveate.scenes.folders import natural_key
from foveate.scenes.places import place_of
from foveate.scenes.scene import Scene


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a picture's header says of it."""

    path: str
    size_px: tuple[int, int]
    """(height, width)."""
    geo_transform: tuple[float, ...] | None
    crs: str | None

    def in_pixels(self, outline: Outline) -> NDArray[np.float64]:
        """``[k, 2]`` (row, col) of an outline on the map; of a picture that has a ``geo_transform``."""
        assert self.geo_transform is not None
        x, y = outline.places.T
        return np.stack(unplaced(self.geo_transform, x, y), axis=1)

    def holds(self, box_px: Box) -> bool:
        """Whether a box's middle lies in the picture; on a border that two pictures share, in one of them."""
        top, left, bottom, right = box_px
        return 0 <= top + bottom < 2 * self.size_px[0] and 0 <= left + right < 2 * self.size_px[1]

    def extent(self) -> tuple[float, float, float, float]:
        """(least x, least y, greatest x, greatest y) on the map."""
        assert self.geo_transform is not None
        height, width = self.size_px
        x, y = zip(*[placed(self.geo_transform, row, col) for row in (0, height) for col in (0, width)], strict=True)
        return min(x), min(y), max(x), max(y)


def pictures_beside(folder: Path) -> list[str]:
    """Paths of the pictures of any kind that lie in a folder, in natural order; nothing below is looked at."""
    suffixes = file_suffixes()
    found = [
        str(place)
        for place in folder.iterdir()
        if place.name.lower().endswith(suffixes)
        and not place.name.startswith(".")
        and (place.is_file() or is_scene(place))
    ]
    return sorted(found, key=natural_key)


def header_of(path: str) -> Header:
    """Open a picture's header. Raises SceneError for one that cannot be read, MissingExtraError."""
    scene = Scene.open(path)
    geo_transform, crs = place_of(scene)
    return Header(path=path, size_px=scene.size_px, geo_transform=geo_transform, crs=crs)
