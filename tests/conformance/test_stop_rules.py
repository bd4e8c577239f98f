"""What every registered stop rule promises. A new rule is picked up by itself."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.core import Step, StopRule
from foveate.errors import IncompatibleError
from foveate.stopping import STOP_RULES
from foveate.stopping.calibrate import solve
from foveate.stopping.stopper import Stopper
from tests.support.traces import classification

NUM_ROWS, DEPTH = 200, 4
FIELDS = {"value", "certainty", "noise", "scene_noise"}

every_rule = pytest.mark.parametrize("name", STOP_RULES.names())


def make_step(*, seed: int = 0, num_looks: int | None = None) -> Step:
    """Every field filled, with ties, saturated certainties, and rows of different steps."""
    generator = np.random.default_rng(seed)
    certainty = {key: generator.choice([0.0, 0.5, 1.0], NUM_ROWS) for key in ("confidence", "entropy", "margin")}
    looks = generator.integers(0, DEPTH, NUM_ROWS) if num_looks is None else np.full(NUM_ROWS, num_looks)
    return Step(
        num_looks=looks.astype(np.int64),
        value=np.round(generator.normal(size=NUM_ROWS), 1).astype(np.float32),
        certainty={key: sure.astype(np.float32) for key, sure in certainty.items()},
        noise=generator.random(NUM_ROWS),
        scene_noise=generator.random(NUM_ROWS),
    )


def only(step: Step, names: frozenset[str]) -> Step:
    return Step(num_looks=step.num_looks, **{name: getattr(step, name) for name in names})


@every_rule
def test_facts_are_those_of_the_rule(name: str) -> None:
    rule, facts = STOP_RULES.get(name), STOP_RULES.facts(name)
    assert set(facts["needs"]) == rule.needs <= FIELDS
    assert isinstance(facts["control"], bool)
    assert isinstance(rule.shared_threshold, bool)


@every_rule
def test_signals_are_finite_numbers_one_per_row(name: str) -> None:
    signal = STOP_RULES.get(name).signal(make_step())
    assert signal.shape == (NUM_ROWS,)
    assert signal.dtype == np.float64
    assert np.isfinite(signal).all()


@every_rule
def test_it_reads_what_it_needs_and_nothing_else(name: str) -> None:
    rule, step = STOP_RULES.get(name), make_step()
    np.testing.assert_array_equal(rule.signal(only(step, rule.needs)), rule.signal(step))
    for need in rule.needs:
        with pytest.raises(IncompatibleError, match=need):
            rule.signal(only(step, rule.needs - {need}))


@every_rule
@given(rows=st.lists(st.integers(0, NUM_ROWS - 1), min_size=1, max_size=30))
def test_a_row_does_not_depend_on_the_others(name: str, rows: list[int]) -> None:
    rule, step = STOP_RULES.get(name), make_step()
    np.testing.assert_array_equal(rule.signal(step.select(rows)), rule.signal(step)[rows])


def looks_taken(rule: StopRule, thresholds: np.ndarray) -> np.ndarray:
    """Depth at which each row leaves when the loop is really executed, survivors packed together."""
    stopper, alive = Stopper(rule=rule, thresholds=thresholds), np.arange(NUM_ROWS)
    depth = np.full(NUM_ROWS, DEPTH)
    for looks in range(DEPTH):
        stops = stopper(make_step(seed=looks, num_looks=looks).select(alive))
        depth[alive[stops]] = looks
        alive = alive[~stops]
    return depth


@every_rule
@given(data=st.data())
def test_a_higher_threshold_never_looks_more(name: str, data: st.DataObject) -> None:
    rule = STOP_RULES.get(name)
    size = 1 if rule.shared_threshold else DEPTH
    numbers = st.floats(-5, 2) | st.sampled_from([-np.inf, np.inf, 0.0, -1.0])
    low = np.array(data.draw(st.lists(numbers, min_size=size, max_size=size)))
    more = np.array(data.draw(st.lists(st.floats(0, 3) | st.just(np.inf), min_size=size, max_size=size)))
    with np.errstate(invalid="ignore"):
        high = np.where(np.isnan(low + more), low, low + more)
    assert (looks_taken(rule, high) <= looks_taken(rule, low)).all()


@every_rule
def test_the_extremes_are_no_look_and_every_look(name: str) -> None:
    rule = STOP_RULES.get(name)
    assert (looks_taken(rule, np.array([np.inf])) == 0).all()
    assert (looks_taken(rule, np.array([-np.inf])) == DEPTH).all()


@every_rule
def test_it_survives_pickling(name: str) -> None:
    rule, step = STOP_RULES.get(name), make_step()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(rule)).signal(step), rule.signal(step))


@every_rule
@pytest.mark.parametrize("unit", ["looks", "macs", "bytes"])
def test_every_budget_is_met_and_nested(name: str, unit: str) -> None:
    rule, traces = STOP_RULES.get(name), classification(400, DEPTH, seed=1)
    cost = traces.cost(rule, unit)
    budgets = np.linspace(cost[:, 0].mean(), cost[:, -1].mean(), 9)
    points = solve(traces, rule, unit, budgets.tolist())
    realised = np.array([traces.evaluate(rule, point.thresholds, unit=unit).cost for point in points])
    assert (realised <= budgets * (1 + 1e-9)).all()
    assert (realised >= budgets * 0.98).all()
    depths = np.stack([traces.exits(traces.signals(rule), point.thresholds) for point in points])
    assert (np.diff(depths, axis=0) >= 0).all(), "a lower budget must never look further"
