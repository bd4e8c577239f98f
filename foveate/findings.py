"""What was found in a big picture: labels with boxes, and what became of the picture they are in.

Boxes are (top, left, bottom, right) in pixels of the full-resolution picture; pixel corners are whole numbers. Files of
them are written by :mod:`foveate.exports`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from foveate.answers import OUTCOMES, Box, Outcome
from foveate.errors import UsageError
from foveate.geometry.georeference import maps_onto_area, placed
from foveate.plain import plain


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was found. Raises UsageError for a score or a box that cannot be."""

    label: str
    score: float
    """Probability that one is there, in [0, 1]."""
    box_px: Box
    """Finite and in order. It may stick out of the picture."""

    def __post_init__(self) -> None:
        score, box_px = float(self.score), tuple(float(side) + 0.0 for side in self.box_px)  # + 0.0: -0.0 becomes 0.0
        if not isinstance(self.label, str) or not self.label:
            raise UsageError(f"label is {self.label!r}; it must be a text that is not empty")
        if not 0 <= score <= 1:
            raise UsageError(f"score of {self.label!r} is {score}; a probability is between 0 and 1")
        if len(box_px) != 4 or not all(isfinite(side) for side in box_px):
            raise UsageError(f"box_px of {self.label!r} is {box_px}; it must be four finite numbers")
        top, left, bottom, right = box_px
        if top > bottom or left > right:
            raise UsageError(
                f"box_px of {self.label!r} is {box_px}; it reads (top, left, bottom, right), with top <= bottom "
                "and left <= right"
            )
        object.__setattr__(self, "score", score + 0.0)
        object.__setattr__(self, "box_px", box_px)

    @property
    def middle_px(self) -> tuple[float, float]:
        """(row, col)."""
        top, left, bottom, right = self.box_px
        return (top + bottom) / 2, (left + right) / 2

    def clipped(self, size_px: tuple[int, int]) -> Finding | None:
        """Cut at the border of a picture of (height, width); None where no area is left."""
        (height, width), (top, left, bottom, right) = size_px, self.box_px
        box_px = max(top, 0.0), max(left, 0.0), min(bottom, float(height)), min(right, float(width))
        is_area = box_px[0] < box_px[2] and box_px[1] < box_px[3]
        return replace(self, box_px=box_px) if is_area else None


@dataclass(frozen=True, kw_only=True)
class Found:
    """What became of one picture. Raises UsageError for a size, an outcome or a transform that cannot be."""

    picture: str
    """Path or address."""
    size_px: tuple[int, int]
    """(height, width)."""
    findings: tuple[Finding, ...]
    """Best first. Put in this order here, cut at the picture's border; those that cover nothing of it are left out, as
    no format knows boxes without an area."""
    outcome: Outcome
    answer: Mapping[str, Any]
    """In the task's words: :meth:`foveate.core.Task.answers`."""
    cost: Mapping[str, Any]
    """In plain values, as of :class:`foveate.answers.Cost`."""
    geo_transform: tuple[float, ...] | None
    """(a, b, c, d, e, f): x = a col + b row + c and y = d col + e row + f, for pixel corners; None: not known."""
    crs: str | None
    """What x and y are in, for instance "EPSG:32633"; None: not known."""

    def __post_init__(self) -> None:
        height, width = (int(side) for side in self.size_px)
        if height < 1 or width < 1:
            raise UsageError(f"{self.picture}: size_px is {self.size_px}; it must be at least one pixel either way")
        if self.outcome not in OUTCOMES:
            raise UsageError(f"{self.picture}: outcome is {self.outcome!r}; allowed are {', '.join(OUTCOMES)}")
        inside = [cut for each in self.findings if (cut := each.clipped((height, width)))]
        object.__setattr__(self, "size_px", (height, width))
        object.__setattr__(self, "findings", tuple(sorted(inside, key=lambda each: -each.score)))
        if self.geo_transform is not None:
            object.__setattr__(self, "geo_transform", tuple(float(each) + 0.0 for each in self.geo_transform))
            self._check_transform()

    def to_geo(self, row_px: float, col_px: float) -> tuple[float, float]:
        """(x, y) in the reference system, of a place in pixels. Raises UsageError where nothing says where it lies."""
        if self.geo_transform is None:
            raise UsageError(f"{self.picture}: nothing says where on the globe it lies")
        return placed(self.geo_transform, row_px, col_px)

    def to_plain(self) -> dict[str, Any]:
        """Plain values for JSON, under the names of the fields."""
        values: dict[str, Any] = plain(self)
        return values

    def to_supervision(self, class_names: Sequence[str] | None = None) -> Any:
        """The findings as a ``supervision.Detections`` where that package is installed, else as one of our own with
        the same attributes: see :func:`foveate.exports.supervision.detections`."""
        from foveate.exports.supervision import detections

        return detections(self, class_names=class_names)

    def _check_transform(self) -> None:
        assert self.geo_transform is not None
        if len(self.geo_transform) != 6:
            raise UsageError(f"{self.picture}: geo_transform has {len(self.geo_transform)} numbers; it must have six")
        if not maps_onto_area(self.geo_transform, self.size_px):
            raise UsageError(
                f"{self.picture}: geo_transform is {self.geo_transform}; it must be finite and map the picture onto an "
                "area: leave it out (None) if it is not known"
            )
