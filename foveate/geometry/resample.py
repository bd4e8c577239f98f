"""Crop-and-resize of many boxes at once, antialiased; array-agnostic, and differentiable when given float tensors.

A box is cut out by two small weight matrices, one per axis (a triangle filter as wide as the shrink factor: the filter
of Pillow's and torch's antialiased bilinear). Boxes on whole pixels that are not resized are copied exactly. Only the
pixels that the weights touch are gathered, so the cost is that of the glimpse, not of the scene.
Shape letters: n scenes, k looks, b boxes, C bands, H x W scene, h x w glimpse.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device, is_numpy_array
from numpy.typing import NDArray

Array = Any

CACHE_VALUES = 1 << 17  # float32 values worked on at a time: half a MiB, well inside a core's second-level cache
STRIP_PX, TILE_PX = 32, 256  # scene rows and columns that are worked on together


def crop_resize(
    images: Array, boxes_px: NDArray[np.float64], size_px: tuple[int, int], *, antialias: bool = True
) -> Array:
    """Glimpses ``[n, k, C, h, w]`` of ``images`` ``[n, C, H, W]`` under ``boxes_px`` ``[n, k, 4]``.

    Boxes are (top, left, bottom, right), lie inside the scene and are numpy float64. Integer images come back in their
    own dtype, rounded; float images in theirs. With ``antialias=False`` a shrunk glimpse is sampled at points (bilinear
    between the four neighbours).
    """
    n, k = boxes_px.shape[:2]
    owner = np.repeat(np.arange(n), k)
    flat = crop_resize_flat(images, owner, boxes_px.reshape(n * k, 4), size_px, antialias=antialias)
    return flat.reshape((n, k, *flat.shape[1:]))


def crop_resize_flat(
    images: Array,
    owner: NDArray[np.int64],
    boxes_px: NDArray[np.float64],
    size_px: tuple[int, int],
    *,
    antialias: bool = True,
) -> Array:
    """Glimpses ``[b, C, h, w]`` of boxes ``[b, 4]``, box ``i`` in the scene ``images[owner[i]]``.

    What happens to a box depends on that box alone, never on the others of the call: boxes are grouped by the size of
    the window they read, which their own size fixes.
    """
    xp = array_namespace(images)
    if len(boxes_px) == 0:
        return xp.zeros((0, images.shape[1], *size_px), dtype=images.dtype, device=device(images))
    source = _numpy_view(images)
    boxes = np.asarray(boxes_px, np.float64)
    rows, cols = (
        axis_of(boxes[:, axis], boxes[:, axis + 2], source.shape[2 + axis], size_px[axis], antialias) for axis in (0, 1)
    )
    parts, order = [], []
    for group in _groups(rows, cols):
        part = _crop_group(source, owner[group], rows.select(group), cols.select(group))
        parts.append(part if source is images else xp.asarray(part))
        order.append(group)
    if len(parts) == 1:
        return parts[0]
    back = np.argsort(np.concatenate(order))
    return xp.take(xp.concat(parts), xp.asarray(back, device=device(images)), axis=0)


@dataclass(frozen=True, kw_only=True)
class Axis:
    """Boxes ``[b]`` on one axis."""

    low: NDArray[np.float64]
    scale: NDArray[np.float64]  # scene pixels per glimpse pixel
    support: NDArray[np.float64]  # half width of the triangle filter, in scene pixels
    window_px: NDArray[np.int64]  # how many scene pixels are read; depends on the box's size only
    is_whole: NDArray[np.bool_]  # at scale 1 and on whole pixels
    num_in: int
    num_out: int
    is_antialiased: bool

    def select(self, rows: NDArray[np.int64]) -> Axis:
        if len(rows) == len(self.low):
            return self
        arrays = {name: getattr(self, name)[rows] for name in ("low", "scale", "support", "window_px", "is_whole")}
        return replace(self, **arrays)


@dataclass(frozen=True, kw_only=True)
class Taps:
    """What boxes of one window size read on one axis, and with what weights."""

    start: NDArray[np.int64]  # [b]
    window_px: int
    weights: NDArray[np.float32]  # [b or 1, num_out, window]


def axis_of(low: NDArray[np.float64], high: NDArray[np.float64], num_in: int, num_out: int, antialias: bool) -> Axis:
    """Boxes ``[b]`` from ``low`` to ``high`` on an axis of ``num_in`` pixels, resized to ``num_out``."""
    scale = (high - low) / num_out
    support = np.maximum(scale, 1.0) if antialias else np.ones_like(scale)
    is_whole = (scale == 1) & (low == np.floor(low))
    window_px = _window_px(scale, support, num_in, num_out)
    return Axis(
        low=low,
        scale=scale,
        support=support,
        window_px=window_px,
        is_whole=is_whole,
        num_in=num_in,
        num_out=num_out,
        is_antialiased=antialias,
    )


def _window_px(
    scale: NDArray[np.float64], support: NDArray[np.float64], num_in: int, num_out: int
) -> NDArray[np.int64]:
    # Rounded first, so that the noise of float32 in equal sizes does not give unequal windows.
    reach = np.ceil(np.round(scale * (num_out - 1) + 2 * support, 3)).astype(np.int64)
    step = 1 << np.maximum(np.frexp(reach)[1] - 4, 0)  # up to an eighth more, so that free zooms share few sizes
    return np.minimum(-(-reach // step) * step, num_in)


def _groups(rows: Axis, cols: Axis) -> Iterator[NDArray[np.int64]]:
    """Boxes that go together: those that read windows of one size and are copies, or not."""
    is_copy = rows.is_whole & cols.is_whole
    kinds = np.where(is_copy[:, None], -1, np.stack([rows.window_px, cols.window_px], -1))
    if (kinds == kinds[0]).all():
        yield np.arange(len(kinds))
        return
    _, kind = np.unique(kinds, axis=0, return_inverse=True)
    for one in range(int(kind.max()) + 1):
        yield np.flatnonzero(kind == one)


def _crop_group(images: Array, owner: NDArray[np.int64], rows: Axis, cols: Axis) -> Array:
    """Glimpses ``[b, C, h, w]`` of boxes whose windows have one size, a cacheful at a time."""
    height, width = int(rows.window_px[0]), int(cols.window_px[0])
    if rows.is_whole[0] and cols.is_whole[0]:
        size_px = (rows.num_out, cols.num_out)
        return _windows(images, owner, rows.low.astype(np.int64), cols.low.astype(np.int64), size_px)
    if not is_numpy_array(images):
        down, across = _taps(rows, slice(0, rows.num_out), height), _taps(cols, slice(0, cols.num_out), width)
        return _blend(images, owner, down, across)
    return blend_in_cache(images, owner, list(strips_of(rows, STRIP_PX)), list(strips_of(cols, TILE_PX)))


def strips_of(axis: Axis, strip_px: int) -> Iterator[tuple[slice, Taps]]:
    """Parts of the glimpse that read about so many scene pixels each: weights over all would be mostly zeros."""
    window = int(axis.window_px[0])
    num_strips = 1 if window <= 2 * strip_px else max(1, round(window / strip_px))
    size = -(-axis.num_out // num_strips)
    # No box of this window is shrunk more than this. Its own shrinking would make a strip depend on the other boxes.
    scale = window / axis.num_out if axis.is_antialiased else window / max(axis.num_out - 1, 1)
    support = max(scale, 1.0) if axis.is_antialiased else 1.0
    reach = min(axis.num_in, window, int(np.ceil(scale * (size - 1) + 2 * support)))
    for first in range(0, axis.num_out, size):
        few = slice(first, min(first + size, axis.num_out))
        yield few, _taps(axis, few, reach)


def _taps(axis: Axis, outputs: slice, window_px: int) -> Taps:
    """Weights of some of the glimpse's pixels. Only the few taps under the filter are computed, then put in place."""
    shared = _all_same(axis.low) and _all_same(axis.scale)
    one = slice(0, 1) if shared else slice(None)
    low, scale, support = axis.low[one, None], axis.scale[one, None], axis.support[one, None]
    centers = low + (np.arange(outputs.start, outputs.stop) + 0.5) * scale  # [b, num_out]
    first = np.floor(centers - support - 0.5).astype(np.int64) + 1
    start = np.clip(first[:, 0], 0, axis.num_in - window_px)
    num_taps = min(window_px, int(np.ceil(2 * max(1.0, axis.window_px[0] / axis.num_out))) + 1)
    at = np.clip(first - start[:, None], 0, window_px - num_taps)[..., None] + np.arange(num_taps)
    distance = at + (start[:, None] - centers + 0.5)[..., None]
    few = np.maximum(1 - np.abs(distance) / support[..., None], 0)
    few /= few.sum(-1, keepdims=True)
    weights = np.zeros((*centers.shape, window_px), np.float32)
    weights.reshape(-1)[at + (np.arange(centers.size) * window_px).reshape(*centers.shape, 1)] = few
    return Taps(start=np.broadcast_to(start, axis.low.shape), window_px=window_px, weights=weights)


