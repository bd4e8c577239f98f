import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from foveate.core import StopRule
from foveate.stopping import rules
from foveate.stopping.exchange import Room, improve
from foveate.stopping.lagrangian import nested_path
from foveate.stopping.problem import Problem
from foveate.stopping.traces import Traces
from tests.support.strategies import any_traces
from tests.support.traces import search


def problem_of(traces: Traces, *, unit: str = "looks", shared: bool = False) -> Problem:
    return Problem.of(traces.signals(rule_of(shared)), traces.scores, traces.costs[unit], shared=shared)


def rule_of(shared: bool) -> StopRule:
    return rules.random if shared else rules.value


def draw_positions(data: st.DataObject, problem: Problem) -> np.ndarray:
    return np.array([data.draw(st.integers(0, int(size))) for size in problem.everybody])


@given(traces=any_traces(), shared=st.booleans(), data=st.data())
def test_positions_are_thresholds(traces: Traces, shared: bool, data: st.DataObject) -> None:
    problem = problem_of(traces, shared=shared)
    positions = draw_positions(data, problem)
    expected = traces.exits(traces.signals(rule_of(shared)), problem.thresholds(positions))
    np.testing.assert_array_equal(problem.depths(positions), expected)


@given(traces=any_traces(), shared=st.booleans(), data=st.data())
def test_tight_does_the_same_and_keeps_the_order(traces: Traces, shared: bool, data: st.DataObject) -> None:
    problem = problem_of(traces, shared=shared)
    pair = np.sort(np.stack([draw_positions(data, problem), draw_positions(data, problem)]), axis=0)
    low, high = (problem.tight(positions) for positions in pair)
    assert (low <= high).all()
    assert (low <= pair[0]).all()
    np.testing.assert_array_equal(problem.depths(low), problem.depths(pair[0]))


@given(traces=any_traces(), shared=st.booleans(), share=st.floats(0, 1), data=st.data())
def test_the_way_to_a_budget_is_nested_and_ends_within_one_step(
    traces: Traces, shared: bool, share: float, data: st.DataObject
) -> None:
    problem = problem_of(traces, unit="px", shared=shared)
    pair = np.sort(np.stack([draw_positions(data, problem), draw_positions(data, problem)]), axis=0)
    low, high = pair
    ends = problem.cost(low), problem.cost(high)
    budget = ends[0] + share * (ends[1] - ends[0])
    met = problem.meet(low, high, budget)
    assert ((low <= met) & (met <= high)).all()
    largest_step = np.ptp(problem.totals[1], axis=0).max() / problem.num_scenes
    assert -1e-9 <= budget - problem.cost(met) <= largest_step + 1e-9


def test_steps_that_come_at_the_same_moment_come_one_by_one() -> None:
    """Three quarters of the way, both columns step; the budget allows the first of them."""
    signal = np.array([[0.9, 0.7, 0.0], [0.8, 0.9, 0.0], [0.7, 0.8, 0.0]])
    problem = Problem.of(signal, np.zeros((3, 3)), np.tile(np.arange(3.0), (3, 1)))
    low, high = np.array([1, 0]), np.array([2, 3])
    assert problem.cost(problem.meet(low, high, 1.2)) == 1
    assert [positions.tolist() for positions in problem.around(low, high, 1.2)] == [[2, 2], [2, 3]]


@given(
    traces=any_traces(),
    shared=st.booleans(),
    opening=st.sampled_from([0.0, 1.0, 1e9, 1e12, 1e15]),
    look=st.sampled_from([0.0, 1e-320, 1e-12, 1.0, 1e12]),
    gain=st.sampled_from([0.0, 1e-12, 1.0, 1e6]),
)
def test_looks_of_any_price_beside_any_opening_overflow_nothing(
    traces: Traces, shared: bool, opening: float, look: float, gain: float
) -> None:
    """Numpy's warnings are errors here. Files without levels, for one, cost all their bytes at the opening."""
    cost = opening + look * traces.costs["px"]
    problem = Problem.of(traces.signals(rule_of(shared)), gain * traces.scores, cost, shared=shared)
    path = nested_path(problem, 9)
    assert (np.diff(path, axis=0) >= 0).all()
    assert (path[0] == problem.nobody).all()
    assert (path[-1] == problem.everybody).all()


@given(traces=any_traces())
def test_the_path_is_ordered_from_nobody_to_everybody(traces: Traces) -> None:
    problem = problem_of(traces)
    path = nested_path(problem, 9)
    assert (np.diff(path, axis=0) >= 0).all()
    assert (path[0] == 0).all()
    assert (path[-1] == problem.everybody).all()


@given(traces=any_traces(max_depth=3), share=st.floats(0, 1))
def test_exchanges_keep_to_their_room_and_never_lose(traces: Traces, share: float) -> None:
    problem = problem_of(traces, unit="px")
    start = problem.meet(problem.nobody, problem.everybody, share * problem.cost(problem.everybody))
    room = Room(low=start // 2, high=problem.everybody, budget=problem.cost(start))
    better = improve(problem, start, room, sweeps=3)
    assert problem.means(better)[0] >= problem.means(start)[0] - 1e-12
    assert problem.cost(better) <= room.budget * (1 + 1e-9) + 1e-12
    assert ((room.low <= better) & (better <= room.high)).all()


def test_an_exchange_finds_the_best_of_all_pairs() -> None:
    """Two steps, few scenes: every pair of positions can be tried."""
    problem = problem_of(search(30, 2, seed=3))
    start = problem.meet(problem.nobody, problem.everybody, 0.8)
    room = Room(low=problem.nobody, high=problem.everybody, budget=0.8)
    found = problem.means(improve(problem, start, room, sweeps=9))[0]
    every = [np.array([a, b]) for a in range(31) for b in range(31)]
    within = [problem.means(pair)[0] for pair in every if 0.8 * 0.997 <= problem.cost(pair) <= 0.8 + 1e-9]
    assert found == max(within)
