"""Units of budgets and limits, and reading them: "2 looks", "1.5GMAC", "20ms", "4000px", "12%px", "300kB", "8tiles".

A plain number means looks. Amounts are kept in the base unit of the ledger (macs, bytes, ...). The opening glance
counts in every unit but looks.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Self

from foveate.errors import UsageError, suggest


@dataclass(frozen=True, kw_only=True)
class Unit:
    """How a unit is read and shown."""

    name: str
    """Key of the ledger and of cost matrices."""
    scales: tuple[tuple[str, float], ...]
    """(symbol, base units), largest first; the largest that leaves a number >= 1 is shown."""
    spellings: tuple[tuple[str, float], ...] = ()
    """Further symbols that are read."""

    def show(self, amount: float) -> str:
        symbol, scale = next((pair for pair in self.scales if amount >= pair[1]), self.scales[-1])
        return f"{amount / scale:.4g} {symbol}"


_MACS = (("GMAC", 1e9), ("MMAC", 1e6), ("kMAC", 1e3), ("MAC", 1))
UNITS: dict[str, Unit] = {
    unit.name: unit
    for unit in (
        Unit(name="looks", scales=(("looks", 1),), spellings=(("look", 1), ("glimpses", 1), ("glimpse", 1))),
        Unit(name="macs", scales=_MACS, spellings=tuple((f"{symbol}s", scale) for symbol, scale in _MACS)),
        Unit(name="ms", scales=(("ms", 1),), spellings=(("s", 1e3),)),
        Unit(name="px", scales=(("Mpx", 1e6), ("kpx", 1e3), ("px", 1))),
        Unit(name="pct_px", scales=(("%px", 1),), spellings=(("%", 1), ("pct_px", 1))),
        Unit(name="bytes", scales=(("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1)), spellings=(("bytes", 1),)),
        Unit(name="tiles", scales=(("tiles", 1),), spellings=(("tile", 1),)),
    )
}
_SPELLINGS = {  # case-folded symbol -> (unit name, base units)
    symbol.casefold(): (unit.name, scale)
    for unit in UNITS.values()
    for symbol, scale in (*unit.scales, *unit.spellings)
}
_PATTERN = re.compile(r"\s*(?P<amount>[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?)\s*(?P<unit>%?\s*[a-z_]*)\s*", re.IGNORECASE)
EXAMPLES = "'2 looks', '1.5GMAC', '20ms', '4000px', '12%px', '300kB', '8tiles', or a number of looks"


@dataclass(frozen=True)
class Budget:
    """An amount of one unit, in base units: a calibrated mean (``budget=``) or a hard cap per scene (``limit=``)."""

    amount: float
    unit: str

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise UsageError(f"unknown unit {self.unit!r}.{suggest(self.unit, UNITS)} Known: {', '.join(UNITS)}")
        if not (math.isfinite(self.amount) and self.amount >= 0):
            raise UsageError(f"a budget must be a finite amount of at least 0, not {self.amount}")

    @classmethod
    def parse(cls, text: str | float | Self) -> Self:
        """Read a budget; a plain number means looks. Raises UsageError that shows how to write one."""
        if isinstance(text, cls):
            return text
        if isinstance(text, bool) or not isinstance(text, (str, int, float)):
            raise UsageError(f"a budget is a text or a number, not {text!r}; write {EXAMPLES}")
        if not isinstance(text, str):
            return cls(float(text), "looks")
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise UsageError(f"cannot read the budget {text!r}; write {EXAMPLES}")
        spelling = re.sub(r"\s", "", match["unit"]).casefold() or "looks"
        if spelling not in _SPELLINGS:
            hint = suggest(spelling, [symbol for unit in UNITS.values() for symbol, _ in unit.scales])
            raise UsageError(f"unknown unit {match['unit']!r} in the budget {text!r}.{hint} Write {EXAMPLES}")
        unit, scale = _SPELLINGS[spelling]
        return cls(float(match["amount"]) * scale, unit)

    def __str__(self) -> str:
        return UNITS[self.unit].show(self.amount)
