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
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Boxes ``[b, m, 4]`` (low row, low col, high row, high col) of the cells of looks ``[b, 4]`` at scenes ``[b, 2]``,
    and the windows ``[b, m, 4]`` of closer looks at them: no closer than ``finest_px``, and of square pixels, but for
    scenes narrower than they are."""
    core = cores(windows, context=context)
    edges, centers, halves = [], [], []
    for axis, count in enumerate(grid):
        low, high = core[:, axis], core[:, 2 + axis]
        at_low, at_high = low <= -1, high >= 1
        wider = (context - 1) / 2
        unit = (high - low) / (count + wider * (at_low.float() + at_high.float()))
        widths = unit[:, None].repeat(1, count)
        widths[:, 0] += wider * unit * at_low
        widths[:, -1] += wider * unit * at_high
        edge = torch.cat([low[:, None], low[:, None] + widths.cumsum(1)], dim=1)
        center = (edge[:, 1:] + edge[:, :-1]) / 2
        half = unit * context / 2
        center[:, 0] = torch.where(at_low, low + half, center[:, 0])
        center[:, -1] = torch.where(at_high, high - half, center[:, -1])
        edges.append(edge)
        centers.append(center)
        halves.append(half)
    boxes = torch.cat([_mesh(edges[0][:, :-1], edges[1][:, :-1]), _mesh(edges[0][:, 1:], edges[1][:, 1:])], dim=-1)
    wanted_px = scale_px(torch.stack(halves, -1), sizes_px, glimpse_px=glimpse_px).clamp(min=finest_px)
    half = wanted_px[:, None] * wanted_px.new_tensor(glimpse_px) / sizes_px
    middle = _mesh(centers[0], centers[1])
    return boxes, clamp_inside(torch.cat([middle, half[:, None].expand_as(middle)], dim=-1))


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
