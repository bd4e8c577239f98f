"""Differential evolution on stored traces: the opponent of the solver, with settings that favour it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import differential_evolution

from foveate.core import StopRule
from foveate.stopping.traces import Traces


def evolve(
    traces: Traces, rule: StopRule, budget: float, *, unit: str = "looks", seed: int, population: int = 15,
    generations: int = 300,
) -> NDArray[np.float64]:  # fmt: skip
    """Thresholds ``[T]`` that maximise the mean score at a mean cost within the budget.

    It searches over quantiles of each step's signal (far easier than over signals), and pays for exceeding the budget.
    """
    signal, cost = traces.signals(rule), traces.cost(rule, unit)
    ladder = np.sort(signal[:, :-1], axis=0)
    columns, rows = np.arange(traces.max_depth), np.arange(traces.num_scenes)

    def thresholds(quantiles: NDArray[np.float64]) -> NDArray[np.float64]:
        at = np.minimum((quantiles * len(ladder)).astype(int), len(ladder) - 1)
        return np.where(quantiles < 1, ladder[at, columns], np.inf)

    def loss(quantiles: NDArray[np.float64]) -> float:
        stops = signal[:, :-1] <= thresholds(quantiles)
        depths = np.where(stops.any(axis=1), stops.argmax(axis=1), traces.max_depth)
        excess = cost[rows, depths].mean() / budget - 1
        return float((10 * excess + 1e-3 if excess > 0 else 0.0) - traces.scores[rows, depths].mean())

    best = differential_evolution(
        loss, [(0, 1)] * traces.max_depth, seed=seed, popsize=population, maxiter=generations, polish=False, tol=1e-8
    )
    return thresholds(best.x)
