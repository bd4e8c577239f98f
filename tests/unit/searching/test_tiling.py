"""Tiles cover a picture, are copies of it, know their neighbours and what they cover together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import foveate
from foveate.errors import UsageError
from foveate.scenes.memory import ArrayScenes
from foveate.searching.tiling import Tiles

sides = st.integers(1, 90)
shares = st.sampled_from([0.0, 0.2, 0.5, 0.9])


@given(scene_px=st.tuples(sides, sides), tile_px=st.tuples(sides, sides), overlap=shares)
def test_tiles_lie_inside_and_leave_nothing_out(
    scene_px: tuple[int, int], tile_px: tuple[int, int], overlap: float
) -> None:
    tiles = Tiles.of(scene_px, tile_px=tile_px, overlap=overlap)
    assert len(tiles) == tiles.grid[0] * tiles.grid[1]
    assert tiles.tile_px == (min(tile_px[0], scene_px[0]), min(tile_px[1], scene_px[1]))
    seen = np.zeros(scene_px, int)
    for top, left, bottom, right in tiles.boxes_px:
        assert 0 <= top < bottom <= scene_px[0]
        assert 0 <= left < right <= scene_px[1]
        seen[top:bottom, left:right] += 1
    assert (seen > 0).all()
    for axis in (0, 1):
        low = np.unique(tiles.boxes_px[:, axis])
        assert (np.diff(low) <= max(1, tiles.tile_px[axis] * (1 - overlap))).all(), "neighbours share too little"
    some = np.arange(0, len(tiles), 3)
    seen = np.zeros(scene_px, bool)
    for top, left, bottom, right in tiles.boxes_px[some]:
        seen[top:bottom, left:right] = True
    assert tiles.covered_frac(some) == pytest.approx(seen.mean())


def test_nothing_covers_nothing_and_all_cover_all() -> None:
    tiles = Tiles.of((500, 700), tile_px=(64, 96), overlap=0.3)
    assert tiles.covered_frac([]) == 0
    assert tiles.covered_frac(range(len(tiles))) == 1  # type: ignore[arg-type]


def test_a_tile_is_a_copy_of_the_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (3, 333, 457), np.uint8)
    tiles = Tiles.of((333, 457), tile_px=(64, 50), overlap=0.25)
    scene = foveate.Scene(ArrayScenes(picture[None]), name="a", reader="array")
    for number, (top, left, bottom, right) in enumerate(tiles.boxes_px):
        read = scene.read(viewpoint=tiles.viewpoints([number])[0], size_px=tiles.tile_px)
        np.testing.assert_array_equal(read, picture[:, top:bottom, left:right])


def test_boxes_are_whole_pixels_in_pictures_beyond_the_precision_of_float32() -> None:
    tiles = Tiles.of((640, 9_000_000), tile_px=(640, 640), overlap=0.2)
    assert set(np.diff(tiles.boxes_px[:, 1]).tolist()) <= {510, 511, 512, 513}
    assert tiles.boxes_px[-1].tolist() == [0, 9_000_000 - 640, 640, 9_000_000]
    assert tiles.covered_frac(np.arange(len(tiles))) == 1


def test_neighbours() -> None:
    tiles = Tiles.of((30, 40), tile_px=(10, 10), overlap=0)
    assert tiles.grid == (3, 4)
    assert tiles.neighbours(5) == [0, 1, 2, 4, 6, 8, 9, 10]
    assert tiles.neighbours(0) == [1, 4, 5]
    assert tiles.neighbours(7) == [2, 3, 6, 10, 11]
    assert Tiles.of((5, 5), tile_px=(10, 10), overlap=0).neighbours(0) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tile_px": 640}, r"tile_px is 640; it must be \(height, width\)"),
        ({"tile_px": (640,)}, "tile_px is"),
        ({"tile_px": (640, 0)}, "at least 1 each"),
        ({"tile_px": (640.0, 640)}, "whole pixels"),
        ({"tile_px": (True, 640)}, "whole pixels"),
        ({"overlap": 1.0}, "overlap is 1.0; it is a share of a tile's side: at least 0 and less than 1"),
        ({"overlap": -0.1}, "overlap is -0.1"),
        ({"overlap": float("nan")}, "overlap is nan"),
    ],
)
def test_tiles_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Tiles.of((100, 100), **({"tile_px": (10, 10), "overlap": 0.2} | changes))
