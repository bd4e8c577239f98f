"""The threshold solver against scipy's differential evolution, on made-up traces: scores, seconds, other scenes.

    python -m benchmarks.solver [--seeds 3] [--scenes 4000] [--depth 5]

For every budget both get the same traces, one thread. "gap" is solver − evolution in points (100 × mean score) on the
calibration scenes, "held out" the same on 30,000 other scenes, each corrected to the same realised cost.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from foveate.stopping import STOP_RULES
from foveate.stopping.calibrate import solve
from foveate.stopping.traces import Traces
from tests.support.evolution import evolve
from tests.support.traces import classification, search

NUM_HELD_OUT = 30_000
CASES: list[tuple[Callable[[int, int, int], Traces], str]] = [
    (classification, "value"),
    (classification, "confidence"),
    (search, "value"),
    (search, "confidence"),
    (search, "anti_value"),
]
COLUMNS = "traces          rule         gap mean   worst   alone      held out    solver  evolution"


def main() -> None:
    arguments = _arguments()
    print(f"{arguments.scenes} scenes, {arguments.depth} decisions, {len(arguments.budgets)} budgets, "
          f"{arguments.seeds} seeds")  # fmt: skip
    print(COLUMNS)
    for make, rule in CASES:
        results = [_compare(make, rule, arguments, seed) for seed in range(arguments.seeds)]
        gaps, alone, held_out, ours_s, theirs_s = (np.array(column) for column in zip(*results, strict=True))
        means = held_out.mean(axis=1)
        spread = means.std(ddof=1) if len(means) > 1 else 0.0
        print(
            f"{make.__name__:15} {rule:11} {gaps.mean():+9.2f} {gaps.min():+7.2f} {alone.min():+7.2f} "
            f"{means.mean():+6.2f} ± {spread:4.2f} {ours_s.mean():7.1f} s {theirs_s.mean():8.1f} s",
            flush=True,
        )
    print("gap: solver - evolution, points, same scenes (mean and worst budget, nested); alone: worst, not nested")


def _compare(
    make: Callable[[int, int, int], Traces], name: str, arguments: argparse.Namespace, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, float]:
    traces, rule = make(arguments.scenes, arguments.depth, seed), STOP_RULES.get(name)
    others = make(NUM_HELD_OUT, arguments.depth, 10_000 + seed)
    budgets = [share * arguments.depth for share in arguments.budgets]
    start_s = time.perf_counter()
    points = solve(traces, rule, "looks", budgets, spend=False)
    ours_s = time.perf_counter() - start_s
    start_s = time.perf_counter()
    rivals = [evolve(traces, rule, budget, seed=seed) for budget in budgets]
    theirs_s = time.perf_counter() - start_s
    theirs = np.array([traces.evaluate(rule, rival).score for rival in rivals])
    alone = solve(traces, rule, "looks", budgets, spend=False, nested=False)
    curve = _curve(others, rule, arguments.depth)
    held_out = [
        _above(curve, others, rule, point.thresholds) - _above(curve, others, rule, rival)
        for point, rival in zip(points, rivals, strict=True)
    ]
    gap = 100 * (np.array([point.expected_score for point in points]) - theirs)
    gap_alone = 100 * (np.array([point.expected_score for point in alone]) - theirs)
    return gap, gap_alone, 100 * np.array(held_out), ours_s, theirs_s


def _curve(traces: Traces, rule: object, depth: int) -> tuple[list[float], list[float]]:
    """Cost and score of the solver's own thresholds on many scenes: the yardstick for unequal costs."""
    few = traces.select(np.arange(10_000))
    points = solve(few, rule, "looks", np.linspace(0, depth, 17).tolist())  # type: ignore[arg-type]
    outcomes = [traces.evaluate(rule, point.thresholds) for point in points]  # type: ignore[arg-type]
    return [outcome.cost for outcome in outcomes], [outcome.score for outcome in outcomes]


def _above(curve: tuple[list[float], list[float]], traces: Traces, rule: object, thresholds: np.ndarray) -> float:
    outcome = traces.evaluate(rule, thresholds)  # type: ignore[arg-type]
    return outcome.score - float(np.interp(outcome.cost, *curve))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scenes", type=int, default=4000)
    parser.add_argument("--depth", type=int, default=5)
    parser.add_argument("--budgets", type=float, nargs="+", default=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8])
    return parser.parse_args()


if __name__ == "__main__":
    main()
