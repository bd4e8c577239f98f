"""Tiles become what is wanted as Pillow would have made it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from foveate.errors import IncompatibleError
from foveate.scenes.bands import Wanted, wanted
from foveate.scenes.modes import WHITE, Mode, to_mode

RNG = np.random.default_rng(0)
MODES: dict[Mode, tuple[int, tuple[float, float]]] = {"RGB": (3, (0, 255)), "L": (1, (0, 255)), "I;16": (1, (0, 65535))}
GIVEN = {
    "RGB": RNG.integers(0, 256, (9, 8, 3), np.uint8),
    "RGBA": RNG.integers(0, 256, (9, 8, 4), np.uint8),
    "L": RNG.integers(0, 256, (9, 8, 1), np.uint8),
    "LA": RNG.integers(0, 256, (9, 8, 2), np.uint8),
    "I;16": RNG.integers(0, 65536, (9, 8, 1), np.uint16),
}


def kind(pixels: np.ndarray, *, has_alpha: bool = False, bands: int | None = None, span: object = None) -> Wanted:
    return wanted(
        given_bands=pixels.shape[2],
        given_dtype=pixels.dtype,
        has_alpha=has_alpha,
        num_bands=bands,
        value_range=span,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("given", GIVEN)
def test_it_is_what_a_picture_file_becomes(given: str, mode: Mode) -> None:
    pixels = GIVEN[given]
    bands, span = MODES[mode]
    one = kind(pixels, has_alpha=given.endswith("A"), bands=bands, span=span)
    found = one.convert(pixels)
    expected = to_mode(Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels), mode, WHITE, "a")
    assert found.dtype == expected.dtype == one.dtype
    unit = 257 if mode == "I;16" and given != "I;16" else 1
    slack = unit * (2 if given.endswith("A") else 0)  # Pillow rounds opacity in two steps
    assert np.abs(found.astype(int) - expected).max() <= slack


def test_what_is_not_said_stays() -> None:
    one = kind(GIVEN["RGBA"], has_alpha=True)
    assert (one.num_bands, one.value_range) == (3, (0, 255))
    one = kind(GIVEN["RGBA"])
    assert one.convert(GIVEN["RGBA"]) is GIVEN["RGBA"]
    one = kind(GIVEN["RGB"], span=(-1, 1))
    assert one.dtype == np.float32
    np.testing.assert_allclose(one.convert(GIVEN["RGB"]), GIVEN["RGB"] / 127.5 - 1, atol=1e-6)


def test_floats_are_cut_and_holes_filled() -> None:
    pixels = np.array([[[-5.0], [np.nan], [50.0], [np.inf]]])
    one = kind(pixels, bands=3, span=(0, 10))
    np.testing.assert_array_equal(one.convert(pixels), np.float32([[[0] * 3, [0] * 3, [10] * 3, [10] * 3]]))
    for bad in ({}, {"bands": 3, "span": None}):
        with pytest.raises(IncompatibleError, match="float64, which has no range of its own"):
            kind(pixels, **bad)  # type: ignore[arg-type]
    with pytest.raises(IncompatibleError, match="it has 4 bands, wanted are 3"):
        kind(GIVEN["RGBA"], bands=3)


def test_what_is_called_opacity_is_a_band_to_who_wants_as_many() -> None:
    """GDAL calls the fourth of four bands of 8 bits so, infrared or not."""
    pixels = GIVEN["RGBA"]
    one = kind(pixels, has_alpha=True, bands=4)
    assert one.num_bands == 4
    np.testing.assert_array_equal(one.convert(pixels), pixels)
