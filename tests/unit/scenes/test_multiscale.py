"""Zarr images of both versions: levels, axes and pixel sizes from the metadata, chunks as tiles, bytes as fetched."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foveate.errors import SceneError
from foveate.scenes.multiscale import MultiscaleScenes
from tests.support.giants import pyramid_of, write_zarr

zarr = pytest.importorskip("zarr")

WHOLE = np.array([[[0.0, 0.0, 1.0, 1.0]]])
RGB = np.random.default_rng(0).integers(1, 256, (203, 310, 3), np.uint8)


@pytest.mark.parametrize("version", [2, 3])
def test_levels_and_pixels(tmp_path: Path, version: int) -> None:
    path = write_zarr(RGB, tmp_path / "a.zarr", levels=3, version=version, unit="micrometer")
    scenes = MultiscaleScenes([path])
    (picture,) = scenes.pictures
    assert picture.um_per_px == (0.5, 0.25)
    assert [level.size_px for level in picture.levels] == [(203, 310), (101, 155), (50, 77)]
    for level in pyramid_of(RGB, 3):
        seen = scenes.read(WHOLE, level.shape[:2]).pixels[0, 0]  # type: ignore[arg-type]
        np.testing.assert_array_equal(seen, level.transpose(2, 0, 1))


@pytest.mark.parametrize("shards", [None, 128])
def test_only_the_chunks_beneath_a_look_are_fetched(tmp_path: Path, shards: int | None) -> None:
    path = write_zarr(RGB, tmp_path / "a.zarr", shards=shards)
    scenes = MultiscaleScenes([path])
    found = scenes.read(np.array([[[-0.9, -0.9, 0.05, 0.05]]]), (10, 15))
    assert found.decoded_px.tolist() == [64 * 64]
    assert 3 * 64 * 64 <= found.read_bytes[0] <= 3 * (64 * 64 + 1000)
    everything = sum(
        file.stat().st_size for file in (path / "0").rglob("*") if file.is_file() and file.name != "zarr.json"
    )
    assert found.read_bytes[0] < everything / 5
    assert found.read_bytes[0] + scenes.max_read_bytes()[0] >= everything


def test_chunks_that_are_not_stored_cost_nothing(tmp_path: Path) -> None:
    path = write_zarr(RGB, tmp_path / "a.zarr")
    for band in range(3):
        (path / "0" / "c" / str(band) / "0" / "0").unlink()
    found = MultiscaleScenes([path]).read(np.array([[[-0.9, -0.9, 0.05, 0.05]]]), (10, 15))
    assert not found.pixels.any()
    assert (found.decoded_px.tolist(), found.read_bytes.tolist()) == ([0], [0])


@pytest.mark.parametrize(
    ("shape", "axes", "bands"), [((50, 60), "yx", 1), ((2, 50, 60), "cyx", 2), ((4, 2, 3, 50, 60), "tczyx", 2)]
)
def test_an_array_by_itself_is_a_picture(tmp_path: Path, shape: tuple[int, ...], axes: str, bands: int) -> None:
    values = np.random.default_rng(0).integers(0, 60_000, shape, np.uint16)
    zarr.create_array(str(tmp_path / "a.zarr"), data=values, chunks=tuple(min(side, 32) for side in shape))
    scenes = MultiscaleScenes([tmp_path / "a.zarr"])
    assert (scenes.num_bands, scenes.value_range) == (bands, (0, 65535))
    expected = values[tuple(slice(None) if axis in "cyx" else 0 for axis in axes)].reshape(bands, 50, 60)
    np.testing.assert_array_equal(scenes.read(WHOLE, (50, 60)).pixels[0, 0], expected)


def _with_axes(path: Path, axes: list[Any]) -> Path:
    group = zarr.open_group(str(path), mode="a")
    described = dict(group.attrs["ome"])
    described["multiscales"][0]["axes"] = axes
    group.attrs["ome"] = described
    return path


def test_axes_may_come_in_any_order_and_without_types(tmp_path: Path) -> None:
    path = _with_axes(write_zarr(RGB.transpose(1, 2, 0), tmp_path / "a.zarr"), ["y", "x", "c"])  # stored [y, x, c]
    scenes = MultiscaleScenes([path])
    assert scenes.num_bands == 3
    np.testing.assert_array_equal(scenes.read(WHOLE, (203, 310)).pixels[0, 0], RGB.transpose(2, 0, 1))


def test_a_damaged_chunk_is_named(tmp_path: Path) -> None:
    path = write_zarr(RGB, tmp_path / "a.zarr")
    (path / "0" / "c" / "1" / "0" / "0").write_bytes(b"no chunk")
    scenes = MultiscaleScenes([path])
    views = np.array([[[-0.9, -0.9, 0.05, 0.05], [0.9, 0.9, 0.05, 0.05]]])
    with pytest.warns(UserWarning, match=r"a\.zarr: level 0, tile \(0, 0\) is damaged"):
        found = scenes.read(views, (10, 15))
    assert not found.pixels[0, 0].any()
    assert found.pixels[0, 1].any()
    with pytest.raises(SceneError, match=r"tile \(0, 0\) is damaged"):
        MultiscaleScenes([path], strict=True).read(views, (10, 15))


def test_many_threads_count_their_own_bytes(tmp_path: Path) -> None:
    scenes = MultiscaleScenes([write_zarr(RGB, tmp_path / "a.zarr")], cache_bytes=0)
    looks = [np.array([[[row, col, 0.05, 0.05]]]) for row in (-0.9, 0.0, 0.9) for col in (-0.9, 0.0, 0.9)]
    alone = [int(MultiscaleScenes([tmp_path / "a.zarr"]).read(look, (10, 15)).read_bytes[0]) for look in looks]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda look: int(scenes.read(look, (10, 15)).read_bytes[0]), looks))
    assert found == alone


def test_what_is_no_image_is_said(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match=r"none\.zarr: there is no such folder"):
        MultiscaleScenes([tmp_path / "none.zarr"])
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(SceneError, match=r"empty\.zarr: is no readable zarr image"):
        MultiscaleScenes([tmp_path / "empty.zarr"])
    zarr.open_group(str(tmp_path / "plain.zarr"), mode="w")
    with pytest.raises(SceneError, match=r"plain\.zarr: holds no OME-NGFF image"):
        MultiscaleScenes([tmp_path / "plain.zarr"])
    path = write_zarr(RGB, tmp_path / "axes.zarr")
    with pytest.raises(SceneError, match="needed are one y and one x"):
        MultiscaleScenes([_with_axes(path, ["c", "y", "z"])])
    path = write_zarr(RGB, tmp_path / "missing.zarr", levels=2)
    (path / "1" / "zarr.json").unlink()
    with pytest.raises(SceneError, match=r"missing\.zarr: is no readable zarr image"):
        MultiscaleScenes([path])
