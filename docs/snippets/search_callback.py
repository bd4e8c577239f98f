"""A tile model of your own, run only where it pays."""

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

import foveate
from foveate.exports import save_found

PLACES = [(300, 700), (1290, 2010), (1900, 420), (2600, 3100)]  # row, col of things of 24 px


def street() -> np.ndarray:
    """12 megapixels of grey noise with four red things."""
    pixels = np.repeat(np.random.default_rng(0).integers(90, 130, (3000, 4000, 1), np.uint8), 3, axis=2)
    for row, col in PLACES:
        pixels[row - 12 : row + 12, col - 12 : col + 12] = (220, 30, 30)
    return pixels


def tile_model(tile: np.ndarray) -> list[dict]:
    """Your detector: uint8 [h, w, 3] in, detections in pixels of the tile out; a supervision.Detections will do."""
    rows, cols = np.nonzero(tile[..., 0] > 200)
    if len(rows) == 0:
        return []
    box = (cols.min(), rows.min(), cols.max() + 1, rows.max() + 1)  # left, top, right, bottom
    return [{"xyxy": box, "confidence": 0.9, "class_id": 0}]


with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "street.png"
    Image.fromarray(street()).save(path, compress_level=1)

    result = foveate.search(path, tile_model, "10 tiles", tile_px=(320, 320), class_names=["sign"])
    assert (result.looked, result.num_tiles) == (10, 192)
    assert sorted(each.middle_px for each in result.findings) == PLACES  # whole, each once, in the picture
    assert result.outcome == "truncated"  # by the budget
    save_found(Path(folder) / "street.coco.json", [result.found])  # or .geojson, .csv, .json
    assert str(result).startswith("4 findings in 10 of 192 tiles (7.02 % of the picture")

    # What a tile turned out to hold may bring its neighbours forward, and end the search.
    soon = foveate.search(path, tile_model, tile_px=(320, 320), score=lambda found: min(1.0, len(found)), stop=bool)
    assert soon.outcome == "stopped"
    assert soon.looked < 10

    # With batches, lists go in and out.
    many = foveate.search(path, lambda tiles: [tile_model(tile) for tile in tiles], "5 %", batch_size=4)
    assert many.read_frac < 0.1
