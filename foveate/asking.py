"""What is asked of pictures, checked, and put in the loop's terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np

from foveate.episode import Player
from foveate.errors import BudgetError, UsageError, suggest
from foveate.evaluation.record import here
from foveate.evaluation.rules import can_follow, rules_for
from foveate.stopping import STOP_RULES
from foveate.stopping.budgets import BudgetTable
from foveate.stopping.limits import Limits
from foveate.stopping.risk import RiskPoint
from foveate.stopping.stopper import Stopper
from foveate.stopping.units import Budget
from foveate.system import System
from foveate.tasks import TASKS

NO_RULE = "none"  # as a stop rule: look as often as allowed

Amount = str | float | Budget
SEARCH = ("budget", "limit", "stop_rule", "max_looks")  # what says how long is searched


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How a picture is to be looked at; arguments of every method of :class:`foveate.looker.Looker`."""

    budget: Amount | None = None
    """Mean cost over pictures ("2 looks", "1.5GMAC", "20ms"), by thresholds that calibration solved."""
    limit: Amount | Sequence[Amount] | None = None
    """Most that any single picture may cost ("20000px"); several in different units may be given."""
    stop_rule: str | None = None
    """A calibrated rule; None: the table's default; "none": look as often as allowed."""
    max_looks: int | None = None
    defer_below: float | None = None
    """Pictures of which the answer is less certain than this are "deferred". None: as `foveate calibrate --risk` found
    for this very search, which is also what is asked where nothing is; without it, none are."""
    on_defer: Literal["say", "scan"] = "say"
    """What becomes of a deferred picture: said, or read on tile by tile until something is found or all was read."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Raises UsageError for an unknown argument."""
        known = list(cls.__dataclass_fields__)
        for key in values:
            if key not in known:
                raise UsageError(f"unknown argument {key!r}.{suggest(key, known)} Known: {', '.join(known)}")
        return cls(**values)

    @property
    def search(self) -> dict[str, str | int | None]:
        """How long is searched, in plain values."""
        values = {name: getattr(self, name) for name in SEARCH}
        return {name: value if value is None or name == "max_looks" else str(value) for name, value in values.items()}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What was asked, in the loop's terms."""

    player: Player
    limits: Limits | None
    rule: str | None
    defer_below: float | None
    scans: bool
    """Whether what is deferred is read on."""


