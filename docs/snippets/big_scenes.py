"""Big pictures with small clues: scenes of any size, rendered only where they are looked at."""

import numpy as np

from foveate.geometry.viewpoint import from_boxes_px, whole_scene
from foveate.scenes.procedural import ProceduralConfig, ProceduralSet
from foveate.scenes.scent import scent_of

config = ProceduralConfig(size_px=(16384, 16384), object_size_px=(164, 613))  # 0.01 to 0.14 % of the area
scenes = ProceduralSet(config, split="train")
batch, targets = scenes.batch(np.arange(8), epoch_seed=0)  # milliseconds; nothing is rendered yet
overview = batch.read(whole_scene(8), (128, 128)).pixels  # [8, 1, 3, 128, 128]
boxes = targets["thing_boxes_px"][:, -6:-5].astype(float)  # one look-alike of each scene
closely = batch.read(from_boxes_px(boxes, batch.sizes_px), (64, 64)).pixels
assert overview.shape == (8, 1, 3, 128, 128)
assert closely.shape == (8, 1, 3, 64, 64)

# What counts as a search: things can be smelt from afar, so that looking at the right places pays.
small = ProceduralSet(ProceduralConfig(size_px=(2048, 2048), object_size_px=(28, 76)))
assert scent_of(small, overview_px=(224, 224), num_scenes=20).auc > 0.9
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
