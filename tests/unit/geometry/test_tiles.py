from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.errors import UsageError
from foveate.geometry.tiles import tile_grid, tile_viewpoints
from foveate.geometry.viewpoint import to_boxes_px

SIDES = st.integers(1, 700)


@given(st.tuples(SIDES, SIDES), st.tuples(st.integers(8, 128), st.integers(8, 128)), st.floats(0.2, 1.0))
def test_together_they_answer_for_every_pixel(
    size_px: tuple[int, int], window_px: tuple[int, int], core_frac: float
) -> None:
    tiles = tile_viewpoints(size_px, window_px=window_px, core_frac=core_frac)
    boxes = to_boxes_px(tiles[None], np.array([size_px]))[0]
    assert len(tiles) == np.prod(tile_grid(size_px, window_px=window_px, core_frac=core_frac))
    for axis, (side, window) in enumerate(zip(size_px, window_px, strict=True)):
        low, high = boxes[:, axis], boxes[:, 2 + axis]
        assert np.array_equal(low, np.round(low)), "whole pixels"
        assert np.allclose(high - low, min(side, window))
        assert low.min() == 0
        assert high.max() == pytest.approx(side)
        spare = window * (1 - core_frac) / 2
        from_px, to_px = np.where(low == 0, 0, low + spare), np.where(high > side - 0.5, side, high - spare)
        ends = sorted(set(zip(from_px.tolist(), to_px.tolist(), strict=True)))
        assert ends[0][0] == 0
        assert all(after[0] <= before[1] + 1 + 1e-6 for before, after in pairwise(ends))


def test_they_are_read_row_by_row_and_few() -> None:
    boxes = to_boxes_px(tile_viewpoints((100, 300), window_px=(100, 100))[None], np.array([(100, 300)]))[0]
    assert boxes.tolist() == [[0, 0, 100, 100], [0, 100, 100, 200], [0, 200, 100, 300]]
    assert tile_grid((4096, 4096), window_px=(128, 128), core_frac=0.75) == (43, 43)
    assert tile_grid((4096, 4096), window_px=(128, 128)) == (32, 32)
    assert tile_viewpoints((50, 60), window_px=(128, 128)).tolist() == [[0, 0, 1, 1]]


@pytest.mark.parametrize(("window_px", "core_frac"), [((0, 8), 1.0), ((8, 8), 0.0), ((8, 8), 1.5), ((8, 8), np.nan)])
def test_what_makes_no_tiles_is_refused(window_px: tuple[int, int], core_frac: float) -> None:
    with pytest.raises(UsageError, match="core_frac"):
        tile_grid((64, 64), window_px=window_px, core_frac=core_frac)
