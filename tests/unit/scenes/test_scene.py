"""One picture, opened by its content."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import foveate
from foveate.errors import SceneError, UsageError
from foveate.scenes import sniffs, thinning
from tests.support.giants import write_raster, write_tiff, write_zarr
from tests.support.range_server import Served, serving

RGB = np.random.default_rng(0).integers(0, 256, (404, 612, 3), np.uint8)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts as large, made small."""
    monkeypatch.setattr(sniffs, "LARGE_PX", 10_000)


def test_a_pyramid(tmp_path: Path) -> None:
    path = write_tiff(RGB, tmp_path / "a.tif", levels=3, resolution=(20_000, 40_000), resolutionunit="CENTIMETER")
    scene = foveate.Scene.open(path)
    assert repr(scene) == f"Scene({str(path)!r}, 404 x 612 px, 3 levels, read by 'tiff')"
    assert (scene.size_px, scene.num_bands, scene.value_range) == ((404, 612), 3, (0, 255))
    assert scene.levels == ((404, 612), (202, 306), (101, 153))
    assert scene.um_per_px == (0.25, 0.5)
    np.testing.assert_array_equal(scene.read(box_px=(10, 20, 40, 60)), RGB[10:40, 20:60].transpose(2, 0, 1))
    assert scene.decoded_px == 64 * 64
    assert 0 < scene.read_bytes < 64 * 64 * 3 + 100
    assert scene.read(size_px=(20, 30)).shape == (3, 20, 30)
    view = scene.read(viewpoint=(0, 0, 0.5, 0.5))
    np.testing.assert_array_equal(view, RGB[101:303, 153:459].transpose(2, 0, 1))
    assert len(scene.scenes) == 1
    with pytest.raises(UsageError, match="both box_px and viewpoint"):
        scene.read(box_px=(0, 0, 1, 1), viewpoint=(0, 0, 1, 1))
    with pytest.raises(UsageError, match="nothing says where on the globe"):
        scene.to_geo(0, 0)


def test_a_raster_lies_somewhere(tmp_path: Path) -> None:
    for name in ("a.tif", "a.img"):
        scene = foveate.Scene.open(write_raster(RGB, tmp_path / name))
        assert scene.to_geo(0, 0) == (500_000.0, 6_000_000.0)
        assert scene.to_geo(10, 20) == (500_040.0, 5_999_980.0)
        assert scene.crs == "EPSG:32632"


def test_also_where_levels_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thinning, "ENOUGH_PX", 1_000)
    scene = foveate.Scene.open(write_raster(RGB, tmp_path / "a.tif"))
    assert len(scene.levels) > 1
    assert (scene.to_geo(0, 0), scene.crs) == ((500_000.0, 6_000_000.0), "EPSG:32632")


@pytest.mark.parametrize("scale", [(0.0, 2.0, 0.0), (float("nan"), 2.0, 0.0), (1e308, 2.0, 0.0)])
def test_a_transform_that_maps_onto_no_area_is_unknown(tmp_path: Path, scale: tuple[float, ...]) -> None:
    tags = [(33550, "d", 3, scale, True), (33922, "d", 6, (0.0, 0.0, 0.0, 5e5, 6e6, 0.0), True)]
    scene = foveate.Scene.open(write_tiff(RGB, tmp_path / "a.tif", extratags=tags))
    assert (scene.reader, scene.geo_transform) == ("tiff", None)


def test_ordinary_pictures_and_folders_and_addresses(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.png")
    scene = foveate.Scene.open(tmp_path / "a.png")
    assert (scene.reader, scene.levels, scene.um_per_px) == ("pictures", ((404, 612),), None)
    assert (scene.geo_transform, scene.crs) == (None, None)
    np.testing.assert_array_equal(scene.read(), RGB.transpose(2, 0, 1))
    scene = foveate.Scene.open(write_zarr(RGB, tmp_path / "a.zarr", unit="nanometer"), strict=True)
    assert (scene.reader, scene.um_per_px) == ("multiscale", (0.0005, 0.00025))
    with serving(Served(write_tiff(RGB, tmp_path / "a.tif").read_bytes())) as served:
        scene = foveate.Scene.open(served.url)
        np.testing.assert_array_equal(scene.read(box_px=(0, 0, 9, 9)), RGB[:9, :9].transpose(2, 0, 1))
    with pytest.raises(SceneError, match="there is no such file"):
        foveate.Scene.open(tmp_path / "none.tif")
