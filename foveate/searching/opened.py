"""What people hand over as a picture, opened, and its tiles as tile models want them: uint8 ``[h, w, C]``.

Grey is repeated to colour (red, green, blue, in this order), other numbers of bands stay. 16 bits keep their high byte;
any other range of values is stretched over 0 to 255. Files are opened by :meth:`foveate.Scene.open`, a scene that is
given is read as it was opened; opacity is laid on white.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foveate.errors import SceneError, UsageError
from foveate.scenes.given import Given, is_file, prepare, scenes_of
from foveate.scenes.scene import Scene
from foveate.searching.tiling import Tiles

HELD = "the picture"  # what is not from a file is called

Tile = NDArray[np.uint8]  # [h, w, C]


def opened(picture: Given | Scene) -> Scene:
    """A path, an address, a Pillow picture, an array ``[H, W(, C)]`` or a tensor ``[C, H, W]``.

    Raises SceneError for a picture that cannot be read, UsageError for what is none."""
    if isinstance(picture, Scene):
        if len(picture.scenes) != 1:
            raise UsageError(f"{picture.name} holds {len(picture.scenes)} scenes; a search is of one")
        return picture
    if is_file(picture):
        return Scene.open(picture)
    num_bands = _num_bands(picture)
    ready = prepare(picture, num_bands=num_bands, value_range=(0.0, 255.0))
    name = getattr(picture, "filename", "") or HELD
    return Scene(scenes_of([ready], num_bands=num_bands), name=name, reader="array")


def read_tile(scene: Scene, tiles: Tiles, number: int) -> Tile | SceneError:
    """One tile, a copy that may be written to; or what is wrong, where the file is damaged beneath it.

    Raises SceneError for a file that cannot be read any more, or that was opened strictly."""
    known, skipped = _broken(scene), _skipped(scene)
    pixels = scene.read(viewpoint=tiles.viewpoints([number])[0], size_px=tiles.tile_px)
    if _skipped(scene) > skipped:
        new = [message for message in _broken(scene) if message not in known] or _broken(scene)
        return SceneError(new[-1] if new else f"{scene.name}: it is damaged there")
    return as_uint8(pixels, scene.value_range)


def as_uint8(pixels: NDArray[Any], value_range: tuple[float, float]) -> Tile:
    """``[h, w, C]`` of pixels ``[C, h, w]``, contiguous and nobody else's."""
    kind, (low, high) = pixels.dtype, value_range
    if kind == np.uint16 and (low, high) == (0, 0xFFFF):
        pixels = pixels >> np.uint16(8)
    elif kind != np.uint8 or (low, high) != (0, 0xFF):
        pixels = ((pixels.astype(np.float32) - low) * (255 / (high - low))).round().clip(0, 255)
    bands = [band.astype(np.uint8) for band in pixels]
    return np.stack(bands * 3 if len(bands) == 1 else bands, axis=-1)  # four times as fast as to transpose and copy


def _num_bands(picture: Given) -> int:
    """As which it is read; 8-bit grey, colour and colour with opacity become colour."""
    if isinstance(picture, Image.Image):
        return 3
    is_tensor, shape = hasattr(picture, "detach"), tuple(getattr(picture, "shape", ()))
    if len(shape) != 3:
        own = 1
    else:
        own = shape[0] if is_tensor else shape[2]
    is_shown = str(getattr(picture, "dtype", "")).endswith("uint8") and own in (1, 3, 4)
    return 3 if is_shown else own


def _skipped(scene: Scene) -> int:
    """Looks that gave zeros so far; only readers of tiles know such."""
    skipped = getattr(scene.scenes, "skipped_looks", None)
    return 0 if skipped is None else int(skipped[0])


def _broken(scene: Scene) -> tuple[str, ...]:
    return getattr(scene.scenes, "broken", ())
