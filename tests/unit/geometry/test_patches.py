"""Square glimpses and their patches: AdaGlimpse's acceptance values, and properties of ours."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.geometry.patches import patch_boxes, square_boxes


def _legacy(action: tuple[float, float, float], grid: int, size_px: tuple[int, int] = (224, 224)) -> list[list[int]]:
    sizes = np.array([size_px])
    sides = (np.array([16.0 * grid]), np.array([float(min(size_px))]))
    boxes = square_boxes(np.array([[action]], np.float32), sizes, sides_px=sides, whole_px=True)
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
    boxes = square_boxes(np.array([[action]]), sizes, sides_px=sides, whole_px=whole)
    assert (boxes >= -1e-9).all()
    assert (boxes[..., 2:] <= sizes[:, None] + 1e-9).all()
    patches = patch_boxes(boxes, grid, whole_px=whole)
    assert patches.shape == (1, grid * grid, 4)
    assert patches[..., :2].min(1) == pytest.approx(boxes[:, 0, :2])
    assert patches[..., 2:].max(1) == pytest.approx(boxes[:, 0, 2:])
    if not whole:
        areas = (patches[..., 2] - patches[..., 0]) * (patches[..., 3] - patches[..., 1])
        assert areas.sum() == pytest.approx(((boxes[..., 2:] - boxes[..., :2]).prod(-1)).item())
