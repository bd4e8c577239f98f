"""Windows of scenes, and scenes of several types in one batch: the same pixels as of what they are made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from foveate.core import Scenes
from foveate.errors import IncompatibleError, UsageError
from foveate.scenes.joined import JoinedScenes
from foveate.scenes.memory import ArrayScenes
from foveate.scenes.pictures import PictureScenes
from foveate.scenes.windows import WindowScenes

RNG = np.random.default_rng(0)
PICTURES = [RNG.integers(0, 256, (3, height, width), np.uint8) for height, width in ((60, 90), (64, 48), (60, 90))]
BOXES = np.array([[10, 20, 50, 80], [0, 0, 64, 48], [1, 2, 31, 32]])


def looks(n: int, k: int = 3, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    half = rng.uniform(0.1, 1, (n, k, 2))
    return np.concatenate([rng.uniform(-1, 1, half.shape) * (1 - half), half], -1).astype(np.float32)


@pytest.mark.parametrize("mirrored", [(False, False), (True, False), (False, True), (True, True)])
def test_a_window_shows_what_a_copy_of_it_would(mirrored: tuple[bool, bool]) -> None:
    scenes = WindowScenes(ArrayScenes(PICTURES), BOXES, np.tile(mirrored, (3, 1)))
    steps = [-1 if one else 1 for one in mirrored]
    copies = [
        np.ascontiguousarray(picture[:, top:bottom, left:right][:, :: steps[0], :: steps[1]])
        for picture, (top, left, bottom, right) in zip(PICTURES, BOXES, strict=True)
    ]
    copied = ArrayScenes(copies)
    assert isinstance(scenes, Scenes)
    assert scenes.sizes_px.tolist() == copied.sizes_px.tolist() == [[40, 60], [64, 48], [30, 30]]
    whole = np.tile(np.float32([0, 0, 1, 1]), (3, 1, 1))
    for rows in ([0], [1], [2]):  # at their own size: the very pixels
        size = tuple(scenes.sizes_px[rows[0]].tolist())
        ours = scenes.select(rows).read(whole[rows], size).pixels
        np.testing.assert_array_equal(ours, copied.select(rows).read(whole[rows], size).pixels)
    ours, theirs = (one.read(looks(3), (8, 8)).pixels.astype(int) for one in (scenes, copied))
    inside = np.abs(ours - theirs)[..., 2:-2, 2:-2]  # at a window's border the filter sees what lies beyond
    assert inside.max() <= 2


def test_looks_of_a_window_that_are_not_valid_are_zeros_and_cost_nothing(tmp_path: Path) -> None:
    Image.fromarray(PICTURES[0].transpose(1, 2, 0)).save(tmp_path / "a.png")
    scenes = WindowScenes(PictureScenes([tmp_path / "a.png"]), BOXES[:1])
    views = looks(1)
    views[0, 1] = np.nan
    skipped = scenes.read(views, (8, 8), np.zeros((1, 3), bool))
    assert not skipped.pixels.any()
    assert (int(skipped.decoded_px[0]), int(skipped.read_bytes[0])) == (0, 0)
    promised = int(scenes.max_read_bytes()[0])
    first = scenes.read(looks(1), (8, 8))
    assert (int(first.decoded_px[0]), int(first.read_bytes[0])) == (60 * 90, promised)


def test_a_window_knows_its_limits() -> None:
    scenes = ArrayScenes(PICTURES)
    for box in ([0, 0, 61, 10], [5, 5, 5, 10], [-1, 0, 5, 5]):
        with pytest.raises(UsageError, match="is empty, or outside of"):
            WindowScenes(scenes, np.array([box, *BOXES[1:]]))
    with pytest.raises(UsageError, match="these scenes need"):
        WindowScenes(scenes, BOXES[:2])
    with pytest.raises(UsageError, match="a look reads the pixel box"):
        WindowScenes(scenes, BOXES).read(np.tile(np.float32([0.5, 0, 1, 1]), (3, 1, 1)), (8, 8))


@given(st.permutations(range(5)), st.integers(1, 5))
def test_joined_scenes_are_their_parts_in_any_order(order: list[int], count: int) -> None:
    every = [*PICTURES, *PICTURES[:2]]
    joined = JoinedScenes([ArrayScenes(every[:2]), ArrayScenes(every[2:])])
    copied = ArrayScenes(every)
    rows = np.array(order[:count])
    valid = np.random.default_rng(count).random((count, 3)) < 0.7
    ours = joined.select(rows).read(looks(count), (7, 9), valid)
    np.testing.assert_array_equal(ours.pixels, copied.select(rows).read(looks(count), (7, 9), valid).pixels)
    assert joined.select(rows).sizes_px.tolist() == copied.sizes_px[rows].tolist()


def test_joined_scenes_of_two_types_keep_their_bills(tmp_path: Path) -> None:
    Image.fromarray(PICTURES[1].transpose(1, 2, 0)).save(tmp_path / "b.png")
    joined = JoinedScenes([ArrayScenes(PICTURES[:1]), PictureScenes([tmp_path / "b.png"])])
    assert isinstance(joined, Scenes)
    swapped = joined.select([1, 0])
    num_bytes = (tmp_path / "b.png").stat().st_size
    assert swapped.max_read_bytes().tolist() == [num_bytes, 0]
    given = swapped.read(looks(2), (8, 8))
    assert (given.decoded_px.tolist(), given.read_bytes.tolist()) == ([64 * 48, 0], [num_bytes, 0])
    assert len(joined.select(np.zeros(0, np.int64)).read(looks(0), (8, 8)).pixels) == 0


def test_only_one_kind_can_be_joined() -> None:
    with pytest.raises(UsageError, match="no scenes to join"):
        JoinedScenes([])
    grey = ArrayScenes(np.zeros((1, 1, 8, 8), np.uint8))
    with pytest.raises(IncompatibleError, match="1 bands in 0 to 255 and 3 bands"):
        JoinedScenes([grey, ArrayScenes(PICTURES)])
