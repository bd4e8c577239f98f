import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.core import Step
from foveate.errors import BudgetError, ModelFolderError
from foveate.stopping import STOP_RULES, rules
from foveate.stopping.budgets import BudgetTable
from foveate.stopping.traces import Origin, Traces
from foveate.stopping.units import Budget
from tests.support.strategies import any_traces
from tests.support.traces import classification

RULES = ("value", "confidence", "count", "random")


@pytest.fixture(scope="module")
def traces() -> Traces:
    """With saturated, coarse certainties: the hard case for thresholds."""
    made = classification(600, 4, seed=0)
    coarse = np.minimum(np.round(made.certainty["confidence"], 2), 0.95)
    return replace(made, certainty={"confidence": coarse.astype(np.float32).astype(np.float64)})


@pytest.fixture(scope="module")
def table(traces: Traces) -> BudgetTable:
    return BudgetTable.build(traces, rules=RULES, num_points=17)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("unit", ["looks", "macs", "ms", "bytes"])
def test_any_budget_is_met_within_two_percent_and_nested(
    traces: Traces, table: BudgetTable, name: str, unit: str
) -> None:
    rule = STOP_RULES.get(name)
    signal, cost = traces.signals(rule), traces.cost(rule, unit)
    low, high = table.extremes(unit, rule=name)
    one_scene = (cost[:, -1] - cost[:, 0]).max() / traces.num_scenes
    before = np.zeros(traces.num_scenes)
    for amount in np.linspace(low.amount, high.amount, 60):
        thresholds = table.thresholds_for(Budget(amount, unit), rule=name, here=traces.origin)
        depths = traces.exits(signal, thresholds)
        realised = traces.outcome(depths, cost).cost
        assert abs(realised - amount) <= max(0.02 * amount, one_scene) + 1e-9
        assert (depths >= before).all(), "a lower budget must never look further"
        before = depths


@settings(max_examples=25)
@given(traces=any_traces(max_scenes=15, max_depth=3), share=st.floats(0, 1), more=st.floats(0, 1))
def test_any_traces_give_a_table(traces: Traces, share: float, more: float) -> None:
    table = BudgetTable.from_dict(
        json.loads(json.dumps(BudgetTable.build(traces, rules=["value"], num_points=5).to_dict()))
    )
    for unit in ("looks", "px"):
        cost = traces.costs[unit]
        low, high = (limit.amount for limit in table.extremes(unit))
        budget = low + share * (high - low)
        thresholds = table.thresholds_for(Budget(budget, unit))
        one_scene = (cost[:, -1] - cost[:, 0]).max() / traces.num_scenes
        assert (
            abs(traces.evaluate(rules.value, thresholds, unit=unit).cost - budget)
            <= max(0.02 * budget, one_scene) + 1e-9
        )
        higher = table.thresholds_for(Budget(budget + more * (high - budget), unit))
        assert (higher <= thresholds).all()


@pytest.mark.parametrize("values", [(0.0, 0.0, 0.0), (100.0, 0.1, 0.2)])
def test_a_scene_with_a_large_step_hides_none_behind_it(values: tuple[float, ...]) -> None:
    """A step of more than half of what two knots are apart once kept the others from knots: they came at once."""
    px = np.array([[0.44736271, 0.49169665], [0.0, 0.28610414], [0.69148438, 2.70561204]])
    traces = Traces(
        scores=np.array([[1.0, 1.0], [-1.0, -1.0], [-1.0, 2.0]]),
        values=np.tile(np.array(values)[:, None], 2),
        costs={"looks": np.tile([0.0, 1.0], (3, 1)), "px": px},
        noise=np.full((3, 2), 0.5),
        scene_noise=np.array([0.8, 0.2, 0.7]),  # where values tie, scene 2 is between the others
    )
    table = BudgetTable.build(traces, rules=["value"], units=["px"], num_points=5)
    low, high = (limit.amount for limit in table.extremes("px"))
    one_scene = (px[:, 1] - px[:, 0]).max() / 3
    for budget in (0.4773, *np.linspace(low, high, 101)):
        realised = traces.evaluate(rules.value, table.thresholds_for(Budget(budget, "px")), unit="px").cost
        assert abs(realised - budget) <= one_scene


def test_written_budgets(table: BudgetTable) -> None:
    np.testing.assert_array_equal(table.thresholds_for("2 looks"), table.thresholds_for(2.0))
    np.testing.assert_array_equal(table.thresholds_for("0 looks"), np.inf)
    np.testing.assert_array_equal(table.thresholds_for("4 looks"), -np.inf)
    np.testing.assert_array_equal(table.thresholds_for("99 looks"), -np.inf)
    assert table.thresholds_for("2 looks", rule="count").shape == (1,)
    assert table.stopper("2 looks").rule is rules.value
    assert table.stopper("1.5GMAC", rule="confidence").rule is rules.confidence


