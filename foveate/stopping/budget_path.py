"""One rule's thresholds as a function of the budget: nested knots, straight lines between them.

A model folder carries no traces, so a budget that was never solved for is interpolated. Where a straight line between
two solved budgets would miss the cost, further knots are put in, until any budget is met within the tolerance on the
calibration scenes, or the knots are one scene's step apart. Thresholds never rise with the budget, so a lower budget
never makes a scene look further.

Shape letters: K knots, C thresholds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil

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
    """Solve at least ``num_points`` evenly spaced budgets of the first unit, whose cost the others must follow."""
    signal, cost = traces.signals(rule), traces.cost(rule, units[0])
    problem = Problem.of(signal, traces.scores, cost, shared=rule.shared_threshold)
    costs = {unit: traces.cost(rule, unit) for unit in units}
    fit = _Fit(traces=traces, problem=problem, signal=signal, costs=costs)
    ends = problem.cost(problem.nobody), problem.cost(problem.everybody)
    halves = 2 * problem.num_steps  # a multiple of them, so that 1, 1.5 and 2 looks are solved for and not interpolated
    inner = nested_positions(problem, np.linspace(*ends, halves * ceil((num_points - 1) / halves) + 1)[1:-1])
    knots = fit.refined(np.concatenate([problem.nobody[None], inner, problem.everybody[None]]))
    thresholds = np.stack([fit.thresholds(positions) for positions in knots])
    depths = [traces.exits(signal, row) for row in thresholds]
    outcomes = {unit: [traces.outcome(depth, costs[unit]) for depth in depths] for unit in units}
    low_edge, high_edge = fit.edges
    return BudgetPath(
        costs={unit: np.maximum.accumulate([outcome.cost for outcome in outcomes[unit]]) for unit in units},
        scores=np.array([outcome.score for outcome in outcomes[units[0]]]),
        thresholds=thresholds,
        low_edge=low_edge,
        high_edge=high_edge,
    )


def follows(cost: Matrix, other: Matrix) -> bool:
    """Whether a cost is a + b · another (b >= 0) for every scene and depth, to 1 %: both then have the same best path.

    Not exactly: the critic, say, is not asked after the last look, which bends MACs against looks by a little. A cost
    that never changes (bytes of pictures in memory) follows any other.
    """
    span = other.max() - other.min()
    slope = (cost.max() - cost.min()) / span if span else 0.0
    line = cost.min() + slope * (other - other.min())
    return bool(np.allclose(cost, line, rtol=0.01, atol=0))


@dataclass(frozen=True, kw_only=True)
class _Fit:
    traces: Traces
    problem: Problem
    signal: Matrix
    costs: Mapping[str, Matrix]  # of every unit; the problem's own first

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
        if self._is_met_between(low, high):
            return []
        half = (self.problem.cost(low) + self.problem.cost(high)) / 2
        for near in self.problem.around(low, high, half):  # the next one too: beyond one large step there may be more
            middle = self.problem.tight(near)
            if (middle > low).any() and (middle < high).any():
                return [*self._between(low, middle), middle, *self._between(middle, high)]
        return []  # one scene's step apart

    def _is_met_between(self, low: Positions, high: Positions) -> bool:
        """Whether the straight line between two knots meets every budget, in every unit.

        What is spent and what is wanted both only grow on the way, so a few probes bound all of it.
        """
        start, end = self.thresholds(low), self.thresholds(high)
        ways = np.linspace(0, 1, _PROBES + 1)
        ends = self.problem.depths(low), self.problem.depths(high)
        inner = [self.traces.exits(self.signal, start + way * (end - start)) for way in ways[1:-1]]
        for cost in self.costs.values():
            spent = np.array([self.traces.outcome(depths, cost).cost for depths in (ends[0], *inner, ends[1])])
            wanted = spent[0] + ways * (spent[-1] - spent[0])
            miss = np.maximum(spent[1:] - wanted[:-1], wanted[1:] - spent[:-1])
            if (miss > TOLERANCE * wanted[:-1]).any():
                return False
        return True
