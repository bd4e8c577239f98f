"""Scenes that lie in memory already: numpy arrays or torch tensors, of one size or of many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from array_api_compat import array_namespace, device, is_array_api_obj
from numpy.typing import NDArray

from foveate.core import Glimpses
from foveate.errors import SceneError, UsageError
from foveate.geometry.resample import crop_resize_flat
from foveate.geometry.viewpoint import Array
from foveate.scenes.reading import request, row_numbers, unpaid

DTYPES = ("uint8", "uint16", "float32")
RANGES = {"uint8": (0.0, 255.0), "uint16": (0.0, 65535.0), "float32": (0.0, 1.0)}


class ArrayScenes:
    """A scene batch over arrays.

    Ledger: ``decoded_px`` and ``read_bytes`` are 0, since nothing is decoded and nothing fetched: the pixels were there
    before the read. What was sensed follows from the looks themselves.

    Scenes of one size share a stacked array, so a read is a few array calls for all rows; ``select`` keeps the arrays
    and only renumbers the rows.
    """

    def __init__(self, images: Array | Sequence[Array], *, value_range: tuple[float, float] | None = None) -> None:
        """``images`` is ``[n, C, H, W]``, or a sequence of ``[C, H, W]`` of any sizes; uint8, uint16 or float32.

        ``value_range`` defaults to the range of the integer type, and to (0, 1) for floats; floats outside it, NaN and
        infinity raise SceneError naming the first such row.
        """
        stacks, members = _stack(images)
        kind = _dtype_name(stacks[0])
        self.value_range = RANGES[kind] if value_range is None else (float(value_range[0]), float(value_range[1]))
        self.num_bands = int(stacks[0].shape[1])
        count = sum(len(rows) for rows in members)
        self._stacks = stacks
        self._stack_of = np.empty(count, np.int64)
        self._place = np.empty(count, np.int64)
        self.sizes_px: NDArray[np.int64] = np.empty((count, 2), np.int64)
        for number, (stack, rows) in enumerate(zip(stacks, members, strict=True)):
            self._stack_of[rows], self._place[rows] = number, np.arange(len(rows))
            self.sizes_px[rows] = stack.shape[-2:]
            if kind == "float32":
                _check_values(stack, rows, self.value_range, is_given=value_range is not None)

    @classmethod
    def from_pictures(cls, pictures: Sequence[Any], *, value_range: tuple[float, float] | None = None) -> Self:
        """Scenes of pictures as people have them: each ``[H, W]`` or ``[H, W, C]``, anything numpy takes."""
        arrays = [item if is_array_api_obj(item) else np.asarray(item) for item in pictures]
        return cls([_bands_first(item, row) for row, item in enumerate(arrays)], value_range=value_range)

    def __len__(self) -> int:
        return len(self.sizes_px)

    def read(
        self, viewpoints: Array, size_px: tuple[int, int], valid: Array | None = None, *, antialias: bool = True
    ) -> Glimpses:
        """Glimpses ``[n, k, C, h, w]`` in the scenes' own array library and dtype. Looks not valid are zeros."""
        looks = request(viewpoints, self.sizes_px, valid)
        pixels = self._read_flat(looks.owner, looks.boxes_px, size_px, antialias)
        if not looks.all_valid:
            xp = array_namespace(pixels)
            full = xp.zeros((looks.valid.size, *pixels.shape[1:]), dtype=pixels.dtype, device=device(pixels))
            full[xp.asarray(np.flatnonzero(looks.valid), device=device(pixels))] = pixels
            pixels = full
        return unpaid(pixels.reshape((*looks.shape, *pixels.shape[1:])))

    def max_read_bytes(self) -> NDArray[np.int64]:
        """Zeros ``[n]``: nothing is fetched."""
        return np.zeros(len(self), np.int64)

    def select(self, rows: Any) -> Self:
        """The given rows (indices or a mask), sharing the arrays."""
        keep = row_numbers(rows, len(self))
        chosen = object.__new__(type(self))
        chosen.__dict__.update(self.__dict__)
        chosen._stack_of, chosen._place = self._stack_of[keep], self._place[keep]
        chosen.sizes_px = self.sizes_px[keep]
        return chosen

    def _read_flat(
        self, owner: NDArray[np.int64], boxes: NDArray[np.float64], size_px: tuple[int, int], antialias: bool
    ) -> Array:
        stack_of = self._stack_of[owner]
        present = np.unique(stack_of) if len(self._stacks) > 1 else np.zeros(1, np.int64)
        if len(present) <= 1:
            stack = self._stacks[int(present[0]) if len(present) else 0]
            return crop_resize_flat(stack, self._place[owner], boxes, size_px, antialias=antialias)
        like = self._stacks[0]
        xp = array_namespace(like)
        out = xp.zeros((len(owner), self.num_bands, *size_px), dtype=like.dtype, device=device(like))
        for number in present:
            looks = np.flatnonzero(stack_of == number)
            places, stack = self._place[owner[looks]], self._stacks[number]
            part = crop_resize_flat(stack, places, boxes[looks], size_px, antialias=antialias)
            out[xp.asarray(looks, device=device(like))] = part
        return out


