"""How many tiles a search may still read: a budget is a hard cap here, not a mean.

"200 tiles" (or a plain number); "5 %" of all tiles; "5 %px" or "40 Mpx" of what the tile model is shown, where tiles
that overlap count with repetition, as in :mod:`foveate.stopping.units`; "20 s" since the search was asked for, whatever
it does in that time: no batch begins that would end later at the pace of the slowest so far.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from foveate.errors import BudgetError, UsageError
from foveate.searching.tiling import Tiles
from foveate.stopping.units import UNITS, Budget

ROUNDING = 1e-9  # relative: 3 % of 100 tiles are 3, whatever the floating point product says
EXAMPLES = "'200 tiles', '5 %' (of the tiles), '5 %px', '40 Mpx', '20 s', or None for all tiles"
PERCENT = re.compile(r"(?P<amount>[^%]*)%\s*")

Clock = Callable[[], float]


@dataclass(kw_only=True)
class Allowance:
    """What is left of a budget."""

    most_tiles: int
    most_s: float
    clock: Clock
    start_s: float
    slowest_s: float = 0.0
    """That a batch took so far."""

    @classmethod
    def of(cls, budget: str | float | Budget | None, tiles: Tiles, *, clock: Clock, start_s: float) -> Self:
        """Raises UsageError for a budget that cannot be kept, BudgetError for one that is less than a tile."""
        most_tiles, most_s = _caps(budget, tiles)
        return cls(most_tiles=min(most_tiles, len(tiles)), most_s=most_s, clock=clock, start_s=start_s)

    @property
    def elapsed_s(self) -> float:
        return self.clock() - self.start_s

    def left(self, shown: int) -> int:
        """Tiles that may still be read, after so many were shown."""
        is_late = self.elapsed_s + self.slowest_s >= self.most_s
        return 0 if is_late else self.most_tiles - shown


def _caps(budget: str | float | Budget | None, tiles: Tiles) -> tuple[int, float]:
    """The most tiles, and the most seconds."""
    if budget is None:
        return len(tiles), math.inf
    if isinstance(budget, str) and (share := PERCENT.fullmatch(budget)):
        each = 100 / len(tiles)
        return _whole_tiles(budget, _parsed(f"{share['amount']} tiles", budget).amount, each=each, unit="%"), math.inf
    parsed = _parsed(budget, budget)
    if parsed.unit == "ms":
        return len(tiles), parsed.amount / 1e3
    (height, width), (down, across) = tiles.scene_px, tiles.tile_px
    takes = {"tiles": 1.0, "looks": 1.0, "px": float(down * across), "pct_px": 100 * down * across / (height * width)}
    if parsed.unit not in takes:
        raise UsageError(
            f"a budget of {parsed} cannot be kept: what a tile takes of that is known only afterwards; write {EXAMPLES}"
        )
    return _whole_tiles(budget, parsed.amount, each=takes[parsed.unit], unit=UNITS[parsed.unit].scales[-1][0]), math.inf


def _parsed(text: Any, budget: object) -> Budget:
    try:
        return Budget.parse(text)
    except UsageError as error:
        raise UsageError(f"cannot read the budget {budget!r}; write {EXAMPLES}") from error


def _whole_tiles(budget: object, amount: float, *, each: float, unit: str) -> int:
    count = math.floor(amount / each * (1 + ROUNDING))
    if count < 1:
        raise BudgetError(
            f"a budget of {budget} is less than one tile; the lowest possible one is {each:.4g} {unit}", nearest=each
        )
    return count
