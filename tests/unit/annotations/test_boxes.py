"""Boxes are cut where a picture ends, and refused where they cannot be."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.annotations.boxes import FEW_PX, around, as_array, checked

SIZE_PX = (100, 200)
EDGE = st.integers(-20, 250).map(float)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((0, 0, nan, 1), r"the box \(top 0, left 0, bottom nan, right 1\) is not finite"),
        ((-inf, 0, 1, 1), "is not finite"),
        ((0, 0, 1, 1e300), "larger than any picture"),
        ((5, 5, 5, 9), "is empty"),
        ((5, 9, 8, 5), "is empty"),
        ((-1, 0, 5, 5), "is negative"),
    ],
)
def test_boxes_that_cannot_be(box: tuple[float, float, float, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checked(box)


def test_where_the_size_is_known_a_few_pixels_outside_are_cut() -> None:
    assert checked((-3, 190, 5, 204), size_px=SIZE_PX) == (0, 190, 5, 200)
    assert checked((-50, 0, 500, 5), size_px=SIZE_PX, most_outside_px=inf) == (0, 0, 100, 5)
    with pytest.raises(ValueError, match="sticks out of a picture of 100 x 200 px"):
        checked((96, 0, 105, 5), size_px=SIZE_PX)
    with pytest.raises(ValueError, match="lies outside of a picture"):
        checked((100, 0, 103, 5), size_px=SIZE_PX)


@given(top=EDGE, left=EDGE, bottom=EDGE, right=EDGE)
def test_what_is_given_back_lies_in_the_picture(top: float, left: float, bottom: float, right: float) -> None:
    try:
        cut = checked((top, left, bottom, right), size_px=SIZE_PX)
    except ValueError:
        outside = max(-top, -left, bottom - SIZE_PX[0], right - SIZE_PX[1]) > FEW_PX
        assert (
            outside
            or top >= bottom
            or left >= right
            or top >= SIZE_PX[0]
            or left >= SIZE_PX[1]
            or min(bottom, right) <= 0
        )
        return
    assert 0 <= cut[0] < cut[2] <= SIZE_PX[0]
    assert 0 <= cut[1] < cut[3] <= SIZE_PX[1]
    assert max(abs(a - b) for a, b in zip(cut, (top, left, bottom, right), strict=True)) <= FEW_PX


def test_a_square_around_a_point_is_cut_at_0() -> None:
    assert around(50, 10, side_px=32) == (34, 0, 66, 26)
    for point in ((-1, 0), (0, nan), (inf, 0)):
        with pytest.raises(ValueError, match=r"the point \(row .*, col .*\) is negative or not finite"):
            around(*point, side_px=32)


def test_none_is_an_array_too() -> None:
    assert as_array([]).shape == (0, 4)
    assert as_array([(1, 2, 3, 4)]).tolist() == [[1, 2, 3, 4]]
