import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.errors import BudgetError, UsageError
from foveate.stopping import STOP_RULES, rules
from foveate.stopping.calibrate import full_accuracy, solve
from foveate.stopping.traces import Traces
from tests.support.evolution import evolve
from tests.support.strategies import any_traces
from tests.support.traces import classification, search


@given(
    traces=any_traces(),
    unit=st.sampled_from(["looks", "px"]),
    name=st.sampled_from(["value", "anti_value", "count", "random"]),
    shares=st.lists(st.floats(0, 1), min_size=1, max_size=5),
    nested=st.booleans(),
)
def test_any_budget_is_met_to_one_scene(
    traces: Traces, unit: str, name: str, shares: list[float], nested: bool
) -> None:
    """However few the scenes and however tied the signals."""
    rule = STOP_RULES.get(name)
    cost = traces.cost(rule, unit)
    least, most = cost[:, 0].mean(), cost[:, -1].mean()
    budgets = [float(least + share * (most - least)) for share in shares]
    points = solve(traces, rule, unit, budgets, nested=nested)
    largest_step = (cost[:, -1] - cost[:, 0]).max() / traces.num_scenes
    for budget, point in zip(budgets, points, strict=True):
        assert point.budget == budget
        assert point.expected_cost == traces.evaluate(rule, point.thresholds, unit=unit).cost
        assert -1e-9 <= budget - point.expected_cost <= largest_step + 1e-9
        assert point.exit_fractions.sum() == pytest.approx(1)


@given(traces=any_traces(), name=st.sampled_from(["value", "count", "random"]), resamples=st.sampled_from([0, 0, 3]))
def test_a_lower_budget_never_looks_further(traces: Traces, name: str, resamples: int) -> None:
    rule = STOP_RULES.get(name)
    budgets = np.linspace(0, traces.max_depth, 6)
    points = solve(traces, rule, "looks", budgets[::-1].tolist(), resamples=resamples)[::-1]
    thresholds = np.stack([point.thresholds for point in points])
    assert (thresholds[1:] <= thresholds[:-1]).all()
    assert (thresholds[0] == np.inf).all()
    assert (thresholds[-1] == -np.inf).all()


def test_it_is_deterministic() -> None:
    traces = search(500, 4, seed=0)
    first, second = (solve(traces, rules.value, "looks", [1.0, 2.0], resamples=3) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.thresholds, b.thresholds)


def test_below_zero_looks_names_the_nearest_and_above_full_length_is_full_length() -> None:
    traces = classification(200, 3, seed=0)
    least = float(traces.cost(rules.value, "macs")[0, 0])
    with pytest.raises(BudgetError, match=r"1 GMAC is impossible.*1\.087 GMAC") as error:
        solve(traces, rules.value, "macs", [2e9, 1e9])
    assert error.value.nearest == pytest.approx(least)
    with pytest.raises(UsageError, match="finite"):
        solve(traces, rules.value, "looks", [float("nan")])
    assert solve(traces, rules.value, "macs", [error.value.nearest])[0].expected_cost == pytest.approx(least)
    assert solve(traces, rules.value, "looks", [99.0])[0].expected_cost == 3


def test_without_spending_looks_that_harm_are_not_taken() -> None:
    """Every look after the first one harms every scene."""
    traces = search(300, 3, seed=0)
    scores = np.tile([0.0, 1.0, 0.5, 0.2], (300, 1))
    harmed = replace(traces, scores=scores)
    assert solve(harmed, rules.value, "looks", [1.0, 2.5])[1].expected_cost == pytest.approx(2.5, rel=0.02)
    assert [point.expected_cost for point in solve(harmed, rules.value, "looks", [1.0, 2.5], spend=False)] == [1, 1]


def test_a_perfect_critic_spends_looks_where_they_pay() -> None:
    """Half of the scenes gain everything from one look, the others nothing: half a look buys full accuracy."""
    traces = search(400, 2, seed=0)
    gains = np.arange(400) % 2 == 0
    scores = np.where(gains[:, None], [0.0, 1.0, 1.0], 1.0)
    values = np.where(gains[:, None], [1.0, 0.0, 0.0], 0.0)
    told = replace(traces, scores=scores, values=values)
    assert solve(told, rules.value, "looks", [0.5])[0].expected_score == 1
    assert solve(told, rules.anti_value, "looks", [0.5], nested=False)[0].expected_score == 0.5
    full = full_accuracy(told, rules.value, num_budgets=101)
    assert full.full_score == full.point.expected_score == 1
    assert full.share == pytest.approx(0.26, abs=0.011)


def test_constant_scores_and_costs_are_no_problem() -> None:
    traces = search(50, 3, seed=0)
    dull = replace(traces, scores=np.ones_like(traces.scores), values=np.zeros_like(traces.scores))
    assert solve(dull, rules.value, "looks", [1.5])[0].expected_cost == pytest.approx(1.5, abs=3 / 50)
    free = replace(dull, costs={"looks": dull.costs["looks"], "px": np.full_like(dull.scores, 7.0)})
    assert solve(free, rules.value, "px", [7.0])[0].expected_cost == 7


def test_averaging_over_half_samples_meets_the_budget_too() -> None:
    traces = classification(500, 4, seed=0)
    for point in solve(traces, rules.value, "looks", [0.5, 1.5, 3.0], resamples=4):
        assert point.budget * 0.98 <= point.expected_cost <= point.budget


CASES: list[tuple[Callable[[int, int, int], Traces], str]] = [
    (classification, "value"),
    (classification, "confidence"),
    (search, "value"),
]


@pytest.mark.parametrize(("make", "name"), CASES)
def test_within_a_tenth_of_a_point_of_differential_evolution_and_faster(
    make: Callable[[int, int, int], Traces], name: str
) -> None:
    """On the stored traces themselves, where evolution may overfit as it likes; on others see benchmarks/solver.py."""
    traces, rule, budgets = make(2000, 4, 0), STOP_RULES.get(name), [0.5, 1.0, 1.5, 2.0, 3.0]
    start_s = time.process_time()
    ours = [point.expected_score for point in solve(traces, rule, "looks", budgets, spend=False)]
    middle_s = time.process_time()
    theirs = [traces.evaluate(rule, evolve(traces, rule, budget, seed=0)).score for budget in budgets]
    end_s = time.process_time()
    assert (np.array(ours) >= np.array(theirs) - 0.001).all(), 100 * (np.array(ours) - np.array(theirs))
    assert middle_s - start_s < end_s - middle_s
