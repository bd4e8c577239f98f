"""A picture of 48 megapixels in tiles: opened, looked at, and what that cost."""

import tempfile
from pathlib import Path

import numpy as np
import tifffile

import foveate
from foveate.scenes.tiff import TiffScenes

SIDE_PX, TILE_PX = (6000, 8000), (256, 256)


def write_pyramid(path: Path) -> None:
    """A ramp, as BigTIFF with three halves of it; `vips tiffsave IN OUT --tile --pyramid --bigtiff` does the same."""
    ramp = np.add.outer(np.arange(SIDE_PX[0]), np.arange(SIDE_PX[1])) // 64 % 256
    picture = np.repeat(ramp[..., None], 3, axis=2).astype(np.uint8)
    kind = {"tile": TILE_PX, "compression": "jpeg", "photometric": "rgb", "metadata": None}
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(picture, resolution=(20_000, 20_000), resolutionunit="CENTIMETER", **kind)
        for step in (2, 4, 8):
            file.write(np.ascontiguousarray(picture[::step, ::step]), subfiletype=1, **kind)


with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "ramp.tif"
    write_pyramid(path)

    scene = foveate.Scene.open(path)  # a path or an address; the content decides who reads it
    assert (scene.reader, scene.size_px) == ("tiff", SIDE_PX)
    assert scene.levels == ((6000, 8000), (3000, 4000), (1500, 2000), (750, 1000))
    assert scene.um_per_px == (0.5, 0.5)

    glance = scene.read(size_px=(150, 200))  # the whole, shrunk: read from the coarsest level
    assert glance.shape == (3, 150, 200)
    assert scene.decoded_px == 3 * 4 * 256 * 256  # 12 of 768 tiles' worth of pixels
    detail = scene.read(box_px=(3000, 4000, 3256, 4256))  # top, left, bottom, right: 256 x 256 at full resolution
    assert detail.shape == (3, 256, 256)
    assert scene.read_bytes < path.stat().st_size / 20

    # Many at once, as models read them: viewpoints [n, k, 4], and a bill per scene.
    scenes = TiffScenes([path, path], strict=True, cache_bytes=64 << 20)
    looks = np.float32([[[0.0, 0.0, 0.02, 0.02]], [[0.5, -0.5, 0.1, 0.1]]])
    scenes.prefetch(looks, (96, 96))  # in the background, while a model thinks
    glimpses = scenes.read(looks, (96, 96))
    assert glimpses.pixels.shape == (2, 1, 3, 96, 96)
    assert (glimpses.read_bytes > 0).all()  # who looks first pays, fetched ahead or not
    assert not scenes.read(looks, (96, 96)).read_bytes.any()  # kept
