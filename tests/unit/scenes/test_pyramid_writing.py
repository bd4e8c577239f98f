"""Pyramid files hold the scene's own levels, are found by other readers, and are whole or not there."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foveate.errors import OutputError, UsageError
from foveate.scenes import pyramid_writing
from foveate.scenes.procedural import ProceduralConfig, ProceduralSet
from foveate.scenes.pyramid_writing import num_tiles, write_pyramid
from foveate.scenes.rendered import ProceduralScenes

tifffile = pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs")

CONFIG = ProceduralConfig(size_px=(600, 830), object_size_px=(24, 40))


def scene(config: ProceduralConfig = CONFIG) -> ProceduralScenes:
    return ProceduralSet(config).batch(np.arange(2), 0)[0]


def levels_of(path: Path) -> list[np.ndarray]:
    """``[C, h, w]`` of every level."""
    with tifffile.TiffFile(path) as file:
        assert len(file.series) == 1
        pictures = [level.asarray() for level in file.series[0].levels]
    return [picture[None] if picture.ndim == 2 else picture.transpose(2, 0, 1) for picture in pictures]


@pytest.mark.parametrize("compression", ["deflate", "none"])
@pytest.mark.parametrize("bands", [1, 3])
def test_every_level_is_the_scenes_own(tmp_path: Path, compression: Any, bands: Any) -> None:
    scenes, path = scene(replace(CONFIG, bands=bands)), tmp_path / "scene.tif"
    written = write_pyramid(path, scenes, 1, compression=compression, facts={"index": 1})
    levels = levels_of(path)
    assert len(levels) == scenes.num_levels == written.num_levels
    for level, picture in enumerate(levels):
        np.testing.assert_array_equal(picture, scenes.window(1, level, (0, 0, *picture.shape[1:])))
    assert written.num_bytes == path.stat().st_size
    with tifffile.TiffFile(path) as file:
        assert file.is_bigtiff
        assert json.loads(file.pages[0].description) == {"index": 1}
        assert all(page.tile == (256, 256) for page in file.pages)


def test_jpeg_is_close(tmp_path: Path) -> None:
    scenes = scene()
    write_pyramid(tmp_path / "scene.tif", scenes, compression="jpeg", quality=90)
    picture = levels_of(tmp_path / "scene.tif")[0]
    assert np.abs(picture.astype(int) - scenes.window(0, 0, (0, 0, 600, 830))).mean() < 4


def test_openslide_and_libvips_find_the_levels(tmp_path: Path) -> None:
    openslide = pytest.importorskip("openslide")
    scenes, path = scene(), tmp_path / "scene.tif"
    write_pyramid(path, scenes)
    with openslide.OpenSlide(path) as slide:
        assert slide.level_dimensions == tuple(picture.shape[:0:-1] for picture in levels_of(path))
        region = np.asarray(slide.read_region((0, 0), 2, (100, 50)))[..., :3].transpose(2, 0, 1)
    np.testing.assert_array_equal(region, scenes.window(0, 2, (0, 0, 50, 100)))


def test_every_tile_is_told(tmp_path: Path) -> None:
    told: list[None] = []
    written = write_pyramid(tmp_path / "scene.tif", scene(), on_tile=lambda: told.append(None))
    assert len(told) == written.num_tiles == num_tiles((600, 830), written.num_levels) == 12 + 4 + 3


def test_a_full_disk_leaves_nothing_and_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "scene.tif"
    path.write_text("before")
    tiles = pyramid_writing._tiles

    def until_full(*arguments: Any) -> Any:
        for number, tile in enumerate(tiles(*arguments)):
            if number == 3:
                raise OSError(errno.ENOSPC, "No space left on device")
            yield tile

    monkeypatch.setattr(pyramid_writing, "_tiles", until_full)
    with pytest.raises(OutputError, match=r"scene.tif: cannot be written; the disk is full: free some space"):
        write_pyramid(path, scene())
    assert [one.name for one in tmp_path.iterdir()] == ["scene.tif"]
    assert path.read_text() == "before"


def test_bad_settings_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="compression is 'zip'; allowed are deflate, jpeg, none"):
        write_pyramid(tmp_path / "a.tif", scene(), compression="zip")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="quality is 0"):
        write_pyramid(tmp_path / "a.tif", scene(), quality=0)
    with pytest.raises(OutputError, match="no such folder"):
        write_pyramid(tmp_path / "no" / "a.tif", scene())
    assert list(tmp_path.iterdir()) == []
