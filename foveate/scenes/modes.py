"""What a picture of any kind becomes: colour or grey of 8 bits, or grey of 16, each kind in one defined way.

- Alpha, whether as a band, in a palette or as one transparent colour, is laid on `matte` (white).
- CMYK and YCCK become RGB by Pillow's arithmetic; colour profiles are not applied.
- Grey of 16 bits keeps its high byte (`>> 8`) in the 8-bit modes; mode "I;16" keeps all of it, and brings 8-bit
  pictures to the same range (`* 257`). Grey of 32 bits that fits into 16 counts as 16.
- Floating-point grey, and 32-bit grey that does not fit, has no known range: its own minimum and maximum are stretched
  over the whole range.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foveate.errors import IncompatibleError, SceneError

Mode = Literal["RGB", "L", "I;16"]
Matte = tuple[int, int, int]

# Of each mode, the bands and the type of their values.
MODES: dict[str, tuple[int, type[np.unsignedinteger[Any]]]] = {
    "RGB": (3, np.uint8),
    "L": (1, np.uint8),
    "I;16": (1, np.uint16),
}
WHITE: Matte = (255, 255, 255)


def mode_for(num_bands: int, value_range: tuple[float, float]) -> Mode:
    """How picture files are decoded for a model; IncompatibleError if none gives its bands and range."""
    for mode, (bands, kind) in MODES.items():
        if bands == num_bands and (0.0, float(np.iinfo(kind).max)) == tuple(value_range):
            return mode  # type: ignore[return-value]
    raise IncompatibleError(
        f"this model wants {num_bands} bands in {tuple(value_range)}, which no picture file gives: read the pictures "
        "yourself and pass arrays"
    )


def to_mode(picture: Image.Image, mode: Mode, matte: Matte, path: str) -> NDArray[Any]:
    """``[H, W, C]`` as wanted, of a Pillow picture of any mode; ``path`` is what a SceneError names."""
    if picture.mode.startswith(("I", "F")):
        deep = _deep_grey(np.asarray(picture), path)
        if mode == "I;16":
            return deep[..., None]
        shallow = (deep >> 8).astype(np.uint8)[..., None]
        return shallow if mode == "L" else np.repeat(shallow, 3, axis=2)
    if picture.has_transparency_data:
        coloured = picture.convert("RGBA")
        ground = Image.new("RGBA", picture.size, (*matte, 255))
        picture = Image.alpha_composite(ground, coloured)
    if picture.mode == "LAB":  # the only way that Pillow knows from there
        picture = picture.convert("RGB")
    wanted = "RGB" if mode == "RGB" else "L"
    pixels = np.asarray(picture if picture.mode == wanted else picture.convert(wanted))
    if mode == "RGB":
        return pixels
    return pixels[..., None] if mode == "L" else (pixels.astype(np.uint16) * 257)[..., None]


def _deep_grey(values: NDArray[Any], path: str) -> NDArray[np.uint16]:
    """Grey of more than 8 bits as 16 bits."""
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return values.astype(np.uint16)
    low, high = values.min(), values.max()
    if not np.isfinite([low, high]).all():
        raise SceneError("has NaN or infinite pixels: replace them before use", path=path)
    if values.dtype.kind == "i" and low >= 0 and high <= 0xFFFF:
        return values.astype(np.uint16)
    if low == high:
        return np.zeros(values.shape, np.uint16)
    stretched = (values.astype(np.float64) - float(low)) / (float(high) - float(low))
    return np.asarray(np.rint(stretched * 0xFFFF), np.uint16)
