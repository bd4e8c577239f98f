"""Hard caps per scene, checked before a look is issued: a row whose next look could pass a cap is truncated instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foveate.errors import BudgetError, IncompatibleError, UsageError
from foveate.stopping.units import Budget

ROUNDING = 1e-9  # relative: three looks of 4 % are 12 %, whatever the floating point sum says


@dataclass(frozen=True, kw_only=True)
class Limits:
    """At most this much per scene, in base units of the ledger; None means no cap in this unit."""

    looks: float | None = None
    macs: float | None = None
    ms: float | None = None
    px: float | None = None
    pct_px: float | None = None
    bytes: float | None = None
    tiles: float | None = None

    def __post_init__(self) -> None:
        for unit, cap in self.caps.items():
            Budget(cap, unit)  # refuses negative, infinite and NaN caps

    @classmethod
    def parse(cls, *texts: str | float | Budget, opening: Mapping[str, ArrayLike] | None = None) -> Self:
        """Caps written as budgets ("4 looks", "20ms"), one per unit; ``opening`` as in :meth:`check`."""
        caps: dict[str, float] = {}
        for budget in map(Budget.parse, texts):
            if budget.unit in caps:
                raise UsageError(f"two limits in one unit ({budget.unit}): give the lower one only")
            caps[budget.unit] = budget.amount
        limits = cls(**caps)
        limits.check(opening or {})
        return limits

    @property
    def caps(self) -> dict[str, float]:
        """Amount per unit, of the units that have a cap."""
        every = {field.name: getattr(self, field.name) for field in fields(self)}
        return {unit: cap for unit, cap in every.items() if cap is not None}

    def check(self, opening: Mapping[str, ArrayLike]) -> None:
        """Refuse a cap below the cost of the opening and its answer, which cannot be left out.

        ``opening`` gives that cost per unit, as a number or per scene ``[n]``; units it lacks are not checked.
        """
        for unit, cap in self.caps.items():
            least = float(np.max(opening.get(unit, 0.0)))
            if least > cap * (1 + ROUNDING):
                raise BudgetError(
                    f"a limit of {Budget(cap, unit)} is below the opening and its answer, which take "
                    f"{Budget(least, unit)}: nothing can be answered for less; the lowest possible limit is that",
                    nearest=least,
                )

    def reached(
        self, spent: Mapping[str, NDArray[np.floating]], next_cost: Mapping[str, NDArray[np.floating]]
    ) -> NDArray[np.bool_]:
        """Whether one more look could pass a cap ``[n]``, of what was spent and may be spent next, each ``[n]``."""
        self._check_measured(spent, next_cost)
        done = np.zeros(len(next(iter(spent.values()))), bool)
        for unit, cap in self.caps.items():
            done |= spent[unit] + next_cost[unit] > cap * (1 + ROUNDING)
        return done

    def remaining(self, spent: Mapping[str, NDArray[np.floating]]) -> NDArray[np.float64]:
        """Share of the tightest cap that is left ``[n]``, in [0, 1]; 1 without caps."""
        self._check_measured(spent)
        left = np.ones(len(next(iter(spent.values()))))
        for unit, cap in self.caps.items():
            left = np.minimum(left, 1 - spent[unit] / cap if cap > 0 else 0.0)
        return left.clip(0.0, 1.0)

    def _check_measured(self, *costs: Mapping[str, NDArray[np.floating]]) -> None:
        missing = sorted(unit for unit in self.caps if any(unit not in cost for cost in costs))
        if missing:
            raise IncompatibleError(
                f"a limit in {', '.join(missing)} cannot be kept here: only {', '.join(sorted(costs[0]))} are measured"
            )
