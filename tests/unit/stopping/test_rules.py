import numpy as np
import pytest

from foveate.core import Step
from foveate.errors import IncompatibleError
from foveate.stopping import rules
from foveate.stopping.stopper import Stopper


def step_of(**fields: object) -> Step:
    return Step(**({"num_looks": np.zeros(4, np.int64), "scene_noise": np.array([0.1, 0.4, 0.6, 0.9])} | fields))


def test_value_is_the_critic_within_one_rounding_step() -> None:
    value = np.array([-0.5, 0.0, 0.25, 3.0], np.float32)
    np.testing.assert_allclose(rules.value.signal(step_of(value=value)), value, rtol=2e-7, atol=1e-44)
    np.testing.assert_allclose(rules.anti_value.signal(step_of(value=value)), -value, rtol=2e-7, atol=1e-44)


@pytest.mark.parametrize("name", ["confidence", "entropy", "margin"])
def test_the_surer_the_smaller_the_appetite(name: str) -> None:
    sure = np.array([0.1, 0.5, 0.9, 1.0], np.float32)
    signal = getattr(rules, name).signal(step_of(certainty={name: sure}))
    assert (np.diff(signal) < 0).all()


def test_a_certainty_that_the_task_lacks_is_named() -> None:
    with pytest.raises(IncompatibleError, match=r"margin.*this task has: confidence"):
        rules.margin.signal(step_of(certainty={"confidence": np.ones(4, np.float32)}))


def test_ties_are_broken_by_the_scene_and_order_is_kept() -> None:
    value = np.array([1.0, 1.0, 1.0, np.nextafter(np.float32(1), np.float32(2))], np.float32)
    signal = rules.value.signal(step_of(value=value))
    assert (np.diff(signal) > 0).all()


def test_a_broken_critic_keeps_looking_unless_told_to_stop() -> None:
    value = np.array([np.nan, np.inf, -np.inf, 0.0], np.float32)
    stops = [
        Stopper(rule=rules.value, thresholds=np.array([at]))(step_of(value=value)) for at in (-np.inf, 1e30, np.inf)
    ]
    np.testing.assert_array_equal(stops, [[False] * 4, [False, False, True, True], [True] * 4])


@pytest.mark.parametrize("mean", [0.0, 0.25, 1.0, 2.3, 5.0])
def test_a_fractional_count_is_met_exactly(mean: float) -> None:
    noise = (np.arange(1000) + 0.5) / 1000
    looks = np.zeros(1000, np.int64)
    stopper = Stopper(rule=rules.count, thresholds=np.array([1 - mean]))
    for _ in range(5):
        looks += ~stopper(Step(num_looks=looks, scene_noise=noise))
    assert looks.mean() == pytest.approx(mean)
    assert set(looks) <= {int(np.floor(mean)), int(np.ceil(mean))}


def test_random_is_fresh_at_every_step() -> None:
    noise = np.array([0.2, 0.3, 0.8, 0.9])
    np.testing.assert_array_equal(rules.random.signal(step_of(noise=noise)), noise)


def test_a_rule_is_one_function() -> None:
    @rules.rule("value", "certainty")
    def both(step: Step) -> np.ndarray:
        assert step.value is not None
        assert step.certainty is not None
        return step.value - step.certainty["margin"]

    assert both.needs == {"value", "certainty", "scene_noise"}
    signal = both.signal(step_of(value=np.ones(4, np.float32), certainty={"margin": np.arange(4, dtype=np.float32)}))
    np.testing.assert_allclose(signal, 1 - np.arange(4), atol=1e-6)
