"""From pixels to the map and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.geometry.georeference import placed, unplaced
from tests.support.findings import UTM, any_transform

PX = st.floats(-100_000, 100_000)


def test_half_a_metre_per_pixel() -> None:
    assert unplaced(UTM, 500_000, 5_600_000) == (0, 0)
    assert unplaced(UTM, 500_010, 5_599_995) == (10, 20)


@given(transform=any_transform(), row_px=PX, col_px=PX)
def test_back_where_it_was(transform: tuple[float, ...], row_px: float, col_px: float) -> None:
    """Places are up to 1e7: float64 keeps a ten-millionth of a pixel of a quarter."""
    back = unplaced(transform, *placed(transform, row_px, col_px))
    assert back == pytest.approx((row_px, col_px), abs=1e-6)


def test_of_many_places_at_once() -> None:
    rows, cols = np.array([1.0, 7.0]), np.array([3.0, 2.0])
    x, y = placed(UTM, rows, cols)  # type: ignore[arg-type]
    np.testing.assert_allclose(unplaced(UTM, x, y), (rows, cols))
