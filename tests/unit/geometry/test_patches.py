"""Square glimpses and their patches: AdaGlimpse's acceptance values, and properties of ours."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from foveate.geometry.patches import cut, joined, patch_boxes, square_boxes


def _legacy(action: tuple[float, float, float], grid: int, size_px: tuple[int, int] = (224, 224)) -> list[list[int]]:
    sizes = np.array([size_px])
    sides = (np.array([16.0 * grid]), np.array([float(min(size_px))]))
    boxes = square_boxes(np.array([[action]], np.float32), sizes, sides_px=sides)
    patches = patch_boxes(boxes, grid, whole_px=True)[0]
    assert (patches[:, 2] - patches[:, 0] == patches[:, 3] - patches[:, 1]).all(), "patches are squares"
    return np.concatenate([patches[:, :2], patches[:, 2:3] - patches[:, :1]], axis=1).astype(int).tolist()


def test_the_papers_floors() -> None:
    """The dossier's values: (y, x, side) of every patch."""
    assert _legacy((0.3, 0.9, 0.33), 2) == [[38, 115, 47], [38, 162, 48], [85, 115, 48], [85, 162, 48]]
    assert [side for *_, side in _legacy((0.0, 0.0, 1.0), 3)] == [74, 74, 76, 74, 74, 76, 76, 76, 76]
    assert _legacy((1.0, 1.0, 0.0), 2) == [[192, 192, 16], [192, 208, 16], [208, 192, 16], [208, 208, 16]]
    assert _legacy((0.5, 0.5, 0.0), 1) == [[104, 104, 16]]


@given(
    action=st.tuples(*[st.floats(0, 1, width=32)] * 3),
    grid=st.integers(1, 4),
    size_px=st.tuples(st.integers(64, 500), st.integers(64, 500)),
    whole=st.booleans(),
)
def test_patches_fill_their_glimpse_inside_the_scene(
    action: tuple[float, float, float], grid: int, size_px: tuple[int, int], whole: bool
) -> None:
    sizes, sides = np.array([size_px]), (np.array([16.0 * grid]), np.array([float(min(size_px))]))
    boxes = square_boxes(np.array([[action]]), sizes, sides_px=sides)
    assert (boxes == np.floor(boxes)).all()
    assert (boxes >= 0).all()
    assert (boxes[..., 2:] <= sizes[:, None]).all()
    boxes = boxes if whole else boxes / 3  # whose corners and sides are fractions
    patches = patch_boxes(boxes, grid, whole_px=whole)
    assert patches.shape == (1, grid * grid, 4)
    assert patches[..., :2].min(1) == pytest.approx(boxes[:, 0, :2])
    assert patches[..., 2:].max(1) == pytest.approx(boxes[:, 0, 2:])
    if not whole:
        areas = (patches[..., 2] - patches[..., 0]) * (patches[..., 3] - patches[..., 1])
        assert areas.sum() == pytest.approx(((boxes[..., 2:] - boxes[..., :2]).prod(-1)).item())


def test_a_box_that_is_not_whole_is_rounded_down_before_it_is_cut() -> None:
    boxes = np.array([[[3.2, 5.9, 20.7, 23.4]]])
    assert (patch_boxes(boxes, 2, whole_px=True) == patch_boxes(np.floor(boxes), 2, whole_px=True)).all()


@pytest.mark.parametrize("library", [np, torch])
@pytest.mark.parametrize("grid", [1, 2, 3])
def test_patches_that_were_cut_are_joined_to_what_they_were_cut_from(library: Any, grid: int) -> None:
    glimpses = library.arange(2 * 3 * 4 * 12 * 18).reshape(2, 3, 4, 12, 18)
    patches = cut(glimpses, grid)
    assert tuple(patches.shape) == (2, 3 * grid * grid, 4, 12 // grid, 18 // grid)
    assert (joined(patches, grid) == glimpses).all()
    right_of_first = patches[:, 1 if grid > 1 else 0]
    left = 18 // grid if grid > 1 else 0
    assert (right_of_first == glimpses[:, 0, :, : 12 // grid, left : left + 18 // grid]).all()
