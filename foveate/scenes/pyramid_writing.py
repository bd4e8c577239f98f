"""Writing a procedural scene as a tiled, pyramidal BigTIFF: tile by tile, so that memory does not grow with the scene.

The file holds the scene's own levels, the coarser ones as reduced-resolution pages: tifffile, openslide and libvips
all find them there (openslide and libvips look for no sub-directories).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from foveate import __version__
from foveate.atomic import replacing_file
from foveate.errors import UsageError, require_extra
from foveate.scenes.levels import level_size_px
from foveate.scenes.rendered import ProceduralScenes

TILE_PX = 256
Compression = Literal["deflate", "jpeg", "none"]
CODECS: dict[str, str | None] = {"deflate": "adobe_deflate", "jpeg": "jpeg", "none": None}


@dataclass(frozen=True, kw_only=True)
class WrittenPyramid:
    """What was written."""

    path: Path
    size_px: tuple[int, int]  # (height, width)
    num_levels: int
    num_tiles: int
    num_bytes: int


def num_tiles(size_px: tuple[int, int], num_levels: int) -> int:
    """Tiles of all levels."""
    return sum(
        int(np.prod([-(-side // TILE_PX) for side in level_size_px(size_px, level)])) for level in range(num_levels)
    )


def write_pyramid(
    path: str | PathLike[str],
    scenes: ProceduralScenes,
    row: int = 0,
    *,
    compression: Compression = "deflate",
    quality: int = 90,
    facts: dict[str, Any] | None = None,
    on_tile: Callable[[], None] | None = None,
) -> WrittenPyramid:
    """Write one scene of a batch; what was at ``path`` stays until the new file is whole.

    ``quality`` (1 to 100) is JPEG's; the others keep every pixel. ``facts`` stand in the file as JSON, to know the
    scene again by. ``on_tile`` is called with every tile. Raises OutputError (full disk, no such folder), and
    UsageError for settings that are not allowed; MissingExtraError where tifffile or its codecs are missing.
    """
    tifffile = require_extra("tifffile", "wsi")
    if compression not in CODECS:
        raise UsageError(f"compression is {compression!r}; allowed are {', '.join(CODECS)}")
    if not 1 <= quality <= 100:
        raise UsageError(f"quality is {quality}; it must be 1 to 100")
    if compression != "none":
        require_extra("imagecodecs", "wsi")
    size_px = scenes.style.size_px
    options: dict[str, Any] = {
        "dtype": np.uint8, "tile": (TILE_PX, TILE_PX), "compression": CODECS[compression], "metadata": None,
        "photometric": "rgb" if scenes.num_bands == 3 else "minisblack", "software": f"foveate {__version__}",
        "maxworkers": 1, "compressionargs": {"level": quality} if compression == "jpeg" else None,
    }  # fmt: skip
    with replacing_file(path) as fresh:
        with tifffile.TiffWriter(fresh, bigtiff=True) as file:
            for level in range(scenes.num_levels):
                height, width = level_size_px(size_px, level)
                file.write(
                    _tiles(scenes, row, level, on_tile),
                    shape=(height, width) if scenes.num_bands == 1 else (height, width, scenes.num_bands),
                    subfiletype=1 if level else 0,
                    description=json.dumps(facts or {}) if level == 0 else None,
                    **options,
                )
        num_bytes = fresh.stat().st_size
    tiles = num_tiles(size_px, scenes.num_levels)
    return WrittenPyramid(
        path=Path(path), size_px=size_px, num_levels=scenes.num_levels, num_tiles=tiles, num_bytes=num_bytes
    )


def _tiles(
    scenes: ProceduralScenes, row: int, level: int, on_tile: Callable[[], None] | None
) -> Iterator[NDArray[np.uint8]]:
    """Tiles ``[TILE_PX, TILE_PX, C]`` row by row, the last ones filled up by their edge."""
    height, width = level_size_px(scenes.style.size_px, level)
    for top in range(0, height, TILE_PX):
        for left in range(0, width, TILE_PX):
            box = (top, left, min(top + TILE_PX, height), min(left + TILE_PX, width))
            pixels = scenes.window(row, level, box).transpose(1, 2, 0)
            missing = [(0, TILE_PX - side) for side in pixels.shape[:2]]
            tile = np.pad(pixels, [*missing, (0, 0)], mode="edge") if any(more for _, more in missing) else pixels
            if on_tile is not None:  # now, as nobody comes back for more after the last
                on_tile()
            yield np.ascontiguousarray(tile if scenes.num_bands > 1 else tile[..., 0])
