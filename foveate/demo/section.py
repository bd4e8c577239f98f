"""From a trained system to what a report shows of it: rules executed at budgets, curves, values, exits, scanpaths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.evaluation.controls import control
from foveate.evaluation.report_data import CostPoint, ExitHistogram, StopRuleRow, TrainingPoint, ValueBin
from foveate.evaluation.rules import rules_for
from foveate.evaluation.run import accuracy_by_looks, evaluate
from foveate.exploring.examples import CHOSEN, Describe, examples
from foveate.looker import Looker
from foveate.stopping import STOP_RULES
from foveate.stopping.budgets import BudgetTable
from foveate.stopping.traces import Traces
from foveate.system import System

CONTROLS = ("random", "centre_corners", "raster")
MAIN_RULES = ("value", "confidence", "count")
REFERENCE_LOOKS = 2.0
CURVE_POINTS = 21
VALUE_BINS = 8
EXAMPLE_SCENES = 64


def control_curves(
    system: System, source: Any, *, num_scenes: int, max_looks: int, batch_size: int = 128
) -> dict[str, list[float]]:
    """Accuracy after 0, 1, ... looks of each control, with the system's own reader."""
    curves = {}
    for name in CONTROLS:
        policy, is_drawn = control(name, system)
        curves[name] = accuracy_by_looks(
            system, source, num_scenes=num_scenes, max_looks=max_looks, policy=policy, explore=is_drawn,
            batch_size=batch_size,
        )  # fmt: skip
    return curves


def executed_rows(
    system: System, table: BudgetTable, source: Any, *, budgets: Sequence[float], num_scenes: int, max_looks: int
) -> list[StopRuleRow]:
    """Every rule at two mean looks and the main ones at the other budgets, really executed on scenes that they were not
    calibrated on."""
    rows = []
    for budget in budgets:
        for rule in rules_for(system) if budget == REFERENCE_LOOKS else MAIN_RULES:
            stop = table.stopper(budget, rule=rule)
            run = evaluate(system, source, num_scenes=num_scenes, max_looks=max_looks, stop=stop)
            rows.append(
                StopRuleRow(
                    rule=rule,
                    mean_glimpses=run.mean_looks,
                    accuracy=run.primary,
                    macs=run.mean_macs,
                    seconds_per_scene=run.seconds_per_scene,
                )
            )
    return rows


def full_length_row(system: System, source: Any, *, num_scenes: int, max_looks: int) -> StopRuleRow:
    """All looks for every scene: what stopping early is compared with."""
    run = evaluate(system, source, num_scenes=num_scenes, max_looks=max_looks)
    return StopRuleRow(
        rule="all looks", mean_glimpses=run.mean_looks, accuracy=run.primary, macs=run.mean_macs,
        seconds_per_scene=run.seconds_per_scene,
    )  # fmt: skip


def stop_curves(table: BudgetTable, test: Traces) -> dict[str, list[CostPoint]]:
    """Accuracy against cost of thresholds solved on calibration scenes, judged on test scenes."""
    curves = {}
    for name in table.rules:
        rule, points = STOP_RULES.get(name), []
        low, high = (budget.amount for budget in table.extremes("looks", rule=name))
        for budget in np.linspace(low, high, CURVE_POINTS):
            thresholds = table.thresholds_for(float(budget), rule=name)
            looks = test.evaluate(rule, thresholds, unit="looks")
            macs = test.evaluate(rule, thresholds, unit="macs")
            points.append(CostPoint(mean_glimpses=looks.cost, macs=macs.cost, accuracy=looks.score))
        curves[name] = points
    return curves


def value_bins(test: Traces) -> tuple[list[ValueBin], float]:
    """Predicted value against the accuracy that looking on really brought, and their rank correlation."""
    assert test.values is not None
    gain = test.scores[:, -1:] - test.scores
    bins = []
    for depth in range(test.max_depth):
        order = np.argsort(test.values[:, depth], kind="stable")
        for rows in np.array_split(order, VALUE_BINS):
            bins.append(
                ValueBin(
                    num_looks=depth,
                    predicted=float(test.values[rows, depth].mean()),
                    measured=float(gain[rows, depth].mean()),
                    count=len(rows),
                )
            )
    return bins, rank_correlation(test.values[:, :-1].ravel(), gain[:, :-1].ravel())


def rank_correlation(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Spearman's, with mean ranks for ties; 0 where one side is constant."""
    ranks = [_mean_ranks(x) for x in (a, b)]
    if any(rank.std() == 0 for rank in ranks):
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _mean_ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[place].astype(np.float64)


def exit_histograms(table: BudgetTable, test: Traces, budgets: Sequence[float]) -> list[ExitHistogram]:
    rule = STOP_RULES.get("value")
    exits = [test.evaluate(rule, table.thresholds_for(budget, rule="value")).exit_fractions for budget in budgets]
    return [
        ExitHistogram(budget=budget, fractions=[float(share) for share in shares], rule="value")
        for budget, shares in zip(budgets, exits, strict=True)
    ]


def training_curve(metrics: Sequence[Mapping[str, float]]) -> list[TrainingPoint]:
    return [
        TrainingPoint(
            seconds=row["time/elapsed_s"], accuracy=row["eval/metric"], random_accuracy=row["eval/metric_random"]
        )
        for row in metrics
        if "eval/metric" in row
    ]


def row_near(rows: Sequence[StopRuleRow], rule: str, looks: float) -> StopRuleRow:
    """The executed row of a rule that is nearest to a mean number of looks."""
    return min((row for row in rows if row.rule == rule), key=lambda row: abs(row.mean_glimpses - looks))


def step_by_step(looker: Looker, source: Any, describe: Describe, *, max_looks: int) -> dict[str, Any]:
    """What a section shows of example episodes, stopped as its scanpaths are."""
    asked: dict[str, Any] = {"budget": REFERENCE_LOOKS, "stop_rule": "value", "max_looks": max_looks}
    found = examples(looker, source, num_scenes=EXAMPLE_SCENES, describe=describe, **asked)
    return {"examples": found, "examples_chosen": CHOSEN.format(num=EXAMPLE_SCENES)}
