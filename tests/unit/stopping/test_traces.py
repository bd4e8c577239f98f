from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from foveate.core import Step
from foveate.errors import BudgetError, DataError, OutputError, UsageError
from foveate.stopping import STOP_RULES, rules
from foveate.stopping.stopper import Stopper
from foveate.stopping.traces import Origin, Traces
from tests.support.traces import classification


@pytest.fixture(scope="module")
def traces() -> Traces:
    return classification(300, 4, seed=0)


def executed(traces: Traces, name: str, thresholds: np.ndarray) -> np.ndarray:
    """Depths by running the loop step by step, with rows leaving."""
    stopper, alive = Stopper(rule=STOP_RULES.get(name), thresholds=thresholds), np.arange(traces.num_scenes)
    depth = np.full(traces.num_scenes, traces.max_depth)
    for looks in range(traces.max_depth):
        assert traces.values is not None
        step = Step(
            num_looks=np.full(traces.num_scenes, looks),
            value=traces.values[:, looks].astype(np.float32),
            certainty={key: sure[:, looks].astype(np.float32) for key, sure in traces.certainty.items()},
            noise=traces.noise[:, looks],
            scene_noise=traces.scene_noise,
        )
        stops = stopper(step.select(alive))
        depth[alive[stops]] = looks
        alive = alive[~stops]
    return depth


@pytest.mark.parametrize("name", STOP_RULES.names())
@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.8])
def test_hindsight_equals_execution(traces: Traces, name: str, quantile: float) -> None:
    rule = STOP_RULES.get(name)
    signal = traces.signals(rule)
    thresholds = np.quantile(signal[:, :-1], quantile, axis=None if rule.shared_threshold else 0, keepdims=True)[0]
    np.testing.assert_array_equal(traces.exits(signal, thresholds), executed(traces, name, thresholds))


def test_means_and_exits(traces: Traces) -> None:
    outcome = traces.evaluate(rules.count, np.array([1 - 2.0]), unit="looks")
    assert outcome.cost == 2
    assert outcome.score == pytest.approx(traces.scores[:, 2].mean())
    np.testing.assert_array_equal(outcome.exit_fractions, [0, 0, 1, 0, 0])


def test_a_rule_pays_for_what_it_needs(traces: Traces) -> None:
    np.testing.assert_allclose(traces.cost(rules.count, "macs")[0], 1.077e9 + 1.187e9 * np.arange(5))
    value = traces.cost(rules.value, "macs") - traces.cost(rules.count, "macs")
    np.testing.assert_allclose(value[0], 9.5e6 * np.arange(1, 6))
    heads = traces.cost(rules.margin, "macs") - traces.cost(rules.count, "macs")
    np.testing.assert_allclose(heads[0], 0.354e9 * np.arange(5))


def test_scenes_that_run_out_and_steps_of_several_looks() -> None:
    """Two looks a step; the second scene runs out after three looks: what it would do later changes nothing."""
    looks = np.array([[0.0, 2, 4, 6], [0, 2, 3, 3]])
    base = classification(2, 3, seed=0)
    traces = replace(base, costs={"looks": looks}, extra_costs={})
    np.testing.assert_array_equal(traces.looks, [0, 2, 4, 6])
    signal = np.array([[1.0, 1, 1, 1], [1, 1, 1, 1]])
    thresholds = np.array([0.0, 9, 0, 9, 2, 9])  # by number of looks: 0, 2 and 4 are decided at
    depths = traces.exits(signal, thresholds)
    np.testing.assert_array_equal(looks[[0, 1], depths], [4, 3])


def test_save_and_load(traces: Traces, tmp_path: Path) -> None:
    origin = Origin(split="abc", device="a cpu", batch_size=8, num_threads=2)
    replace(traces, origin=origin).save(tmp_path / "traces.npz")
    loaded = Traces.load(tmp_path / "traces.npz")
    assert loaded.origin == origin
    assert loaded.extra_costs.keys() == traces.extra_costs.keys()
    for name in STOP_RULES:
        rule = STOP_RULES.get(name)
        np.testing.assert_array_equal(loaded.signals(rule), traces.signals(rule))
        np.testing.assert_array_equal(loaded.cost(rule, "macs"), traces.cost(rule, "macs"))
    assert [path.name for path in tmp_path.iterdir()] == ["traces.npz"]


def test_without_a_critic_the_value_rule_is_refused(traces: Traces, tmp_path: Path) -> None:
    blind = replace(traces, values=None)
    blind.save(tmp_path / "t.npz")
    with pytest.raises(BudgetError, match="no critic"):
        Traces.load(tmp_path / "t.npz").signals(rules.value)
    blind.signals(rules.confidence)


def test_select(traces: Traces) -> None:
    some = traces.select([3, 5])
    assert some.num_scenes == 2
    np.testing.assert_array_equal(some.signals(rules.value), traces.signals(rules.value)[[3, 5]])


def test_bad_traces_are_named(traces: Traces) -> None:
    with pytest.raises(DataError, match="decrease"):
        replace(traces, costs={"looks": traces.costs["looks"][:, ::-1]})
    with pytest.raises(DataError, match="costs in looks"):
        replace(traces, costs={"macs": traces.costs["macs"]})
    with pytest.raises(DataError, match="noise is"):
        replace(traces, noise=traces.noise[:, :2])
    with pytest.raises(DataError, match="scores that are not finite"):
        replace(traces, scores=np.full_like(traces.scores, np.nan))
    with pytest.raises(DataError, match="at least one"):
        traces.select([])
    with pytest.raises(UsageError, match="no costs in tiles"):
        traces.cost(rules.count, "tiles")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"not a zip file at all"])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"broken\.npz"):
        Traces.load(path)
    with pytest.raises(DataError, match="absent"):
        Traces.load(tmp_path / "absent.npz")


def test_an_unwritable_place_is_named(traces: Traces, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nowhere"):
        traces.save(tmp_path / "nowhere" / "traces.npz")
