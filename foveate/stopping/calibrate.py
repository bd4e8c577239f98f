"""Thresholds for budgets: Eq. 19 of AdaptiveNN, max score(η) subject to mean cost(η) <= B, solved on stored traces.

The paper uses a genetic algorithm. Here everything is exact line searches, deterministic, and nested: a lower budget
never makes any scene look further (`problem.py` has the terms, `lagrangian.py`, `exchange.py` and `nested.py` the
parts). The network is never run. `benchmarks/solver.py` compares score, seconds and behaviour on other scenes with
scipy's differential evolution, and shows what nesting costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveate.core import StopRule
from foveate.errors import BudgetError
from foveate.stopping.nested import nested_positions, spender
from foveate.stopping.problem import ROUNDING, Positions, Problem
from foveate.stopping.traces import Matrix, Traces
from foveate.stopping.units import Budget


@dataclass(frozen=True, kw_only=True)
class BudgetPoint:
    """Thresholds for one budget, and what they gave on the calibration scenes."""

    budget: float
    """What was asked for: mean cost per scene, base units."""
    thresholds: NDArray[np.float64]  # for a Stopper: one per number of looks, or [1] if shared
    expected_score: float
    expected_cost: float
    """Realised mean cost: at most the budget, and below it by less than one scene's step."""
    exit_fractions: NDArray[np.float64]  # [T + 1] share of scenes that leave at each depth


def solve(
    traces: Traces,
    rule: StopRule,
    unit: str,
    budgets: Sequence[float],
    *,
    spend: bool = True,
    nested: bool = True,
    resamples: int = 0,
) -> list[BudgetPoint]:
    """The best thresholds for mean costs (base units), in the order given.

    ``spend`` uses up every budget, even where further looks lower the score; without it a budget may get the thresholds
    of a lower one that scores higher. ``nested=False`` solves every budget alone: a lower one may then sense more.
    ``resamples`` > 0 averages the thresholds over that many half samples, which gives up score on these scenes for
    robustness on few of them; the default suits 500 scenes and more.

    A budget above the cost of full length gets full length. Raises BudgetError for one below the cost of zero looks.
    """
    cost = traces.cost(rule, unit)
    signal = traces.signals(rule)
    for budget in budgets:
        check_possible(budget, unit, least=float(cost[:, 0].mean()))

    def problem_of(rows: slice | NDArray[np.int64]) -> Problem:
        return Problem.of(signal[rows], traces.scores[rows], cost[rows], shared=rule.shared_threshold)

    problem, wanted = problem_of(slice(None)), np.unique(np.asarray(budgets, np.float64))
    if resamples:
        chosen = _averaged(problem, map(problem_of, _halves(traces.num_scenes, resamples)), wanted)
    elif nested:
        chosen = nested_positions(problem, wanted)
    else:
        chosen = np.concatenate([nested_positions(problem, wanted[k : k + 1]) for k in range(len(wanted))])
    if not spend:
        scores = [problem.means(positions)[0] for positions in chosen]
        chosen = chosen[[int(np.argmax(scores[: k + 1])) for k in range(len(scores))]]
    points = {
        budget: _point(traces, signal, cost, budget=budget, thresholds=problem.thresholds(positions))
        for budget, positions in zip(wanted.tolist(), chosen, strict=True)
    }
    return [points[float(budget)] for budget in budgets]


def check_possible(budget: float, unit: str, *, least: float) -> None:
    """Raise BudgetError for a mean cost below that of zero looks."""
    if not budget >= least * (1 - ROUNDING):
        raise BudgetError(
            f"a mean budget of {Budget(budget, unit)} is impossible: opening the scene, deciding and answering take "
            f"{Budget(least, unit)}; that is the lowest possible budget",
            nearest=least,
        )


@dataclass(frozen=True, kw_only=True)
class FullAccuracy:
    """The cheapest budget that is as good as full length."""

    point: BudgetPoint
    full_score: float
    full_cost: float

    @property
    def share(self) -> float:
        """Of the full-length cost, in [0, 1]: "full accuracy at 60 % of the looks"."""
        return self.point.expected_cost / self.full_cost if self.full_cost else 1.0


def full_accuracy(traces: Traces, rule: StopRule, unit: str = "looks", *, num_budgets: int = 64) -> FullAccuracy:
    """The cheapest of ``num_budgets`` evenly spaced budgets whose score on these scenes is that of full length."""
    cost = traces.cost(rule, unit).mean(axis=0)
    full_score = float(traces.scores[:, -1].mean())
    points = solve(traces, rule, unit, np.linspace(cost[0], cost[-1], num_budgets).tolist())
    point = next((point for point in points if point.expected_score >= full_score - 1e-12), points[-1])
    return FullAccuracy(point=point, full_score=full_score, full_cost=float(cost[-1]))


def expand(traces: Traces, thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Thresholds per depth ``[T]`` as a ``Stopper`` indexes them, by number of looks. [1] stays [1]."""
    return np.repeat(thresholds, np.diff(traces.looks)) if len(thresholds) == traces.max_depth else thresholds


def _averaged(problem: Problem, halves: Iterable[Problem], budgets: NDArray[np.float64]) -> Positions:
    """Positions ``[K, C]`` averaged over problems of fewer scenes; an average of nested paths is nested."""
    shares = [nested_positions(half, budgets) / half.everybody for half in halves]
    mean = np.rint(np.mean(shares, axis=0) * problem.everybody).astype(np.int64)
    path = np.concatenate([problem.nobody[None], mean, problem.everybody[None]])
    return np.stack([problem.tight(positions) for positions in map(spender(problem, path), budgets.tolist())])


def _halves(num_scenes: int, resamples: int) -> Iterator[NDArray[np.int64]]:
    generator = np.random.default_rng(0)
    for _ in range(resamples):
        yield generator.permutation(num_scenes)[: max(num_scenes // 2, 1)]


def _point(
    traces: Traces, signal: Matrix, cost: Matrix, *, budget: float, thresholds: NDArray[np.float64]
) -> BudgetPoint:
    """What thresholds per depth give when they are executed: that is what is reported."""
    thresholds = expand(traces, thresholds)
    outcome = traces.outcome(traces.exits(signal, thresholds), cost)
    return BudgetPoint(
        budget=budget,
        thresholds=thresholds,
        expected_score=outcome.score,
        expected_cost=outcome.cost,
        exit_fractions=outcome.exit_fractions,
    )