@dataclass(frozen=True, kw_only=True)
class Planner:
    """What is known of a model that decides what may be asked of it."""

    system: System
    budgets: BudgetTable | None = None
    risk: RiskPoint | None = None
    name: str = "DIR"
    """What messages call the model's folder."""

    def price(self, looks: int) -> dict[str, float]:
        """What sensing so many looks costs, per unit that is the same for all pictures; no policy, critic or answer."""
        model, price = self.system.model, self.system.model.price()
        glance, focus = (int(np.prod(model.glimpse_size_px(i))) for i in (0, 1))
        opened = glance if model.opening == "glance" else 0
        return {"looks": looks, "px": opened + looks * focus, "macs": int(price.sensed(looks))}

    def plan(self, asked: Asked, batch_size: int) -> Plan:
        """Raises UsageError and BudgetError, with the remedy."""
        if self.risk is not None and not any(value is not None for value in asked.search.values()):
            searched: Any = self.risk.search
            asked = replace(asked, **searched)
        self._check_looks(asked.max_looks)
        stop: Any = self._stopper(asked, batch_size)
        parts, limits = self.system, self._limits(asked)
        player = Player(
            model=parts.model, policy=parts.policy, critic=parts.critic, task=parts.task, stop=stop,
            limits=limits, max_looks=asked.max_looks,
        )  # fmt: skip
        default = self.budgets.default_rule if self.budgets is not None else None
        return Plan(
            player=player,
            limits=limits,
            rule=None if stop is None else asked.stop_rule or default,
            defer_below=self._defer_below(asked),
            scans=asked.on_defer == "scan",
        )

    def remark(self, asked: Asked) -> str | None:
        """What to know before relying on it: a budget above what all looks took in the calibration buys no more."""
        if self.budgets is None or asked.budget is None or asked.stop_rule == NO_RULE:
            return None
        wanted = Budget.parse(asked.budget)
        _, most = self.budgets.extremes(wanted.unit, rule=asked.stop_rule)
        if wanted.amount <= most.amount:
            return None
        data = TASKS.facts(self.system.spec.task.name).get("held_out", "RECIPE")
        return (
            f"beware: {self.name} was calibrated for budgets of up to {most}; {wanted} buys no more than that. To look "
            f"further, run `foveate calibrate {self.name} --data {data} --looks N`, or give --stop-rule none --limit "
            f'"{wanted}"'
        )

    def _check_looks(self, looks: Any) -> None:
        if looks is not None and (not isinstance(looks, int) or looks < 0):
            raise UsageError(f"max_looks is {looks!r}; it must be a whole number of at least 0")
        most = self.system.model.max_looks
        if looks is not None and most is not None and looks > most:
            raise UsageError(f"max_looks is {looks}; the model of {self.name} has room for {most}: give 0 to {most}")

    def _defer_below(self, asked: Asked) -> float | None:
        if asked.on_defer not in ("say", "scan"):
            raise UsageError(f"on_defer is {asked.on_defer!r}; allowed are 'say' and 'scan'")
        if asked.defer_below is not None:
            if not 0 <= asked.defer_below <= 1:
                raise UsageError(f"defer_below is {asked.defer_below}; a certainty is between 0 and 1")
            return asked.defer_below
        if self.risk is not None and self.risk.search == asked.search:
            return self.risk.threshold
        if asked.on_defer == "scan":
            told = "" if self.risk is None else f" (its risk was calibrated for another search: {_told(self.risk)})"
            raise UsageError(
                f"nothing says which pictures the model of {self.name} shall scan{told}: give defer_below, or run "
                f"`foveate calibrate {self.name} --risk 0.02`"
            )
        return None

    def _stopper(self, asked: Asked, batch_size: int) -> Stopper | None:
        rule = asked.stop_rule
        if rule == NO_RULE:
            if asked.budget is not None:
                raise UsageError('a budget needs a stop rule to keep it: leave out stop_rule="none", or the budget')
            return None
        if rule is not None and rule not in STOP_RULES:
            raise UsageError(f"unknown stop rule {rule!r}.{suggest(rule, STOP_RULES)} Known: {', '.join(STOP_RULES)}")
        if self.budgets is None:
            if asked.budget is None and rule is None:
                return None
            raise self._uncalibrated(asked)
        budget = asked.budget if asked.budget is not None else self.budgets.full_score_budget(rule=rule)
        here_now = here(self.budgets.origin.split, batch_size, self.system)  # budgets in ms hold on their machine only
        return self.budgets.stopper(budget, rule=rule, here=here_now)

    def _uncalibrated(self, asked: Asked) -> UsageError | BudgetError:
        rule = asked.stop_rule
        if rule is not None and not can_follow(self.system, rule):
            return UsageError(
                f"the stop rule {rule!r} needs a critic, which the model of {self.name} lacks: choose one of "
                f"{', '.join(rules_for(self.system))}"
            )
        wanted = "a budget" if asked.budget is not None else f"the stop rule {rule!r}"
        data = TASKS.facts(self.system.spec.task.name).get("held_out", "RECIPE")
        return BudgetError(
            f"{self.name}: this model was not calibrated, so {wanted} has no thresholds; "
            f"run `foveate calibrate {self.name} --data {data}`, or give a limit or max_looks instead"
        )

    def _limits(self, asked: Asked) -> Limits | None:
        if asked.limit is None:
            return None
        texts = asked.limit if isinstance(asked.limit, list | tuple) else [asked.limit]
        least = self.price(0)
        least["macs"] += int(self.system.model.price().predict(0))
        return Limits.parse(*texts, opening=least)


def _told(risk: RiskPoint) -> str:
    asked = {name: value for name, value in risk.search.items() if value is not None}
    return ", ".join(f"{name} {value}" for name, value in asked.items()) or "nothing asked"
