"""What every scene type does with a request: check it, find the valid looks, and turn them into pixel boxes.

Shape letters: n scenes, k looks, b valid looks of all rows, row by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.core import Glimpses
from foveate.errors import UsageError
from foveate.geometry.viewpoint import Array, to_boxes_px
from foveate.rows import as_numpy

OUTSIDE_PX = 0.5  # a box may stick out this far (noise of float32 in huge scenes) and is cut; further is an error


@dataclass(frozen=True, kw_only=True)
class Request:
    """The valid looks of one read."""

    shape: tuple[int, int]  # (n, k)
    valid: NDArray[np.bool_]  # [n, k]
    owner: NDArray[np.int64]  # [b] row of each valid look
    boxes_px: NDArray[np.float64]  # [b, 4] (top, left, bottom, right), inside the scene, snapped to whole pixels

    @property
    def all_valid(self) -> bool:
        return len(self.owner) == self.valid.size

    def placed(self, flat: NDArray[Any]) -> NDArray[Any]:
        """``[n, k, ...]`` of what the valid looks gave, ``[b, ...]``; zeros for the others."""
        pixels = flat
        if not self.all_valid:
            pixels = np.zeros((self.valid.size, *flat.shape[1:]), flat.dtype)
            pixels[self.valid.reshape(-1)] = flat
        return pixels.reshape(*self.shape, *flat.shape[1:])


def request(viewpoints: Array, sizes_px: NDArray[np.int64], valid: Array | None = None) -> Request:
    """Check viewpoints ``[n, k, 4]`` of scenes ``sizes_px`` ``[n, 2]``; raises UsageError for what cannot be read.

    Looks that are not valid may hold anything.
    """
    views = as_numpy(viewpoints)
    if views.ndim != 3 or views.shape[0] != len(sizes_px) or views.shape[2] != 4:
        raise UsageError(
            f"viewpoints have shape {views.shape}; these {len(sizes_px)} scenes need [{len(sizes_px)}, k, 4]"
        )
    shape = (views.shape[0], views.shape[1])
    is_valid = np.ones(shape, np.bool_) if valid is None else as_numpy(valid).astype(np.bool_)
    if is_valid.shape != shape:
        raise UsageError(f"valid has shape {is_valid.shape}; these looks need {shape}")
    owner = np.repeat(np.arange(shape[0]), shape[1]) if valid is None else np.nonzero(is_valid)[0]
    chosen = views.reshape(-1, 4) if valid is None else views[is_valid]
    if not np.isfinite(chosen).all():
        raise UsageError(
            f"a look has the viewpoint {chosen[~np.isfinite(chosen).all(-1)][0].tolist()}; mark it not valid"
        )
    boxes = to_boxes_px(chosen[:, None], sizes_px[owner])[:, 0]
    return Request(shape=shape, valid=is_valid, owner=owner, boxes_px=_inside(boxes, sizes_px[owner]))


def _inside(boxes: NDArray[np.float64], sizes_px: NDArray[np.int64]) -> NDArray[np.float64]:
    limit = np.concatenate([sizes_px, sizes_px], -1)
    cut = np.minimum(np.maximum(boxes, 0), limit)
    if not ((abs(cut - boxes) <= OUTSIDE_PX).all() and (boxes[:, :2] <= boxes[:, 2:]).all()):
        fits = (abs(cut - boxes) <= OUTSIDE_PX).all(-1) & (boxes[:, :2] <= boxes[:, 2:]).all(-1)
        worst = int(np.flatnonzero(~fits)[0])
        raise UsageError(
            f"a look reads the pixel box {boxes[worst].tolist()} (top, left, bottom, right) of a scene of "
            f"{sizes_px[worst].tolist()} pixels; move it inside first, with geometry.viewpoint.clamp_inside"
        )
    return cut


def unpaid(pixels: Array) -> Glimpses:
    """Glimpses ``[n, k, C, h, w]`` for which nothing was decoded or fetched."""
    nothing = np.zeros(len(pixels), np.int64)
    return Glimpses(pixels=pixels, decoded_px=nothing, read_bytes=nothing.copy())


def row_numbers(rows: Any, num_rows: int) -> NDArray[np.int64]:
    """Row indices, a bool mask or a slice, as indices; an index out of range raises IndexError."""
    chosen = rows if isinstance(rows, slice) else as_numpy(rows)
    if isinstance(chosen, np.ndarray) and chosen.size == 0 and chosen.dtype != np.bool_:
        chosen = chosen.astype(np.int64)  # an empty list comes as float
    return np.atleast_1d(np.arange(num_rows)[chosen])
