"""Levels that a picture lacks are made of its tiles: averages, each tile decoded once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.scenes import thinning
from foveate.scenes.pyramid import LostTileError
from foveate.scenes.thinning import STEP, thinned
from tests.support.tiled_arrays import TiledArray


def averaged(pixels: np.ndarray) -> np.ndarray:
    """Over STEP x STEP, fewer at the far borders; exact halves go up."""
    sums = pixels.astype(np.float64)
    for axis in (0, 1):
        sums = np.add.reduceat(sums, np.arange(0, pixels.shape[axis], STEP), axis=axis)
    rows, cols = (np.minimum(STEP, side - np.arange(0, side, STEP)) for side in pixels.shape[:2])
    found = sums / (rows[:, None] * cols)[..., None]
    return found if pixels.dtype.kind == "f" else np.floor(found + 0.5).astype(pixels.dtype)


def put_together(pyramid: object, level: int) -> np.ndarray:
    here = pyramid.levels[level]  # type: ignore[attr-defined]
    rows = [
        np.concatenate([pyramid.read_tile(level, row, col).pixels for col in range(here.grid[1])], axis=1)  # type: ignore[attr-defined]
        for row in range(here.grid[0])
    ]
    return np.concatenate(rows)


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts as small enough, made small."""
    monkeypatch.setattr(thinning, "ENOUGH_PX", 200)
    monkeypatch.setattr(thinning, "MADE_TILE_PX", 8)


@pytest.mark.usefixtures("_small")
@given(st.integers(16, 70), st.integers(16, 70), st.integers(3, 40), st.integers(3, 40), st.sampled_from("BHf"))
def test_a_made_level_is_the_average_and_decodes_each_tile_once(
    height: int, width: int, tile_height: int, tile_width: int, kind: str
) -> None:
    pixels = np.random.default_rng(0).integers(0, 200, (height, width, 2)).astype(kind)
    stored = TiledArray([pixels], tile_px=(tile_height, tile_width))
    pyramid = thinned(stored)
    if len(pyramid.levels) == 1:
        assert height * width <= 200
        return
    found = put_together(pyramid, 1)
    np.testing.assert_allclose(found, averaged(pixels), atol=1e-4 if kind == "f" else 0)
    assert len(stored.reads) == len(set(stored.reads)) == np.prod(stored.levels[0].grid)
    assert pyramid.tile_bytes(1).sum() == stored.tile_bytes(0).sum()
    assert pyramid.tile_bytes(1).shape == pyramid.levels[1].grid
    assert np.prod(pyramid.levels[-1].size_px) <= 200


def test_a_picture_with_all_its_levels_stays_itself() -> None:
    pixels = np.zeros((300, 400, 3), np.uint8)
    stored = TiledArray([pixels, pixels[::4, ::4]])
    assert thinned(stored) is stored


def test_gaps_between_levels_are_filled() -> None:
    pixels = np.zeros((640, 640, 1), np.uint8)
    pyramid = thinned(TiledArray([pixels, pixels[::40, ::40]], tile_px=(64, 64)))
    assert [level.size_px for level in pyramid.levels] == [(640, 640), (160, 160), (40, 40), (16, 16)]
    assert pyramid.read_tile(3, 0, 0).read_bytes == 26  # the stored one


@pytest.mark.usefixtures("_small")
def test_damaged_tiles_are_holes_and_a_tile_of_nothing_else_is_lost() -> None:
    pixels = np.full((64, 64, 1), 100, np.uint8)
    stored = TiledArray([pixels], tile_px=(16, 16), damaged={(0, 0, 1)})
    tile = thinned(stored).read_tile(1, 0, 0)
    assert tile.broken == ("array: level 0, tile (0, 1) is damaged",)
    assert not tile.is_lost
    assert (tile.pixels[:4, :4] == 100).all()
    assert not tile.pixels[:4, 4:8].any()
    assert (tile.decoded_px, tile.read_bytes) == (3 * 256, 4 * 26)
    nothing = TiledArray([pixels], tile_px=(16, 16), damaged={(0, row, col) for row in range(4) for col in range(4)})
    with pytest.raises(LostTileError):
        thinned(nothing).read_tile(1, 0, 0)


def test_wide_strips_do_not_make_wide_tiles_high() -> None:
    stored = TiledArray([np.zeros((4096, 1, 1), np.uint8)])
    stored.levels = (type(stored.levels[0])(size_px=(1 << 20, 1 << 20), tile_px=(7, 1 << 20)),)
    made = thinned(stored).levels[1]
    assert np.prod(made.tile_px) <= 4 * thinning.MADE_PX
