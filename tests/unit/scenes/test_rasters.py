"""Rasters through GDAL: overviews as levels, where they lie, and blocks from many threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from foveate.errors import SceneError
from foveate.scenes.rasters import RasterScenes
from tests.support.giants import pyramid_of, write_raster

rasterio = pytest.importorskip("rasterio")

WHOLE = np.array([[[0.0, 0.0, 1.0, 1.0]]])
RGB = np.random.default_rng(0).integers(0, 256, (404, 612, 3), np.uint8)


def test_overviews_are_levels(tmp_path: Path) -> None:
    scenes = RasterScenes([write_raster(RGB, tmp_path / "a.tif", overviews=(2, 4))])
    (picture,) = scenes.pictures
    assert [level.size_px for level in picture.levels] == [(404, 612), (202, 306), (101, 153)]
    assert picture.geo_transform == (2.0, 0.0, 500_000.0, 0.0, -2.0, 6_000_000.0)
    assert getattr(picture, "crs", None) == "EPSG:32632"
    for level in pyramid_of(RGB, 2):  # GDAL averages the next level from this one
        seen = scenes.read(WHOLE, level.shape[:2]).pixels[0, 0]  # type: ignore[arg-type]
        assert np.abs(seen.astype(int) - level.transpose(2, 0, 1)).max() <= 1


def test_heights_need_a_range_and_lie_somewhere_or_not(tmp_path: Path) -> None:
    heights = np.linspace(0, 90, 404 * 612, dtype=np.float32).reshape(404, 612, 1)
    path = write_raster(heights, tmp_path / "a.tif", crs=None, transform=None)
    scenes = RasterScenes([path], value_range=(0, 100))
    assert scenes.pictures[0].geo_transform is None
    assert getattr(scenes.pictures[0], "crs", None) is None
    np.testing.assert_array_equal(scenes.read(WHOLE, (404, 612)).pixels[0, 0, 0], heights[..., 0])


def test_a_system_without_a_number_is_spelt_out(tmp_path: Path) -> None:
    own = "+proj=laea +lat_0=10 +lon_0=20 +x_0=300000 +y_0=7 +ellps=bessel +units=m"
    (picture,) = RasterScenes([write_raster(RGB, tmp_path / "a.tif", crs=own)]).pictures
    crs = getattr(picture, "crs", None)
    assert crs is not None
    assert "Lambert_Azimuthal_Equal_Area" in crs
    assert rasterio.crs.CRS.from_wkt(crs) == rasterio.crs.CRS.from_string(own)


def test_rows_are_read_many_at_a_time(tmp_path: Path) -> None:
    path = write_raster(RGB, tmp_path / "a.tif", tiled=False, blockxsize=None, blockysize=1)
    assert RasterScenes([path]).pictures[0].levels[0].tile_px == (404, 612)


def test_many_threads(tmp_path: Path) -> None:
    scenes = RasterScenes([write_raster(RGB, tmp_path / "a.tif")], cache_bytes=0)
    looks = [np.array([[[row, col, 20 / 404, 20 / 612]]]) for row in (-0.9, 0.0, 0.9) for col in (-0.9, 0.0, 0.9)]
    alone = [scenes.read(look, (20, 20)).pixels for look in looks]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda look: scenes.read(look, (20, 20)).pixels, looks))
    np.testing.assert_array_equal(found, alone)


def test_a_damaged_block_is_named(tmp_path: Path) -> None:
    path = write_raster(RGB, tmp_path / "a.tif", compress="deflate")
    path.write_bytes(path.read_bytes()[:-3000])
    scenes = RasterScenes([path])
    with pytest.warns(UserWarning, match=r"a\.tif: level 0, tile \(6, 9\) is damaged"):
        found = scenes.read(np.array([[[0.95, 0.95, 0.02, 0.02], [-0.9, -0.9, 0.05, 0.05]]]), (20, 30))
    assert not found.pixels[0, 0].any()
    assert found.pixels[0, 1].any()


def test_what_is_no_raster_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.img").write_bytes(b"no raster")
    for name in ("a.img", "none.img"):
        with pytest.raises(SceneError, match=rf"{name}: is no raster that GDAL reads"):
            RasterScenes([tmp_path / name])
