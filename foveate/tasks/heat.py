"""Heat: how likely it is that the middle of a target is at each place of a look; and the loss that teaches it.

Places have the natural prior of what was looked at, at every scale: nothing is balanced, or a search would spend its
looks where the prior was raised. Those of some looks reach into their neighbours, by up to half a place: they answer
for middles there too. Shape letters: n scenes, k looks, h x w places, t boxes.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

NOTHING = 1e-12  # extent of a look that is not there


def heat_of(windows: Tensor, boxes: Tensor, counts: Tensor, *, reach: Tensor, grid: tuple[int, int]) -> Tensor:
    """Which places of each look answer for the middle of a box that counts: 0 or 1, float32 ``[n, k, h, w]``.

    ``windows`` are viewpoints ``[n, k, 4]``, ``boxes`` ``[n, t, 4]`` (top, left, bottom, right) in the frame,
    ``counts`` ``[n, t]`` bool, ``reach`` ``[n, k]`` in 0..0.5, in places."""
    place, answers = places_of(windows, boxes, counts, reach=reach, grid=grid)
    heat = torch.zeros((*windows.shape[:2], grid[0] * grid[1]), device=windows.device)
    return heat.scatter_reduce_(2, place.flatten(2), answers.flatten(2).float(), "amax").unflatten(2, grid)


def places_of(
    windows: Tensor, boxes: Tensor, counts: Tensor, *, reach: Tensor, grid: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """The up to four places ``[n, k, t, 4]`` of each look, row-major, that answer for the middle of each box, and
    whether they do and the box counts, each place once; arguments as those of :func:`heat_of`."""
    size = torch.tensor(grid, dtype=torch.float64, device=windows.device)
    middles = (boxes[..., :2] + boxes[..., 2:]).double() / 2
    view, by = windows.double()[:, :, None], reach.double()[..., None, None]
    at = (middles[:, None] - view[..., :2] + view[..., 2:]) / (2 * view[..., 2:]).clamp(min=NOTHING) * size
    ends = torch.stack([(at - by).floor(), (at + by).floor()], -1)  # [n, k, t, 2 axes, 2]
    is_there = (ends >= 0) & (ends < size[:, None]) & counts[:, None, :, None, None]
    is_there[..., 1] &= ends[..., 1] > ends[..., 0]
    rows, cols = ends.clamp(min=0).minimum(size[:, None] - 1).long().unbind(-2)
    place = rows[..., :, None] * grid[1] + cols[..., None, :]
    answers = is_there[..., 0, :, None] & is_there[..., 1, None, :]
    return place.flatten(-2), answers.flatten(-2)


def heat_loss(prediction: Mapping[str, Tensor], boxes: Tensor, counts: Tensor, *, gain: Tensor | None = None) -> Tensor:
    """Binary cross-entropy ``[n]``, summed over the places of all valid looks: a mean over looks would drown the close
    ones, of which there are many and each surer, in what an overview cannot know.

    ``prediction``: ``heat`` logits ``[n, k, h, w]``, ``windows`` ``[n, k, 4]``, ``valid``, ``weight`` and ``reach``
    ``[n, k]``.
    ``gain`` ``[n]``: how many times as many targets these scenes hold as those do that the heat is to be for."""
    logits, valid = prediction["heat"].float(), prediction["valid"].float()
    if gain is not None:
        logits = logits + gain.log()[:, None, None, None]
    grid = (logits.shape[-2], logits.shape[-1])
    target = heat_of(prediction["windows"], boxes, counts, reach=prediction["reach"], grid=grid)
    each = nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none").sum((2, 3))
    return (each * valid * prediction["weight"]).sum(1)
