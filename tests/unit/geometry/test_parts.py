"""A part of a picture gives the very glimpse that the whole picture gives."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from foveate.geometry.parts import bands_of, plan_crop
from foveate.geometry.resample import crop_resize

HEIGHT, WIDTH = 211, 307
PICTURE = np.random.default_rng(0).integers(0, 256, (3, HEIGHT, WIDTH), np.uint8)

shares = st.floats(0, 1, allow_nan=False)
glimpse_sizes = st.tuples(st.integers(1, 70), st.integers(1, 70))


def box_of(top: float, left: float, height: float, width: float, is_whole: bool) -> np.ndarray:
    """A box inside the picture, of any size from half a pixel."""
    sides = (0.5 + height * (HEIGHT - 0.5), 0.5 + width * (WIDTH - 0.5))
    corner = (top * (HEIGHT - sides[0]), left * (WIDTH - sides[1]))
    box = np.array([corner[0], corner[1], corner[0] + sides[0], corner[1] + sides[1]])
    return np.concatenate([np.floor(box[:2]), np.ceil(box[2:])]) if is_whole else box


def cropped(box: np.ndarray, size_px: tuple[int, int], antialias: bool = True) -> np.ndarray:
    """Of a window that holds the needed pixels only; the others are zeros."""
    plan = plan_crop(box, (HEIGHT, WIDTH), size_px, antialias=antialias)
    window = np.zeros((3, *plan.window_px), np.uint8)
    top, left = plan.rows.window[0], plan.cols.window[0]
    here = np.ix_(range(3), plan.rows.needed - top, plan.cols.needed - left)
    window[here] = PICTURE[np.ix_(range(3), plan.rows.needed, plan.cols.needed)]
    return plan.crop(window)


@given(shares, shares, shares, shares, st.booleans(), st.booleans(), glimpse_sizes)
def test_equals_the_whole_picture(
    top: float, left: float, height: float, width: float, is_whole: bool, antialias: bool, size_px: tuple[int, int]
) -> None:
    box = box_of(top, left, height, width, is_whole)
    expected = crop_resize(PICTURE[None], box[None, None], size_px, antialias=antialias)[0, 0]
    np.testing.assert_array_equal(cropped(box, size_px, antialias), expected)


def test_a_copy_needs_its_own_pixels_only() -> None:
    plan = plan_crop(np.array([10.0, 20, 40, 60]), (HEIGHT, WIDTH), (30, 40))
    assert plan.is_copy
    assert (plan.rows.window, plan.cols.window) == ((10, 40), (20, 60))
    assert plan.rows.needed.tolist() == list(range(10, 40))


def test_point_sampling_needs_few_pixels() -> None:
    plan = plan_crop(np.array([0.0, 0, 200, 300]), (HEIGHT, WIDTH), (2, 3), antialias=False)
    assert len(plan.rows.needed) <= 4
    assert len(plan.cols.needed) <= 6


@given(shares, shares, shares, shares, glimpse_sizes, st.integers(1, 5), st.integers(0, 1))
def test_bands_make_the_whole_glimpse(
    top: float, left: float, height: float, width: float, size_px: tuple[int, int], count: int, axis: int
) -> None:
    box = box_of(top, left, height, width, is_whole=False)
    whole = cropped(box, size_px).astype(int)
    parts = []
    for few, band in bands_of(box, size_px, axis=axis, count=count):
        long = few.stop - few.start
        parts.append(cropped(band, (long, size_px[1]) if axis == 0 else (size_px[0], long)))
    together = np.concatenate(parts, axis=1 + axis).astype(int)
    assert np.abs(together - whole).max() <= 1  # rounding of the band's own borders may tip a pixel
