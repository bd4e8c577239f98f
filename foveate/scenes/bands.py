"""What tiles of any kind become: the bands and the range that are wanted, each kind in the one way of :mod:`.modes`.

- A band of opacity is laid on white.
- Grey becomes colour by repetition, colour becomes grey by Pillow's weights; other numbers of bands stay as they are.
- 16 bits keep their high byte in an 8-bit range; 8 bits times 257 fill 16.
- Numbers without a range of their own (floats, signed and 32-bit integers) need one that is said; what is outside it is
  cut, and what is no number becomes its lower end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.errors import IncompatibleError

Pixels = NDArray[Any]  # [h, w, C]
RANGES = {"uint8": (0.0, 255.0), "uint16": (0.0, 65535.0)}
TYPES = {span: np.dtype(name) for name, span in RANGES.items()}
LUMA = (19595, 38470, 7471)  # of 65536, as Pillow's "L"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a batch gives, and how a picture of one kind becomes that."""

    num_bands: int
    value_range: tuple[float, float]
    dtype: np.dtype[Any]
    convert: Callable[[Pixels], Pixels]


def wanted(
    *,
    given_bands: int,
    given_dtype: np.dtype[Any],
    has_alpha: bool,
    num_bands: int | None,
    value_range: tuple[float, float] | None,
) -> Wanted:
    """How tiles with ``given_bands`` (the last one opacity, if ``has_alpha``) are converted; what is not said stays.

    Raises IncompatibleError for what cannot be had.
    """
    own = RANGES.get(given_dtype.name)
    span = own if value_range is None else (float(value_range[0]), float(value_range[1]))
    if span is None:
        raise IncompatibleError(
            f"its pixels are {given_dtype.name}, which has no range of its own: say value_range=(low, high)"
        )
    has_alpha = has_alpha and num_bands != given_bands  # else it was said to be a band: GDAL calls any fourth so
    colours = given_bands - has_alpha
    bands = colours if num_bands is None else num_bands
    if bands != colours and {bands, colours} != {1, 3}:
        raise IncompatibleError(f"it has {colours} bands, wanted are {bands}: convert the picture or the model")
    to_range = [] if own == span else [lambda pixels: _in_range(pixels, own, span)]
    to_grey = [_grey] if bands < colours else []
    # Grey of 8 bits is rounded before it fills 16, as Pillow does; numbers without a range get one first.
    steps = [*([_opaque] if has_alpha else []), *(to_grey + to_range if own else to_range + to_grey)]
    steps += [_colour] if bands > colours else []
    return Wanted(
        num_bands=bands, value_range=span, dtype=TYPES.get(span, np.dtype(np.float32)), convert=_in_order(steps)
    )


def _in_order(steps: list[Callable[[Pixels], Pixels]]) -> Callable[[Pixels], Pixels]:
    def convert(pixels: Pixels) -> Pixels:
        for step in steps:
            pixels = step(pixels)
        return pixels

    return convert


def _opaque(pixels: Pixels) -> Pixels:
    colours, alpha = pixels[..., :-1], pixels[..., -1:]
    if pixels.dtype.kind != "u":
        return np.asarray(colours * alpha + (1 - alpha), pixels.dtype)
    most = int(np.iinfo(pixels.dtype).max)
    if bool((alpha == most).all()):
        return np.ascontiguousarray(colours)
    wide = np.dtype(np.uint32 if pixels.dtype.itemsize == 1 else np.uint64)
    on_white = colours.astype(wide) * alpha + (most - alpha.astype(wide)) * wide.type(most)
    return np.asarray((on_white + most // 2) // most, pixels.dtype)


def _in_range(pixels: Pixels, own: tuple[float, float] | None, span: tuple[float, float]) -> Pixels:
    """From the range of the type to another; from no range at all to that which was said."""
    if own is None:
        low, high = span
        return np.clip(np.nan_to_num(pixels.astype(np.float32), nan=low, posinf=high, neginf=low), low, high)
    if (own, span) == (RANGES["uint8"], RANGES["uint16"]):
        return pixels.astype(np.uint16) * np.uint16(257)
    if (own, span) == (RANGES["uint16"], RANGES["uint8"]):
        return (pixels >> 8).astype(np.uint8)
    return (span[0] + (span[1] - span[0]) / own[1] * pixels.astype(np.float32)).astype(np.float32)


def _grey(pixels: Pixels) -> Pixels:
    if pixels.dtype.kind == "f":
        return (pixels @ (np.asarray(LUMA, np.float32) / 65536))[..., None].astype(pixels.dtype)
    red, green, blue = (pixels[..., i].astype(np.uint32) * np.uint32(LUMA[i]) for i in range(3))
    return ((red + green + blue + 0x8000) >> 16).astype(pixels.dtype)[..., None]


def _colour(pixels: Pixels) -> Pixels:
    return np.repeat(pixels, 3, axis=2)