def _blend(images: Array, owner: NDArray[np.int64], down: Taps, across: Taps) -> Array:
    """Weighted sums, for any array library: down the rows, then across the columns."""
    xp = array_namespace(images)
    is_integer = xp.isdtype(images.dtype, "integral")
    like = {"dtype": xp.float32 if is_integer else images.dtype, "device": device(images)}
    window = _windows(images, owner, down.start, across.start, (down.window_px, across.window_px))
    with _full_precision(images):
        middle = xp.asarray(down.weights, **like)[:, None] @ xp.astype(window, like["dtype"], copy=False)
        out = middle @ xp.asarray(across.weights.swapaxes(1, 2), **like)[:, None]
    return xp.astype(xp.round(out), images.dtype) if is_integer else out


def _full_precision(images: Array) -> AbstractContextManager[Any]:
    """A read inside a network's autocast region would otherwise lose pixels to half precision."""
    xp = array_namespace(images)
    if not hasattr(xp, "autocast"):
        return nullcontext()
    return xp.autocast(device_type=images.device.type, enabled=False)


def blend_in_cache(
    images: NDArray[Any],
    owner: NDArray[np.int64],
    strips: list[tuple[slice, Taps]],
    tiles: list[tuple[slice, Taps]],
) -> NDArray[Any]:
    """The same for numpy: tile by tile of the glimpse, a cacheful of boxes at a time, in buffers that are used again.

    Every product is small. That saves multiplying zeros, and keeps BLAS from sharing one out among threads, which costs
    many times more than it gains when the cores are busy.
    """
    bands, is_integer = images.shape[1], images.dtype.kind in "iu"
    dtype = np.dtype(np.float32) if is_integer else images.dtype
    height, width = strips[0][1].window_px, tiles[0][1].window_px
    many = min(len(owner), max(1, CACHE_VALUES // (bands * height * width)))
    window = np.empty((many, bands, height, width), dtype)
    out = np.empty((len(owner), bands, strips[-1][0].stop, tiles[-1][0].stop), images.dtype)
    for first in range(0, len(owner), many):
        part = slice(first, min(first + many, len(owner)))
        here = window[: part.stop - first]
        for rows, down in strips:
            for cols, across in tiles:
                here[...] = _windows(images, owner[part], down.start[part], across.start[part], (height, width))
                narrow = np.matmul(_weights(down, part, dtype), here)
                glimpse = np.matmul(narrow, _weights(across, part, dtype).swapaxes(2, 3))
                out[part, :, rows, cols] = np.rint(glimpse, out=glimpse) if is_integer else glimpse
    return out


def _weights(taps: Taps, part: slice, dtype: np.dtype[Any]) -> NDArray[Any]:
    weights = taps.weights if len(taps.weights) == 1 else taps.weights[part]
    return weights.astype(dtype, copy=False)[:, None]


def _windows(
    images: Array, owner: NDArray[np.int64], top: NDArray[np.int64], left: NDArray[np.int64], window_px: tuple[int, int]
) -> Array:
    """Windows ``[b, C, h, w]`` of one size: a view when all are the same place of successive scenes, else gathered."""
    height, width = window_px
    if _all_same(top) and _all_same(left) and _all_same(owner - np.arange(len(owner))):
        at, y, x = int(owner[0]), int(top[0]), int(left[0])
        return images[at : at + len(owner), :, y : y + height, x : x + width]
    if is_numpy_array(images):
        view = np.lib.stride_tricks.sliding_window_view(images, (height, width), axis=(2, 3))
        return view[owner, :, top, left]
    xp = array_namespace(images)
    on = {"device": device(images)}
    y = xp.asarray(top[:, None] + np.arange(height), **on)[:, None, :, None]
    x = xp.asarray(left[:, None] + np.arange(width), **on)[:, None, None, :]
    band = xp.arange(images.shape[1], **on)[None, :, None, None]
    return images[xp.asarray(owner, **on)[:, None, None, None], band, y, x]


def _all_same(values: NDArray[Any]) -> bool:
    return bool((values == values[0]).all())


def _numpy_view(images: Array) -> Array:
    """Integer images in main memory as numpy, without a copy: no gradient is lost, and small products are faster."""
    if is_numpy_array(images) or not array_namespace(images).isdtype(images.dtype, "integral"):
        return images
    return np.from_dlpack(images) if str(device(images)) == "cpu" else images