def _stack(images: Array | Sequence[Array]) -> tuple[list[Array], list[NDArray[np.int64]]]:
    """Stacks ``[m, C, H, W]``, one per size, and the rows in each."""
    if not isinstance(images, Sequence):
        if images.ndim != 4 or 0 in images.shape:
            raise UsageError(
                f"images have shape {tuple(images.shape)}; needed is [n, C, H, W] with nothing empty "
                "(pictures [H, W] or [H, W, C] go through ArrayScenes.from_pictures)"
            )
        return [images], [np.arange(len(images))]
    if len(images) == 0:
        raise UsageError("no images: give an array [n, C, H, W] or at least one array [C, H, W]")
    rows_of: dict[tuple[int, ...], list[int]] = {}
    for row, image in enumerate(images):
        _check_picture(row, image, images[0])
        rows_of.setdefault(tuple(image.shape), []).append(row)
    stacks = []
    for rows in rows_of.values():
        xp = array_namespace(images[rows[0]])
        # A lone picture is a view, so that big ones are not copied.
        stacks.append(images[rows[0]][None] if len(rows) == 1 else xp.stack([images[row] for row in rows]))
    return stacks, [np.array(rows, np.int64) for rows in rows_of.values()]


def _check_picture(row: int, image: Array, first: Array) -> None:
    if not is_array_api_obj(image):
        raise UsageError(f"row {row} of the images is a {type(image).__name__}; needed is an array [C, H, W]")
    if image.ndim != 3 or 0 in image.shape:
        raise UsageError(f"row {row} of the images has shape {tuple(image.shape)}; needed is [C, H, W], nothing empty")
    if image.shape[0] != first.shape[0] or image.dtype != first.dtype:
        raise UsageError(
            f"row {row} of the images has {image.shape[0]} bands of {image.dtype}, row 0 has {first.shape[0]} of "
            f"{first.dtype}; one batch holds one kind"
        )


def _dtype_name(array: Array) -> str:
    name = str(array.dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise UsageError(f"images are {name}; allowed are {', '.join(DTYPES)}: convert them first")
    return name


def _check_values(stack: Array, rows: NDArray[np.int64], value_range: tuple[float, float], *, is_given: bool) -> None:
    """Two passes without temporaries; which row it was is only searched when something is wrong."""
    xp = array_namespace(stack)
    low, high = value_range
    values = stack.detach() if hasattr(stack, "detach") else stack
    if float(xp.min(values)) >= low and float(xp.max(values)) <= high:  # false for NaN too
        return
    for row, image in zip(rows, values, strict=True):
        darkest, brightest = float(xp.min(image)), float(xp.max(image))
        if np.isnan(darkest) or np.isinf([darkest, brightest]).any():
            raise SceneError(f"row {row} of the images has NaN or infinite pixels: mend or leave out this scene")
        if darkest < low or brightest > high:
            remedy = "scale them" if is_given else "scale them, or say what they mean with value_range=(low, high)"
            raise SceneError(
                f"row {row} of the images has values from {darkest:g} to {brightest:g}, "
                f"outside [{low:g}, {high:g}]: {remedy}"
            )


def _bands_first(picture: Array, row: int) -> Array:
    if picture.ndim == 2:
        return picture[None]
    if picture.ndim != 3:
        raise UsageError(f"picture {row} has shape {tuple(picture.shape)}; needed is [H, W] or [H, W, C]")
    return array_namespace(picture).permute_dims(picture, (2, 0, 1))
