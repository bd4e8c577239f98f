"""What a search gave: each tile with what the callback said of it, and all findings as those of one picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from foveate.answers import Box, Cost, Outcome
from foveate.findings import Finding, Found
from foveate.plain import plain
from foveate.words import counted


@dataclass(frozen=True, kw_only=True)
class SeenTile:
    """A tile that the callback saw."""

    box_px: Box
    """(top, left, bottom, right) in whole pixels of the picture."""
    result: Any
    """Whatever the callback gave, in its own coordinates."""


@dataclass(frozen=True, kw_only=True)
class LostTile:
    """A tile of which nothing is known, and why."""

    box_px: Box
    error: Exception


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a search is, after a batch."""

    tiles: tuple[SeenTile, ...]
    """Of this batch, in the order visited."""
    looked: int
    """So far."""
    most_tiles: int
    """That the budget allows; a search may end earlier."""
    seconds: float


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """What :func:`foveate.search` gives."""

    found: Found
    """Merged findings in pixels of the picture, best first, ready for :func:`foveate.exports.save_found`."""
    tiles: tuple[SeenTile, ...]
    """In the order visited."""
    num_tiles: int
    """That there are, at this tile size and overlap."""
    read_frac: float
    """Share of the picture under the tiles that the callback was shown; where they overlap it counts once."""
    decoded_px: int
    """Pixels that had to be decoded of the file, of overview and tiles; 0 for pictures in memory."""
    read_bytes: int
    """Bytes that had to be fetched of the file, likewise."""
    seconds: float
    """Since the search was asked for; the callback's among them."""
    frontier: str
    """What said where to begin."""
    frontier_looks_px: tuple[Box, ...]
    """Where a model looked for that."""
    frontier_cost: Cost
    """What that took; it is no part of a budget in tiles or pixels, but of all counts here."""
    failed: tuple[LostTile, ...]
    """Where the callback raised, with ``on_error="skip"``."""
    broken: tuple[LostTile, ...]
    """Where the file is damaged: not shown to the callback."""
    has_detections: bool
    """Whether anything that the callback gave was detections; else nothing could be found in it."""
    class_ids: Mapping[str, int]
    """Numbers that the callback gave for the labels."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.found.findings

    @property
    def outcome(self) -> Outcome:
        """ "stopped" where ``stop`` said so; else "truncated": the budget, or the last tile, was reached."""
        return self.found.outcome

    @property
    def looked(self) -> int:
        """Tiles that the callback was shown."""
        return len(self.tiles) + len(self.failed)

    def to_supervision(self) -> Any:
        """A ``supervision.Detections`` as of :meth:`foveate.findings.Found.to_supervision`, with the callback's own
        class numbers if it gave one for every label that was found."""
        detections = self.found.to_supervision()
        if all(label in self.class_ids for label in (each.label for each in self.findings)):
            detections.class_id = np.array([self.class_ids[each.label] for each in self.findings], np.int64)
        return detections

    def to_plain(self) -> dict[str, Any]:
        """Plain values for JSON; of each tile its box alone, as what the callback gave may be anything."""
        values: dict[str, Any] = plain({
            **self.found.to_plain(),
            "tiles": [each.box_px for each in self.tiles],
            "num_tiles": self.num_tiles,
            "frontier": {"name": self.frontier, "looks": self.frontier_looks_px, "cost": self.frontier_cost},
            "failed": [_lost(each) for each in self.failed],
            "broken": [_lost(each) for each in self.broken],
        })  # fmt: skip
        return values

    def __str__(self) -> str:
        lost = [("failed", self.failed), ("are damaged", self.broken)]
        extra = "".join(f"; {len(tiles)} {what}" for what, tiles in lost if tiles)
        found = counted(len(self.findings), "finding") if self.has_detections else "no detections were given"
        return (
            f"{found} in {self.looked} of {counted(self.num_tiles, 'tile')} "
            f"({100 * self.read_frac:.3g} % of the picture, {self.seconds:.3g} s; {self.outcome}{extra})"
        )


def _lost(tile: LostTile) -> dict[str, Any]:
    return {"box_px": tile.box_px, "error": f"{type(tile.error).__name__}: {tile.error}"}
