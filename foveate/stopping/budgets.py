"""The content of a model folder's `budgets.json`: thresholds for any budget, in any unit, for every calibrated rule."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from foveate.atomic import write_json
from foveate.errors import BudgetError, ModelFolderError
from foveate.stopping import STOP_RULES
from foveate.stopping.budget_path import BudgetPath, fit_path, follows
from foveate.stopping.calibrate import check_possible
from foveate.stopping.stopper import Stopper
from foveate.stopping.traces import Origin, Traces
from foveate.stopping.units import Budget

FORMAT_VERSION = 1
NUM_POINTS = 33
_REMEDY = "run `foveate calibrate` with this model here"


@dataclass(frozen=True, kw_only=True)
class BudgetTable:
    """Calibrated rules. A budget is a mean over scenes like those of the calibration; ``limits.py`` has hard caps."""

    num_scenes: int
    """How many scenes calibrated it."""
    origin: Origin
    default_rule: str
    rules: Mapping[str, tuple[BudgetPath, ...]]
    """Per rule, paths that cover different units."""

    @classmethod
    def build(
        cls, traces: Traces, *, rules: Iterable[str], units: Iterable[str] | None = None, num_points: int = NUM_POINTS
    ) -> Self:
        """Calibrate rules (the first is the default) for units (all of the traces' by default).

        Looks are always among them. Units whose cost follows an earlier one share its path: it is the same problem.
        Raises BudgetError for traces without a look.
        """
        if traces.max_depth == 0:
            raise BudgetError(
                f"not one look was taken at any of {traces.num_scenes} scenes, and without looks there are no budgets: "
                "give larger scenes, or a model with smaller glimpses"
            )
        names = list(rules)
        wanted = ["looks", *(unit for unit in units or traces.costs if unit != "looks")]
        return cls(
            num_scenes=traces.num_scenes,
            origin=traces.origin,
            default_rule=names[0],
            rules={name: _paths(traces, name, wanted, num_points) for name in names},
        )

    def thresholds_for(
        self, budget: str | float | Budget, *, rule: str | None = None, here: Origin | None = None
    ) -> NDArray[np.float64]:
        """Thresholds for :class:`foveate.stopping.stopper.Stopper`, for a mean budget such as "2.0 looks" or "20ms".

        Any budget between zero looks and full length is met within 2 % on the calibration scenes, or within one scene's
        step if they are few; one above gets full length. ``here`` describes the machine, batch size and threads in use,
        which a budget in ms must match. Raises BudgetError if the budget is below that of zero looks, or not calibrated
        for this rule, unit or machine.
        """
        wanted = Budget.parse(budget)
        path = self._path(wanted, rule, here)
        return path.at(wanted.unit, wanted.amount)

    def stopper(self, budget: str | float | Budget, *, rule: str | None = None, here: Origin | None = None) -> Stopper:
        """The stop rule with its thresholds, ready for the loop. Arguments and errors as :meth:`thresholds_for`."""
        thresholds = self.thresholds_for(budget, rule=rule, here=here)
        longest = math.ceil(self.extremes("looks", rule=rule)[1].amount)
        return Stopper(rule=STOP_RULES.get(rule or self.default_rule), thresholds=thresholds, max_looks=longest)

    def expected_score(
        self, budget: str | float | Budget, *, rule: str | None = None, here: Origin | None = None
    ) -> float:
        """Mean score on the calibration scenes. Arguments and errors as :meth:`thresholds_for`."""
        wanted = Budget.parse(budget)
        return self._path(wanted, rule, here).score(wanted.unit, wanted.amount)

    def extremes(self, unit: str, *, rule: str | None = None) -> tuple[Budget, Budget]:
        """Mean cost of zero looks and of full length."""
        costs = self._covering(unit, rule).costs[unit]
        return Budget(float(costs[0]), unit), Budget(float(costs[-1]), unit)

    def full_score_budget(self, unit: str = "looks", *, rule: str | None = None, may_lose: float = 0.0) -> Budget:
        """The lowest solved budget whose score on the calibration scenes is at most ``may_lose`` below that of all."""
        path = self._covering(unit, rule)
        is_enough = path.scores >= path.scores[-1] - may_lose - 1e-12
        return Budget(float(path.costs[unit][int(np.argmax(is_enough))]), unit)

    def save(self, path: str | os.PathLike[str]) -> None:
        write_json(path, self.to_dict())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a table; raises ModelFolderError that says what is wrong and what to do."""
        try:
            return cls.from_dict(json.loads(Path(path).read_bytes()))
        except (OSError, ValueError) as error:
            raise ModelFolderError(f"{path}: cannot read the budgets ({error}); {_REMEDY}") from error
        except ModelFolderError as error:
            raise ModelFolderError(f"{path}: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; every number is finite."""
        return {
            "format": FORMAT_VERSION,
            "num_scenes": self.num_scenes,
            "origin": asdict(self.origin),
            "default_rule": self.default_rule,
            "rules": {name: [_path_to_dict(path) for path in paths] for name, paths in self.rules.items()},
        }

    @classmethod
    def from_dict(cls, content: Any) -> Self:
        version = content.get("format") if isinstance(content, dict) else None
        if not isinstance(version, int):
            raise ModelFolderError(f"this is not a budget table (it has no format number); {_REMEDY}")
        if version > FORMAT_VERSION:
            raise ModelFolderError(
                f"the budgets have format {version}, written by a newer foveate; this one reads up to "
                f"{FORMAT_VERSION}: upgrade foveate"
            )
        try:
            own = {key: value for key, value in content.items() if key != "format"}
            own["origin"] = Origin(**own["origin"])
            own["rules"] = {name: tuple(map(_path_from_dict, paths)) for name, paths in own["rules"].items()}
            return cls(**own)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelFolderError(
                f"the budgets have a missing, unknown or damaged entry ({error}); {_REMEDY}"
            ) from error

    def _path(self, budget: Budget, rule: str | None, here: Origin | None) -> BudgetPath:
        path = self._covering(budget.unit, rule)
        if budget.unit == "ms":
            self._check_machine(here)
        check_possible(budget.amount, budget.unit, least=float(path.costs[budget.unit][0]))
        return path

    def _covering(self, unit: str, rule: str | None) -> BudgetPath:
        name = rule or self.default_rule
        if name not in self.rules:
            known = ", ".join(sorted(self.rules)) or "none"
            raise BudgetError(f"the stop rule {name!r} is not calibrated, only: {known}; {_REMEDY}")
        for path in self.rules[name]:
            if unit in path.costs:
                return path
        known = ", ".join(sorted(unit for path in self.rules[name] for unit in path.costs))
        raise BudgetError(f"budgets in {unit} are not calibrated for the rule {name!r}, only: {known}; {_REMEDY}")

    def _check_machine(self, here: Origin | None) -> None:
        """Milliseconds hold for the machine, batch size and threads that they were measured with."""
        for part in ("device", "batch_size", "num_threads"):
            ours, theirs = getattr(self.origin, part), getattr(here, part, None)
            if ours != theirs:
                raise BudgetError(
                    f"the budgets in ms were measured with {part.replace('_', ' ')} {ours!r}, here it is {theirs!r}; "
                    f"{_REMEDY}, or give the budget in another unit"
                )


def _paths(traces: Traces, name: str, units: list[str], num_points: int) -> tuple[BudgetPath, ...]:
    rule = STOP_RULES.get(name)
    groups: list[list[str]] = []
    for unit in units:
        cost = traces.cost(rule, unit)
        group = next((group for group in groups if follows(cost, traces.cost(rule, group[0]))), None)
        if group is None:
            groups.append([unit])
        else:
            group.append(unit)
    return tuple(fit_path(traces, rule, group, num_points=num_points) for group in groups)


def _path_to_dict(path: BudgetPath) -> dict[str, Any]:
    plain = {field.name: getattr(path, field.name) for field in fields(path)}
    costs = {unit: costs.tolist() for unit, costs in path.costs.items()}
    return {name: costs if name == "costs" else array.tolist() for name, array in plain.items()}


def _path_from_dict(content: dict[str, Any]) -> BudgetPath:
    arrays = {name: np.asarray(value, np.float64) for name, value in content.items() if name != "costs"}
    costs = {unit: np.asarray(values, np.float64) for unit, values in content["costs"].items()}
    path = BudgetPath(costs=costs, **arrays)
    if not all(np.isfinite(array).all() for array in (*arrays.values(), *costs.values())):
        raise ValueError("a number is not finite")
    knots, columns = path.thresholds.shape
    for name, array in (("scores", path.scores), *costs.items()):
        if array.shape != (knots,):
            raise ValueError(f"{name} has {array.shape} entries for {knots} knots")
    if path.low_edge.shape != (columns,) or path.high_edge.shape != (columns,):
        raise ValueError("the edges and the thresholds differ in length")
    if (np.diff(path.thresholds, axis=0) > 0).any() or any((np.diff(values) < 0).any() for values in costs.values()):
        raise ValueError("thresholds must not rise and costs must not fall along the knots")
    return path
