"""What a look is responsible for, and the closer looks that share it out: the geometry of a zooming search.

A look sees a window; it answers for the **core** of it, the window shrunk by ``context`` (extended to the border of the
scene where the window touches it). The core is cut into as few **cells** as closer looks can answer for: each cell's
own window is at least ``context`` times as wide, so that a thing whose middle is in the cell is seen whole. Cells at
the border are wider, since their windows end there too: looks at all cells answer for the core again.

Looks get closer in equal steps, as few as the grid allows, and the last one is at full resolution, whatever the
size of the scene. All of this follows from viewpoints alone, whoever chose them.

Shape letters: b looks, m = R x S cells, h x w places of a map of the look, P pixels of a glimpse's side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from foveate.geometry.viewpoint import clamp_inside

AT_BORDER = 1e-5  # of the scene's half extent: what rounding of float32 viewpoints may take away
ABOUT = 1.001
SLACK = 1e-3  # of a step or a cell: rounding is no reason for one more
CLOSER = 1.5  # a look that shows less than this much more detail is no closer look


def cores(windows: Tensor, *, context: float) -> Tensor:
    """(low row, low col, high row, high col) ``[..., 4]`` of what looks ``[..., 4]`` answer for."""
    centers, half = windows[..., :2], windows[..., 2:]
    low, high = centers - half / context, centers + half / context
    low = torch.where(centers - half <= -1 + AT_BORDER, -1.0, low)
    high = torch.where(centers + half >= 1 - AT_BORDER, 1.0, high)
    return torch.cat([low, high], dim=-1)


def grown(cores: Tensor, *, by: Tensor) -> Tensor:
    """Cores ``[..., 4]``, larger by as much ``[..., 2]`` on either side."""
    return cores + torch.cat([-by, by], dim=-1)


def extents(windows: Tensor, places: Sequence[int]) -> Tensor:
    """Of the places (rows, cols) of looks ``[..., 4]``: ``[..., 2]``, in the frame."""
    return 2 * windows[..., 2:] / windows.new_tensor(places)


def cells(
    windows: Tensor, sizes_px: Tensor, *, grid: tuple[int, int], context: float, glimpse_px: tuple[int, int],
    finest_px: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Boxes ``[b, m, 4]`` (low row, low col, high row, high col) of the cells of looks ``[b, 4]`` at scenes ``[b, 2]``,
    the windows ``[b, m, 4]`` of closer looks at them, which of them exist ``[b, m]``, and which looks are leaves
    ``[b]``: as close as ``finest_px``, or hardly less. The cells of leaves are for answers only: all that the grid has.

    All windows have square pixels, but for scenes narrower than they are."""
    here_px = scale_px(windows[:, 2:], sizes_px, glimpse_px=glimpse_px)
    is_leaf = here_px < CLOSER * finest_px
    next_px = next_scale_px(here_px, finest_px=finest_px, most=min(grid) / context)
    half = next_px[:, None] * next_px.new_tensor(glimpse_px) / sizes_px
    core, widest = cores(windows, context=context), 2 * half / context
    (rows, at_rows, is_row), (cols, at_cols, is_col) = (
        _cut(core[:, axis], core[:, 2 + axis], widest[:, axis], grid[axis], is_leaf, context=context) for axis in (0, 1)
    )
    middle = _mesh(at_rows, at_cols)
    closer = clamp_inside(torch.cat([middle, half[:, None].expand_as(middle)], dim=-1))
    boxes = torch.cat([_mesh(rows[:, :-1], cols[:, :-1]), _mesh(rows[:, 1:], cols[:, 1:])], dim=-1)
    return boxes, closer, (is_row[:, :, None] & is_col[:, None]).flatten(1), is_leaf


def next_scale_px(scales_px: Tensor, *, finest_px: float, most: float) -> Tensor:
    """Of the looks that follow looks at ``scales_px``: as many times closer as all that follow them, at most ``most``
    times each, until ``finest_px``."""
    ratio = (scales_px / finest_px).clamp(min=1)
    steps = (ratio.log() / math.log(most) - SLACK).ceil().clamp(min=1)
    return finest_px * ratio ** (1 - 1 / steps)


def _cut(
    low: Tensor, high: Tensor, widest: Tensor, most: int, is_leaf: Tensor, *, context: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Along one axis: edges ``[b, most + 1]`` of the cells from ``low`` to ``high`` ``[b]``, as many as are needed for
    those that do not touch the border to be at most as wide as ``widest`` ``[b]``, or as there may be for leaves;
    centres ``[b, most]`` of their windows; and which exist. Those that do not are of no width, behind the others."""
    at_low, at_high = (low <= -1)[:, None], (high >= 1)[:, None]
    more, length = (context - 1) / 2, (high - low)[:, None]
    more_in_all = more * (at_low.float() + at_high.float())
    count = (length / widest[:, None] - more_in_all - SLACK).ceil().clamp(1, most)
    count = torch.where(is_leaf[:, None], float(most), count)
    unit = length / (count + more_in_all)
    which = torch.arange(most, device=low.device)
    is_first, is_last, exists = which == 0, which == count - 1, which < count
    widths = unit * (exists + more * (at_low & is_first).float() + more * (at_high & is_last).float())
    edges = torch.cat([low[:, None], low[:, None] + widths.cumsum(1)], dim=1)
    centers, half = (edges[:, 1:] + edges[:, :-1]) / 2, unit * context / 2
    centers = torch.where(at_low & is_first, low[:, None] + half, centers)
    centers = torch.where(at_high & is_last, high[:, None] - half, centers)
    return edges, centers, exists


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