def test_scores_rise_along_the_budget(table: BudgetTable, traces: Traces) -> None:
    scores = [table.expected_score(amount) for amount in (0, 0.5, 1, 2, 4)]
    assert scores[0] == pytest.approx(traces.scores[:, 0].mean())
    assert scores[-1] == pytest.approx(traces.scores[:, -1].mean())
    assert scores[0] < scores[1] < scores[2]
    full = table.full_score_budget()
    assert full.amount < 4
    assert table.expected_score(full) >= scores[-1]
    cheaper = table.full_score_budget(may_lose=0.05)
    assert cheaper.amount < full.amount
    assert table.expected_score(cheaper) >= scores[-1] - 0.05


def test_impossible_budgets(table: BudgetTable) -> None:
    with pytest.raises(BudgetError, match="lowest possible") as error:
        table.thresholds_for("1 GMAC")
    assert error.value.nearest == pytest.approx(1.077e9 + 9.5e6)
    with pytest.raises(BudgetError, match=r"'margin' is not calibrated, only: confidence, count.*foveate calibrate"):
        table.thresholds_for(2, rule="margin")
    with pytest.raises(BudgetError, match=r"budgets in tiles are not calibrated.*foveate calibrate"):
        table.thresholds_for("2 tiles")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"device": "another"}, "device 'cpu', here it is 'another'"),
        ({"batch_size": 1}, "batch size 16"),
        ({"num_threads": 8}, "num threads 1"),
    ],
)
def test_milliseconds_hold_where_they_were_measured(
    table: BudgetTable, traces: Traces, change: dict[str, Any], words: str
) -> None:
    table.thresholds_for("5ms", here=traces.origin)
    table.thresholds_for("5ms", here=replace(traces.origin, split="whatever"))
    with pytest.raises(BudgetError, match=f"{words}.*foveate calibrate"):
        table.thresholds_for("5ms", here=replace(traces.origin, **change))
    with pytest.raises(BudgetError, match="here it is None"):
        table.thresholds_for("5ms")
    table.thresholds_for("2 looks", here=Origin(device="another"))


def test_units_with_one_solution_share_it(table: BudgetTable) -> None:
    assert [set(path.costs) for path in table.rules["value"]] == [{"looks", "macs"}, {"ms"}, {"bytes"}]


def test_save_and_load(table: BudgetTable, tmp_path: Path) -> None:
    table.save(tmp_path / "budgets.json")
    loaded = BudgetTable.load(tmp_path / "budgets.json")
    assert (loaded.num_scenes, loaded.origin, loaded.default_rule) == (600, table.origin, "value")
    for budget in ("0.3 looks", "2 looks", "2.5 GMAC", "50 kB"):
        np.testing.assert_array_equal(loaded.thresholds_for(budget), table.thresholds_for(budget))


def test_damaged_tables_are_named(table: BudgetTable, tmp_path: Path) -> None:
    good, path = table.to_dict(), tmp_path / "budgets.json"

    def refused(content: Any, match: str) -> None:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        with pytest.raises(ModelFolderError, match=rf"budgets\.json.*{match}"):
            BudgetTable.load(path)

    refused("{", "cannot read")
    refused([], "not a budget table")
    refused({"format": 99}, "written by a newer foveate")
    refused(good | {"surprise": 1}, "surprise")
    refused({key: value for key, value in good.items() if key != "origin"}, "origin")
    broken = json.loads(json.dumps(good))
    broken["rules"]["value"][0]["scores"].pop()
    refused(broken, "scores has")
    broken = json.loads(json.dumps(good))
    broken["rules"]["value"][0]["thresholds"].reverse()
    refused(broken, "must not rise")
    with pytest.raises(ModelFolderError, match="absent"):
        BudgetTable.load(tmp_path / "absent.json")


@pytest.mark.parametrize("name", RULES)
def test_a_budget_of_full_length_stops_there_in_a_family_without_a_maximum(table: BudgetTable, name: str) -> None:
    """Thresholds that say "never stop" once let an unbounded family look for ever."""
    stop = table.stopper(100.0, rule=name)
    ones = np.ones(3, np.float32)
    step = Step(
        num_looks=np.array([3, 4, 9]), value=ones, certainty={"confidence": 0 * ones},
        noise=ones.astype(np.float64), scene_noise=ones.astype(np.float64) / 2,
    )  # fmt: skip
    assert stop(step).tolist()[1:] == [True, True]


def test_a_unit_whose_cost_never_changes_is_no_obstacle(traces: Traces) -> None:
    """Bytes of pictures that are in memory."""
    free = replace(traces, costs={"looks": traces.costs["looks"], "bytes": np.zeros_like(traces.scores)})
    table = BudgetTable.build(free, rules=["value"], num_points=9)
    assert len(table.rules["value"]) == 1
    np.testing.assert_array_equal(table.thresholds_for("1 kB"), -np.inf)


def test_round_numbers_of_looks_are_solved_for(table: BudgetTable) -> None:
    looks = table.rules["value"][0].costs["looks"]
    for amount in np.arange(0, 4.5, 0.5):
        assert np.abs(looks - amount).min() < 2 / 600


def test_traces_without_a_look_have_no_budgets(traces: Traces) -> None:
    """Scenes of which an overview shows everything."""
    with pytest.raises(BudgetError, match=r"not one look was taken at any of 9 scenes.*larger scenes"):
        BudgetTable.build(classification(9, 0, seed=0), rules=RULES)
