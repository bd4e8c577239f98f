"""The frame: boxes and viewpoints are two names of one thing, for any scene and for numpy and torch alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.geometry.viewpoint import (
    clamp_inside,
    contains,
    from_boxes_px,
    grid_centers,
    half_extents_of,
    to_boxes_px,
    whole_scene,
)

torch = pytest.importorskip("torch")

scene_sizes = st.tuples(st.integers(1, 5000), st.integers(1, 5000))
unit = st.floats(0, 1, allow_nan=False)


@st.composite
def boxes_in_scenes(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Sizes ``[n, 2]`` and whole-pixel boxes ``[n, k, 4]``."""
    sizes, boxes = [], []
    for _ in range(draw(st.integers(1, 4))):
        size = draw(scene_sizes)
        sizes.append(size)
        corners = [sorted(draw(st.integers(0, side)) for _ in range(2)) for side in size]
        boxes.append([[corners[0][0], corners[1][0], corners[0][1], corners[1][1]]])
    return np.array(sizes, np.int64), np.array(boxes, np.float64)


@given(boxes_in_scenes())
def test_whole_pixel_boxes_survive_float32(case: tuple[np.ndarray, np.ndarray]) -> None:
    sizes, boxes = case
    views = from_boxes_px(boxes, sizes).astype(np.float32)
    np.testing.assert_array_equal(to_boxes_px(views, sizes), boxes)


@given(size=scene_sizes, corners=st.tuples(unit, unit, unit, unit))
def test_round_trip_of_any_box(size: tuple[int, int], corners: tuple[float, ...]) -> None:
    sizes = np.array([size], np.int64)
    low, high = np.minimum(corners[:2], corners[2:]), np.maximum(corners[:2], corners[2:])
    boxes = (np.concatenate([low, high]) * [*size, *size])[None, None]
    back = to_boxes_px(from_boxes_px(boxes, sizes), sizes)
    assert np.abs(back - boxes).max() <= 0.01 + 1e-9  # snapping moves an edge by no more than this


def test_snapping_is_to_the_nearest_integer_and_only_if_near() -> None:
    sizes = np.array([[100, 200]], np.int64)
    boxes = np.array([[[9.995, 20.005, 29.98, 60.5]]])
    assert to_boxes_px(from_boxes_px(boxes, sizes), sizes)[0, 0].tolist() == pytest.approx([10, 20, 29.98, 60.5])


@given(st.lists(st.tuples(*[st.floats(-4, 4, width=32)] * 2, *[st.floats(0, 3, width=32)] * 2), min_size=1, max_size=9))
def test_clamping_shifts_and_shrinks_only_what_is_too_large(rows: list[tuple[float, ...]]) -> None:
    views = np.array(rows, np.float32)
    inside = clamp_inside(views)
    low, high = inside[:, :2] - inside[:, 2:], inside[:, :2] + inside[:, 2:]
    assert (low >= -1 - 1e-6).all()
    assert (high <= 1 + 1e-6).all()
    np.testing.assert_array_equal(inside[:, 2:], np.minimum(views[:, 2:], 1))
    np.testing.assert_array_equal(clamp_inside(inside), inside)
    was_inside = (np.abs(views[:, :2]) + views[:, 2:] <= 1).all(-1)
    np.testing.assert_allclose(inside[was_inside], views[was_inside], atol=1e-7)


@given(size=st.tuples(st.integers(40, 2000), st.integers(40, 2000)), seed=st.integers(0, 99))
def test_native_glimpses_anywhere_read_their_own_size(size: tuple[int, int], seed: int) -> None:
    sizes = np.array([size], np.int64)
    half = half_extents_of((28, 36), sizes)
    centers = np.random.default_rng(seed).uniform(-1.5, 1.5, (1, 2))
    views = clamp_inside(np.concatenate([centers, half], -1)[:, None].astype(np.float32))
    box = to_boxes_px(views, sizes)[0, 0]
    np.testing.assert_allclose(box[2:] - box[:2], [28, 36], atol=0.02)


def test_the_whole_scene() -> None:
    sizes = np.array([[7, 9], [300, 20]], np.int64)
    views = whole_scene(2)
    assert views.shape == (2, 1, 4)
    assert views.dtype == np.float32
    assert to_boxes_px(views, sizes)[:, 0].tolist() == [[0, 0, 7, 9], [0, 0, 300, 20]]


def test_grid_centres_are_row_major_and_fill_the_scene() -> None:
    centers = grid_centers((2, 4), np.zeros(0, np.float32))
    assert centers.tolist() == [[r, c] for r in (-0.5, 0.5) for c in (-0.75, -0.25, 0.25, 0.75)]
    cells = np.concatenate([centers, np.tile([0.5, 0.25], (8, 1))], -1)[None]
    assert contains(cells, centers[None])[0].tolist() == np.eye(8, dtype=bool).tolist()


def test_contains_includes_the_edges() -> None:
    views = np.array([[[0.0, 0.0, 0.5, 0.25]]])
    points = np.array([[[0.5, 0.25], [0.51, 0], [0, -0.26], [-0.5, 0]]])
    assert contains(views, points).tolist() == [[[True, False, False, True]]]


def test_torch_gives_what_numpy_gives() -> None:
    rng = np.random.default_rng(0)
    views, sizes = rng.uniform(-1, 1, (5, 2, 4)).astype(np.float32), rng.integers(5, 400, (5, 2))
    views[..., 2:] = np.abs(views[..., 2:])

    def same(ours: Any, theirs: Any) -> None:
        assert isinstance(ours, torch.Tensor)
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-6, atol=1e-7)

    view_t, size_t = torch.from_numpy(views), torch.from_numpy(sizes)
    same(clamp_inside(view_t), clamp_inside(views))
    same(to_boxes_px(view_t, size_t), to_boxes_px(views, sizes))
    boxes = to_boxes_px(views, sizes)
    same(from_boxes_px(torch.from_numpy(boxes), size_t), from_boxes_px(boxes, sizes))
    same(half_extents_of((3, 4), size_t), half_extents_of((3, 4), sizes))
    same(grid_centers((3, 2), view_t), grid_centers((3, 2), views))
    same(contains(view_t, view_t[..., :2]), contains(views, views[..., :2]))
