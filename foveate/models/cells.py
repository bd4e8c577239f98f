"""What a look is responsible for, and the closer looks that share it out: the geometry of a zooming search.

A look sees a window; it answers for the **core** of it, the window shrunk by ``context`` (extended to the border of the
scene where the window touches it). The core is cut into cells; each cell's own window is ``context`` times as wide, so
that a thing whose middle is in the cell is seen whole. Cells at the border are wider, so that no window is shifted: the
cores of all cells' windows tile the core again. All of this follows from viewpoints alone, whoever chose them.

Shape letters: b looks, m = R x S cells, h x w places of a map of the look, P pixels of a glimpse's side.
"""

from __future__ import annotations

import torch
from torch import Tensor

from foveate.geometry.viewpoint import clamp_inside

AT_BORDER = 1e-5  # of the scene's half extent: what rounding of float32 viewpoints may take away
ABOUT = 1.001


def cores(windows: Tensor, *, context: float) -> Tensor:
    """(low row, low col, high row, high col) ``[..., 4]`` of what looks ``[..., 4]`` answer for."""
    centers, half = windows[..., :2], windows[..., 2:]
    low, high = centers - half / context, centers + half / context
    low = torch.where(centers - half <= -1 + AT_BORDER, -1.0, low)
    high = torch.where(centers + half >= 1 - AT_BORDER, 1.0, high)
    return torch.cat([low, high], dim=-1)


def cells(
    windows: Tensor, sizes_px: Tensor, *, grid: tuple[int, int], context: float, glimpse_px: tuple[int, int],
    finest_px: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Boxes ``[b, m, 4]`` (low row, low col, high row, high col) of the cells of looks ``[b, 4]`` at scenes ``[b, 2]``,
    the windows ``[b, m, 4]`` of closer looks at them, and which of them exist ``[b, m]``.

    No window is closer than ``finest_px``; all have square pixels, but for scenes narrower than they are. Cells whose
    windows are the same are one cell: only the first exists."""
    core, height, width = cores(windows, context=context), *grid
    rows, row_centers, row_unit = _cut(core[:, 0], core[:, 2], height, context=context)
    cols, col_centers, col_unit = _cut(core[:, 1], core[:, 3], width, context=context)
    units = torch.stack([row_unit, col_unit], dim=-1)
    px = scale_px(units * context / 2, sizes_px, glimpse_px=glimpse_px).clamp(min=finest_px)
    half = px[:, None] * px.new_tensor(glimpse_px) / sizes_px
    middle = _mesh(row_centers, col_centers)
    closer = clamp_inside(torch.cat([middle, half[:, None].expand_as(middle)], dim=-1))
    row_low, row_high, row_first = _merged(rows, closer[:, ::width, 0])
    col_low, col_high, col_first = _merged(cols, closer[:, :width, 1])
    boxes = torch.cat([_mesh(row_low, col_low), _mesh(row_high, col_high)], dim=-1)
    return boxes, closer, (row_first[:, :, None] & col_first[:, None]).flatten(1)


def _cut(low: Tensor, high: Tensor, count: int, *, context: float) -> tuple[Tensor, Tensor, Tensor]:
    """Along one axis: edges ``[b, count + 1]`` of the cells from ``low`` to ``high`` ``[b]``, centres ``[b, count]`` of
    their windows, and the width ``[b]`` of those that do not touch the border."""
    at_low, at_high, wider = low <= -1, high >= 1, (context - 1) / 2
    unit = (high - low) / (count + wider * (at_low.float() + at_high.float()))
    widths = unit[:, None].repeat(1, count)
    widths[:, 0] += wider * unit * at_low
    widths[:, -1] += wider * unit * at_high
    edges = torch.cat([low[:, None], low[:, None] + widths.cumsum(1)], dim=1)
    centers, half = (edges[:, 1:] + edges[:, :-1]) / 2, unit * context / 2
    centers[:, 0] = torch.where(at_low, low + half, centers[:, 0])
    centers[:, -1] = torch.where(at_high, high - half, centers[:, -1])
    return edges, centers, unit


def _merged(edges: Tensor, centers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Lower and upper edges ``[b, count]`` of cells along an axis, those of neighbours with one window joined, and
    whether each is the first of these."""
    low, high = edges[:, :-1].clone(), edges[:, 1:].clone()
    is_first = torch.ones_like(low, dtype=torch.bool)
    is_first[:, 1:] = (centers[:, 1:] - centers[:, :-1]).abs() > AT_BORDER
    for i in range(1, low.shape[1]):
        low[:, i] = torch.where(is_first[:, i], low[:, i], low[:, i - 1])
    for i in reversed(range(1, low.shape[1])):
        high[:, i - 1] = torch.where(is_first[:, i], high[:, i - 1], high[:, i])
    return low, high, is_first


def scale_px(half_extents: Tensor, sizes_px: Tensor, *, glimpse_px: tuple[int, int]) -> Tensor:
    """Pixels of the scene per pixel of the glimpse, along its coarser axis, of half extents ``[..., 2]``."""
    return (half_extents * sizes_px / half_extents.new_tensor(glimpse_px)).amax(-1)


def shares(boxes: Tensor, windows: Tensor, *, places: int, axis: int) -> Tensor:
    """How much of each of ``places`` along an axis of looks ``[b, 4]`` lies within the boxes ``[b, m, 4]``: in 0..1,
    ``[b, m, places]``."""
    low = (boxes[..., axis] - windows[:, None, axis] + windows[:, None, 2 + axis]) / (2 * windows[:, None, 2 + axis])
    high = (boxes[..., 2 + axis] - windows[:, None, axis] + windows[:, None, 2 + axis]) / (
        2 * windows[:, None, 2 + axis]
    )
    start = torch.arange(places, device=boxes.device, dtype=boxes.dtype)
    overlap = torch.minimum(high[..., None] * places, start + 1) - torch.maximum(low[..., None] * places, start)
    return overlap.clamp(0, 1)


def _mesh(rows: Tensor, cols: Tensor) -> Tensor:
    """``[b, R * S, 2]`` of ``[b, R]`` and ``[b, S]``, row-major."""
    shape = (len(rows), rows.shape[1], cols.shape[1])
    return torch.stack([rows[:, :, None].expand(shape), cols[:, None].expand(shape)], dim=-1).flatten(1, 2)
