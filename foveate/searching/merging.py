"""What several tiles found of one thing, as one finding: greedy non-maximum suppression, label by label.

The best score stays, of equals the larger box, and what overlaps it by more than a threshold goes. Overlap is measured
against the smaller box ("smaller"), so that what a tile's border cut off goes where a neighbour saw the whole; or
against both together ("union"), for things that may lie within others of their kind. Which tile was read first does not
matter. Shape letter: q findings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from foveate.errors import UsageError
from foveate.findings import Finding

MergeBy = Literal["smaller", "union"]

Boxes = NDArray[np.float64]  # [q, 4] (top, left, bottom, right)


def check_merging(above: float, by: str) -> None:
    """Raises UsageError for a threshold or a way that there is not."""
    if not 0 <= above <= 1:
        raise UsageError(f"merge_above is {above}; it is a share between 0 and 1 (1 merges nothing)")
    if by not in get_args(MergeBy):
        raise UsageError(f"merge_by is {by!r}; allowed are 'smaller' and 'union'")


def merged(findings: Sequence[Finding], *, above: float, by: MergeBy) -> list[Finding]:
    """Those that stay, best first; boxes have an area. Two of one label stay only if they overlap by at most ``above``,
    a share of the smaller box or of the union."""
    # By content, not by who came first: the order of the tiles decides nothing.
    ordered = sorted(findings, key=lambda each: (-each.score, -_area_px(each), each.label, each.box_px))
    kept: list[int] = []
    for label in dict.fromkeys(each.label for each in ordered):
        mine = np.array([i for i, each in enumerate(ordered) if each.label == label])
        boxes = np.array([ordered[i].box_px for i in mine], np.float64)
        kept += mine[_kept(boxes, above=above, by=by)].tolist()
    return [ordered[i] for i in sorted(kept)]


def _kept(boxes: Boxes, *, above: float, by: MergeBy) -> list[int]:
    """Of boxes ``[q, 4]``, the best first. Each is compared with those alone that may reach it from above or below."""
    by_top = np.argsort(boxes[:, 0], kind="stable")
    tops, tallest = boxes[by_top, 0], (boxes[:, 2] - boxes[:, 0]).max()
    first, last = np.searchsorted(tops, boxes[:, 0] - tallest), np.searchsorted(tops, boxes[:, 2])
    is_left, kept = np.ones(len(boxes), bool), []
    for i in range(len(boxes)):
        if is_left[i]:
            kept.append(i)
            near = by_top[first[i] : last[i]]
            near = near[is_left[near]]
            is_left[near[_overlap(boxes[i], boxes[near], by=by) > above]] = False
    return kept


def _overlap(box: NDArray[np.float64], others: Boxes, *, by: MergeBy) -> NDArray[np.float64]:
    """``[q]`` in [0, 1]."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = sides.clip(min=0).prod(1)
    own, theirs = (box[2:] - box[:2]).prod(), (others[:, 2:] - others[:, :2]).prod(1)
    whole: NDArray[np.float64] = np.minimum(own, theirs) if by == "smaller" else own + theirs - shared
    return shared / whole


def _area_px(each: Finding) -> float:
    top, left, bottom, right = each.box_px
    return (bottom - top) * (right - left)
