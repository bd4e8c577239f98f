"""Windows of big pictures: inside, repeatable, and of what drawing them so changes it is known how much."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.errors import UsageError
from foveate.training.window_draw import Crowd, WindowDraw, draw_windows

NOTHING = np.zeros((0, 2))


@given(
    st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 5000)), min_size=1, max_size=6),
    st.integers(1, 3000),
    st.integers(0, 1 << 40),
)
def test_windows_lie_inside_and_have_the_pictures_shape(sizes: list[tuple[int, int]], least: int, seed: int) -> None:
    sizes_px = np.array(sizes)
    middles = [np.array([[height * 0.9, width * 0.2]]) for height, width in sizes]
    windows = draw_windows(
        WindowDraw(least_px=least, flip=True), sizes_px, middles, epoch_seed=seed, indices=np.arange(len(sizes))
    )
    low, extents = windows.boxes_px[:, :2], windows.boxes_px[:, 2:] - windows.boxes_px[:, :2]
    assert (low >= 0).all()
    assert (windows.boxes_px[:, 2:] <= sizes_px).all()
    assert (extents.min(1) >= np.minimum(least, sizes_px.min(1)) - 1).all()
    wanted = extents[:, :1] * sizes_px[:, 1:] / sizes_px[:, :1]
    assert (np.abs(extents[:, 1:] - wanted) <= 0.5 + 0.5 * sizes_px[:, 1:] / sizes_px[:, :1] + 1e-6).all()


def test_windows_are_a_function_of_their_keys_and_of_nothing_else() -> None:
    draw, sizes = WindowDraw(least_px=100), np.tile([1000, 800], (5, 1))
    middles = [np.array([[500.0, 300.0]])] * 5
    every = draw_windows(draw, sizes, middles, epoch_seed=3, indices=np.arange(5))
    one = draw_windows(draw, sizes[:1], middles[:1], epoch_seed=3, indices=np.array([4]))
    np.testing.assert_array_equal(one.boxes_px[0], every.boxes_px[4])
    other = draw_windows(draw, sizes, middles, epoch_seed=4, indices=np.arange(5))
    assert (other.boxes_px != every.boxes_px).any()
    assert not every.mirrored.any()


def test_gains_are_what_drawing_does() -> None:
    """Counted over many windows of pictures with 0, 1 and 5 things, of one share of the area."""
    rng = np.random.default_rng(0)
    sides, counts, n = (2000, 2000), np.array([0, 1, 5, 0]), 40_000
    places = [rng.uniform(400, 1600, (count, 2)) for count in counts]  # far from the border, where clipping is felt
    rows = np.arange(n) % 4
    draw = WindowDraw(least_px=400)
    drawn = draw_windows(
        draw, np.tile(sides, (n, 1)), [places[row] for row in rows], epoch_seed=0, indices=np.arange(n)
    )
    some = (drawn.area_frac > 0.05) & (drawn.area_frac < 0.15)
    inside = np.array(
        [
            ((places[row] >= box[:2]) & (places[row] < box[2:])).all(1).sum() if len(places[row]) else 0
            for row, box in zip(rows[some], drawn.boxes_px[some], strict=True)
        ]
    )
    crowd = Crowd(counts)
    by_chance = (drawn.area_frac[some] * counts.mean()).mean()
    assert abs(inside.mean() / by_chance / crowd.heat_gain(drawn.area_frac[some]).mean() - 1) < 0.2
    odds = (inside > 0).mean() / (inside == 0).mean()  # half of the pictures hold something: odds 1
    assert abs(odds / crowd.label_gain(drawn.area_frac[some]).mean() - 1) < 0.3


def test_whole_pictures_change_nothing() -> None:
    crowd, whole = Crowd(np.array([0, 2, 1])), np.ones(2)
    np.testing.assert_allclose(crowd.heat_gain(whole), 1)
    np.testing.assert_allclose(crowd.label_gain(whole), 1)
    assert Crowd(np.zeros(3, np.int64)).heat_gain(whole).tolist() == [1, 1]
    every = Crowd(np.array([3, 1]))  # something is in all pictures, so that windows alone show nothing
    assert np.isfinite(every.label_gain(np.array([1.0, 0.01]))).all()


def test_a_window_has_pixels() -> None:
    with pytest.raises(UsageError, match="least_px"):
        WindowDraw(least_px=0)


def test_a_picture_without_marks_is_drawn_from_all_over() -> None:
    n = 2000
    drawn = draw_windows(
        WindowDraw(least_px=10), np.tile([100, 100], (n, 1)), [NOTHING] * n, epoch_seed=1, indices=np.arange(n)
    )
    whole = drawn.area_frac == 1
    assert abs(whole.mean() - 0.25) < 0.05
    middles = (drawn.boxes_px[:, :2] + drawn.boxes_px[:, 2:]) / 2
    assert np.abs(middles.mean(0) - 50).max() < 2
