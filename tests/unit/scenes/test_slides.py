"""Slides through OpenSlide, which also reads ordinary tiled TIFFs: they stand for formats that nobody can write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foveate.errors import SceneError
from foveate.scenes.slides import SlideScenes
from tests.support.giants import pyramid_of, write_tiff

openslide = pytest.importorskip("openslide")

WHOLE = np.array([[[0.0, 0.0, 1.0, 1.0]]])
RGB = np.random.default_rng(0).integers(0, 256, (404, 612, 3), np.uint8)


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slides") / "slide.ndpi"
    return write_tiff(RGB, path, levels=3, resolution=(20_000, 40_000), resolutionunit="CENTIMETER")


def test_levels_pixels_and_the_size_of_a_pixel(slide: Path) -> None:
    scenes = SlideScenes([slide])
    (picture,) = scenes.pictures
    assert [level.size_px for level in picture.levels] == [(404, 612), (202, 306), (101, 153)]
    assert picture.um_per_px == (0.25, 0.5)
    for level in pyramid_of(RGB, 3):
        seen = scenes.read(WHOLE, level.shape[:2]).pixels[0, 0]  # type: ignore[arg-type]
        np.testing.assert_array_equal(seen, level.transpose(2, 0, 1))


def test_tiles_share_the_bytes_of_the_file(slide: Path) -> None:
    scenes = SlideScenes([slide])
    (picture,) = scenes.pictures
    shares = sum(int(picture.tile_bytes(level).sum()) for level in range(3))
    tiles = sum(picture.tile_bytes(level).size for level in range(3))
    assert slide.stat().st_size <= shares <= slide.stat().st_size + tiles
    look = scenes.read(np.array([[[0.0, 0.0, 0.05, 0.05]]]), (20, 30))
    assert 0 < look.read_bytes[0] < slide.stat().st_size / 5
    assert look.decoded_px.tolist() == [64 * 64 * 4]


def test_a_damaged_tile_does_not_end_the_slide(slide: Path, tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    content = bytearray(slide.read_bytes())
    with tifffile.TiffFile(slide, is_ndpi=False) as file:
        offset, count = file.pages[0].dataoffsets[-1], file.pages[0].databytecounts[-1]
    content[offset : offset + count] = bytes(count)
    path = tmp_path / "damaged.ndpi"
    path.write_bytes(content)
    scenes = SlideScenes([path])
    views = np.array([[[0.95, 0.95, 0.02, 0.02], [-0.9, -0.9, 0.05, 0.05]]])
    with pytest.warns(UserWarning, match=r"damaged\.ndpi: level 0, tile \(6, 9\) is damaged"):
        found = scenes.read(views, (20, 30))
    assert not found.pixels[0, 0].any()
    assert found.pixels[0, 1].any()
    with pytest.raises(SceneError, match=r"tile \(6, 9\)"):
        SlideScenes([path], strict=True).read(views, (20, 30))


@pytest.mark.parametrize("content", [b"no slide", b""])
def test_what_is_no_slide_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mrxs"
    path.write_bytes(content)
    with pytest.raises(SceneError, match=r"a\.mrxs: "):
        SlideScenes([path])
    with pytest.raises(SceneError, match="there is no such file"):
        SlideScenes([tmp_path / "none.mrxs"])
    with pytest.raises(SceneError, match="OpenSlide reads files only"):
        SlideScenes(["https://example.org/a.mrxs"])
