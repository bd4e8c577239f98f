"""What people hand over as a picture (a path, a Pillow picture, an array, a tensor) as a scene for a certain model.

Files are read by the scene type that is registered for their name. Pillow pictures, and files that Pillow reads, are
converted to the model's bands, as :mod:`.modes` says. Arrays are ``[H, W]`` or
``[H, W, C]``, tensors ``[C, H, W]``; uint8 grey and colour are converted too, other numbers of bands must be the
model's. Floats are in [0, 1]; integers use the range of their type.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from foveate.core import Scenes
from foveate.errors import SceneError, UsageError
from foveate.scenes.files import open_files, reader_of
from foveate.scenes.memory import ArrayScenes
from foveate.scenes.modes import WHITE, mode_for, to_mode

Given = Any  # str | PathLike | PIL.Image.Image | numpy array | torch tensor


def is_file(picture: Given) -> bool:
    """Whether it is named, not held."""
    return isinstance(picture, str | PathLike)


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A picture that a model can look at; pictures of one kind may share a batch."""

    kind: str
    """The scene type of a file, or the type of the pixels."""
    is_file: bool
    content: Any  # the file's path, or pixels [C, H, W] in the model's range
    size_px: tuple[int, int]  # (height, width)
    value_range: tuple[float, float]
    number: int
    """Of its content: the same picture gets the same noise, whatever batch it is in."""


def prepare(picture: Given, *, num_bands: int, value_range: tuple[float, float]) -> Ready:
    """A picture with the bands and the range that a model wants; of files only the header is read.

    Raises SceneError for a picture that cannot be read, UsageError for what is no picture.
    """
    value_range = (float(value_range[0]), float(value_range[1]))
    if is_file(picture):
        path, reader = fspath(picture), reader_of(picture)
        (size_px,) = open_files(reader, [path], num_bands=num_bands, value_range=value_range).sizes_px.tolist()
        return Ready(
            kind=reader, is_file=True, content=path, size_px=(size_px[0], size_px[1]), value_range=value_range,
            number=crc32(_beginning(path)),
        )  # fmt: skip
    pixels = np.ascontiguousarray(_held(picture, num_bands, value_range).transpose(2, 0, 1))
    size_px = (pixels.shape[1], pixels.shape[2])
    return Ready(
        kind=str(pixels.dtype), is_file=False, content=pixels, size_px=size_px, value_range=value_range,
        number=crc32(pixels.data),
    )  # fmt: skip


def scenes_of(pictures: Sequence[Ready], *, num_bands: int) -> Scenes:
    """A scene batch of pictures that are all of one kind."""
    value_range = pictures[0].value_range
    contents = [picture.content for picture in pictures]
    if pictures[0].is_file:
        return open_files(pictures[0].kind, contents, num_bands=num_bands, value_range=value_range)
    return ArrayScenes(contents, value_range=value_range)


def _beginning(path: str, num_bytes: int = 1 << 14) -> bytes:
    """Of a file; of what only its scene type can open, a folder or an address, the name."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 (of a picture it is a regular file: it was opened before)
            return file.read(num_bytes)
    except OSError:
        return os.fsencode(path)


def _held(picture: Given, num_bands: int, value_range: tuple[float, float]) -> NDArray[Any]:
    """``[H, W, C]`` in the model's bands and range."""
    if isinstance(picture, Image.Image):
        mode = mode_for(num_bands, value_range)
        upright = ImageOps.exif_transpose(picture)
        return np.asarray(to_mode(upright, mode, WHITE, getattr(picture, "filename", "") or "the picture"))
    pixels = _array(picture)
    is_shown = pixels.dtype == np.uint8 and pixels.shape[2] in (1, 3, 4) and num_bands in (1, 3)
    if is_shown and pixels.shape[2] != num_bands:
        shown = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
        return _held(shown, num_bands, value_range)
    if pixels.shape[2] != num_bands:
        raise UsageError(f"the picture has {pixels.shape[2]} bands (shape {pixels.shape}); the model wants {num_bands}")
    return _in_range(pixels, value_range)


def _array(picture: Given) -> NDArray[Any]:
    """``[H, W, C]``."""
    if hasattr(picture, "detach"):  # a tensor: bands first
        pixels = picture.detach().cpu().numpy()
        pixels = pixels.transpose(1, 2, 0) if pixels.ndim == 3 else pixels
    else:
        pixels = np.asarray(picture)
    if pixels.dtype.kind not in "uifb":
        raise UsageError(f"a {type(picture).__name__} is no picture: give a path, a Pillow picture or an array")
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.ndim != 3 or 0 in pixels.shape:
        raise UsageError(f"the picture has shape {pixels.shape}; needed is [H, W] or [H, W, C] with nothing empty")
    return pixels


def _in_range(pixels: NDArray[Any], value_range: tuple[float, float]) -> NDArray[Any]:
    """Pixels in the model's range; integers of that very range stay integers."""
    low, high = value_range
    if pixels.dtype.kind == "f":
        if not np.isfinite(pixels).all():
            raise SceneError("the picture has NaN or infinite pixels: mend or leave out this scene")
        if pixels.min() < 0 or pixels.max() > 1:
            raise SceneError(
                f"the picture has values from {pixels.min():g} to {pixels.max():g}; floats must be in [0, 1]"
            )
        return (low + (high - low) * pixels).astype(np.float32)
    if pixels.dtype not in (np.dtype(np.uint8), np.dtype(np.uint16)):
        raise UsageError(f"the picture is {pixels.dtype}; allowed are uint8, uint16 and floats in [0, 1]")
    most = float(np.iinfo(pixels.dtype).max)
    if (low, high) == (0.0, most):
        return pixels
    return (low + (high - low) / most * pixels.astype(np.float32)).astype(np.float32)
