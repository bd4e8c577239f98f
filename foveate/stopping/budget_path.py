"""One rule's thresholds as a function of the budget: nested knots, straight lines between them.

A model folder carries no traces, so a budget that was never solved for is interpolated. Where a straight line between
two solved budgets would miss the cost, further knots are put in, until any budget is met within the tolerance on the
calibration scenes. Thresholds never rise with the budget, so a lower budget never makes a scene look further.

Shape letters: K knots, C thresholds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from foveate.core import StopRule
from foveate.stopping.calibrate import expand
from foveate.stopping.nested import nested_positions
from foveate.stopping.problem import ROUNDING, Positions, Problem
from foveate.stopping.traces import Matrix, Traces

TOLERANCE = 0.02  # relative: the promise for any budget
_PROBES = 16  # per straight line


@dataclass(frozen=True, kw_only=True)
class BudgetPath:
    """Knots from zero looks to full length."""

    costs: Mapping[str, NDArray[np.float64]]  # [K] realised mean cost per unit, non-decreasing
    scores: NDArray[np.float64]  # [K] mean score
    thresholds: NDArray[np.float64]  # [K, C] non-increasing along K, within the edges
    low_edge: NDArray[np.float64]  # [C] finite stand-in for -inf, below every signal seen
    high_edge: NDArray[np.float64]  # [C] finite stand-in for +inf, above every signal seen

    def at(self, unit: str, amount: float) -> NDArray[np.float64]:
        """Thresholds ``[C]`` for a mean cost; ±inf where every or no calibration scene went on."""
        knot, way = self._place(unit, amount)
        low, high = self.thresholds[min(knot + 1, len(self.scores) - 1)], self.thresholds[knot]
        between = np.maximum(high + way * (low - high), low)  # rounding must not break the order
        return np.where(between >= self.high_edge, np.inf, np.where(between <= self.low_edge, -np.inf, between))

    def score(self, unit: str, amount: float) -> float:
        """Expected mean score, interpolated."""
        knot, way = self._place(unit, amount)
        following = min(knot + 1, len(self.scores) - 1)
        return float(self.scores[knot] + way * (self.scores[following] - self.scores[knot]))

    def _place(self, unit: str, amount: float) -> tuple[int, float]:
        """The knot before an amount, and the share of the way to the next one."""
        costs = self.costs[unit]
        if amount <= costs[0] * (1 + ROUNDING):
            return 0, 0.0
        knot = int(np.searchsorted(costs, amount * (1 + ROUNDING), side="right")) - 1
        if knot == len(costs) - 1:
            return knot, 0.0
        return knot, float(np.clip((amount - costs[knot]) / (costs[knot + 1] - costs[knot]), 0.0, 1.0))


def fit_path(traces: Traces, rule: StopRule, units: Sequence[str], *, num_points: int) -> BudgetPath:
    """Solve evenly spaced budgets of the first unit; the other units must be straight-line functions of it."""
    signal, cost = traces.signals(rule), traces.cost(rule, units[0])
    problem = Problem.of(signal, traces.scores, cost, shared=rule.shared_threshold)
    fit = _Fit(traces=traces, problem=problem, signal=signal, cost=cost)
    ends = problem.cost(problem.nobody), problem.cost(problem.everybody)
    inner = nested_positions(problem, np.linspace(*ends, num_points)[1:-1])
    knots = fit.refined(np.concatenate([problem.nobody[None], inner, problem.everybody[None]]))
    thresholds = np.stack([fit.thresholds(positions) for positions in knots])
    depths = [traces.exits(signal, row) for row in thresholds]
    outcomes = {unit: [traces.outcome(depth, traces.cost(rule, unit)) for depth in depths] for unit in units}
    low_edge, high_edge = fit.edges
    return BudgetPath(
        costs={unit: np.maximum.accumulate([outcome.cost for outcome in outcomes[unit]]) for unit in units},
        scores=np.array([outcome.score for outcome in outcomes[units[0]]]),
        thresholds=thresholds,
        low_edge=low_edge,
        high_edge=high_edge,
    )


def is_straight(cost: Matrix, of: Matrix) -> bool:
    """Whether one cost is a + b · the other (b > 0) for every scene and depth, so that both have the same best path."""
    span = of.max() - of.min()
    slope = (cost.max() - cost.min()) / span if span else 0.0
    line = cost.min() + slope * (of - of.min())
    return bool(slope > 0 and np.allclose(cost, line, rtol=1e-6, atol=0))


@dataclass(frozen=True, kw_only=True)
class _Fit:
    traces: Traces
    problem: Problem
    signal: Matrix
    cost: Matrix

    @cached_property
    def edges(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        ladder = self.problem.ladder
        margin = 0.05 * (ladder[:, 0] - ladder[:, -1]) + 1e-6 * np.abs(ladder).max(axis=1) + 1e-30
        low, high = expand(self.traces, ladder[:, -1] - margin), expand(self.traces, ladder[:, 0] + margin)
        return low, high

    def thresholds(self, positions: Positions) -> NDArray[np.float64]:
        return expand(self.traces, self.problem.thresholds(positions)).clip(*self.edges)

    def refined(self, knots: Positions) -> Positions:
        """The knots, with more where needed."""
        result = [knots[0]]
        for following in knots[1:]:
            result += [*self._between(result[-1], following), following]
        return np.stack(result)

    def _between(self, low: Positions, high: Positions) -> list[Positions]:
        """Knots to put between two."""
        costs = self.problem.cost(low), self.problem.cost(high)
        if costs[1] - costs[0] <= TOLERANCE * costs[0] or self._is_straight_between(low, high, costs):
            return []
        middle = self.problem.tight(self.problem.meet(low, high, sum(costs) / 2))
        if (middle == low).all() or (middle == high).all():  # one scene's step apart
            return []
        return [*self._between(low, middle), middle, *self._between(middle, high)]

    def _is_straight_between(self, low: Positions, high: Positions, costs: tuple[float, float]) -> bool:
        """Whether every budget between two knots is met. Both costs only grow on the way, so probes bound all of it."""
        ways = np.linspace(0, 1, _PROBES + 1)
        wanted = costs[0] + ways * (costs[1] - costs[0])
        start, end = self.thresholds(low), self.thresholds(high)
        on_the_way = [self.traces.exits(self.signal, start + way * (end - start)) for way in ways[1:-1]]
        between = [self.traces.outcome(depths, self.cost).cost for depths in on_the_way]
        realised = np.array([costs[0], *between, costs[1]])
        over, under = realised[1:] - wanted[:-1], wanted[1:] - realised[:-1]
        return bool((np.maximum(over, under) <= TOLERANCE * wanted[:-1]).all())
