"""Squares of composed scenes never come closer than the gap, distractors included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.errors import UsageError
from foveate.noise import uniforms
from foveate.scenes.placement import anywhere, on_lattice


def draw(rows: np.ndarray, attempt: int, shape: tuple[int, ...]) -> np.ndarray:
    return uniforms(0, rows, attempt, shape=shape)


def closest(corners: np.ndarray, sizes: np.ndarray, present: np.ndarray) -> float:
    """The least free distance between two present squares of a scene (Chebyshev); negative when they overlap."""
    low, high = corners, corners + sizes[..., None]
    apart = np.maximum(low[:, :, None] - high[:, None], low[:, None] - high[:, :, None]).max(-1)
    pairs = present[:, :, None] & present[:, None] & ~np.eye(sizes.shape[1], dtype=bool)
    return float(apart[pairs].min())


@given(gap=st.integers(0, 5), margin=st.integers(0, 9), seed=st.integers(0, 99))
def test_anywhere_keeps_gap_and_margin(gap: int, margin: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes, present = rng.integers(8, 20, (50, 9)), rng.random((50, 9)) < 0.8
    canvas = (110, 140)
    corners = anywhere(draw, sizes, present, canvas_px=canvas, margin_px=margin, gap_px=gap)
    assert closest(corners, sizes, present) >= gap
    assert corners[present].min() >= margin
    assert (corners + sizes[..., None])[present].max(0).tolist() <= [canvas[0] - margin, canvas[1] - margin]


def test_a_dense_canvas_takes_several_attempts_and_a_full_one_is_refused() -> None:
    present = np.ones((20, 12), bool)
    corners = anywhere(draw, np.full((20, 12), 10), present, canvas_px=(55, 55), margin_px=0, gap_px=0)
    assert closest(corners, np.full((20, 12), 10), present) >= 0
    with pytest.raises(UsageError, match="find no place"):
        anywhere(draw, np.full((1, 12), 10), present[:1], canvas_px=(34, 34), margin_px=0, gap_px=0)


def test_lattice_uses_every_cell_once_when_full() -> None:
    corners = on_lattice(draw, np.full((5, 12), 7), canvas_px=(40, 30), cell_px=9, margin_px=0)
    for scene in corners:
        assert len({tuple(corner) for corner in scene}) == 12
        assert sorted(set(scene[:, 0])) == [3, 12, 21, 30]  # (40 - 36) / 2 + (9 - 7) / 2
        assert sorted(set(scene[:, 1])) == [2, 11, 20]
