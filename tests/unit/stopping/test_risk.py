import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import comb, fsum
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom

from foveate.config import from_plain, to_plain
from foveate.errors import DataError, UsageError
from foveate.stopping.risk import (
    DEFER_ALL,
    THRESHOLDS,
    RiskPoint,
    binomial_p_value,
    fewest_scenes,
    learn_then_test,
    solve_risk,
)

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

NUM_DRAWS = 500
NUM_POSITIVES = 400
MOST_ERRORS = 3  # of 400 scenes that may err where a risk of 0.02 is shown with confidence 0.95


@dataclass(frozen=True, kw_only=True)
class Population:
    """Scenes with a target whose every risk is known in closed form.

    A latent difficulty, uniform on [0, 1], gives the certainty and the chances that the search and the scan miss; given
    the difficulty, they miss independently.
    """

    certainty: Callable[[Floats, Floats], Floats]
    """Of the difficulty and of uniform noise, each [...]."""
    search: Callable[[Floats], Floats]
    """Chance to miss [...] at a difficulty [...]."""
    scan: Callable[[Floats], Floats]
    true_risk: Callable[[float], float]
    """Chance that a scene is not deferred at a threshold in [0, 1] and is missed by the search only."""

    def draw(self, generator: np.random.Generator, *shape: int) -> dict[str, Any]:
        difficulty, *noise = generator.random((4, *shape))
        return {
            "certainty": self.certainty(difficulty, noise[0]),
            "search_missed": noise[1] < self.search(difficulty),
            "scan_missed": noise[2] < self.scan(difficulty),
        }


def always(chance: float) -> Callable[[Floats], Floats]:
    return lambda difficulty: np.full_like(difficulty, chance)


POPULATIONS = {
    "informative": Population(
        certainty=lambda difficulty, noise: 1 - difficulty,
        search=lambda difficulty: 0.8 * difficulty**2,
        scan=lambda difficulty: 0.1 * difficulty,
        true_risk=lambda threshold: 0.8 * ((1 - threshold) ** 3 / 3 - 0.1 * (1 - threshold) ** 4 / 4),
    ),
    "crowded near one": Population(  # as softmax confidences are
        certainty=lambda difficulty, noise: 1 - 1e-3 * difficulty,
        search=lambda difficulty: 0.8 * difficulty**2,
        scan=always(0.0),
        true_risk=lambda threshold: 0.8 / 3 * min(1000 * (1 - threshold), 1) ** 3,
    ),
    "says nothing": Population(
        certainty=lambda difficulty, noise: noise,
        search=lambda difficulty: 0.3 * difficulty,
        scan=lambda difficulty: 0.2 * difficulty,
        true_risk=lambda threshold: (1 - threshold) * (0.3 / 2 - 0.06 / 3),
    ),
    "perfect": Population(
        certainty=lambda difficulty, noise: noise, search=always(0.0), scan=always(0.1), true_risk=lambda threshold: 0.0
    ),
    "all or nothing": Population(  # just above the risk as soon as anything is answered: the hardest case
        certainty=lambda difficulty, noise: np.full_like(difficulty, 0.9),
        search=always(0.02001),
        scan=always(0.0),
        true_risk=lambda threshold: 0.02001 * (threshold <= 0.9),
    ),
    "searching harms only where scanning does": Population(
        certainty=lambda difficulty, noise: 1 - difficulty,
        search=lambda difficulty: np.where(difficulty > 0.9, 1.0, 0.0),
        scan=lambda difficulty: np.where(difficulty > 0.9, 1.0, 0.0),
        true_risk=lambda threshold: 0.0,
    ),
}


def points_of(population: Population, *, seed: int, **asked: Any) -> list[RiskPoint]:
    """What 500 independent held-out sets of 400 scenes with a target, and as many without, give."""
    scenes = population.draw(np.random.default_rng(seed), NUM_DRAWS, 2 * NUM_POSITIVES)
    has_target = np.arange(2 * NUM_POSITIVES) < NUM_POSITIVES
    scenes["search_missed"][:, ~has_target] = True  # which means nothing, and must not be read
    return [
        solve_risk(**{name: rows[draw] for name, rows in scenes.items()}, has_target=has_target, **asked)
        for draw in range(NUM_DRAWS)
    ]


@pytest.mark.parametrize("name", POPULATIONS)
def test_populations_are_what_they_say(name: str) -> None:
    """Closed forms against a large sample; and misses beyond the scan's are at most what is controlled."""
    population, num = POPULATIONS[name], 200_000
    scenes = population.draw(np.random.default_rng(1), num)
    for threshold in (0.0, 0.3, 0.8, 0.9, 0.9995):
        stands = scenes["certainty"] >= threshold
        risk = (stands & scenes["search_missed"] & ~scenes["scan_missed"]).mean()
        assert risk == pytest.approx(population.true_risk(threshold), abs=4 * (0.25 / num) ** 0.5)
        missed = np.where(stands, scenes["search_missed"], scenes["scan_missed"])
        assert missed.mean() - scenes["scan_missed"].mean() <= risk


@pytest.mark.parametrize("name", POPULATIONS)
def test_the_risk_is_kept_with_the_stated_confidence(name: str) -> None:
    population = POPULATIONS[name]
    points = points_of(population, seed=0)
    broken = [population.true_risk(point.threshold) > point.risk for point in points]
    assert np.mean(broken) <= 0.05


@pytest.mark.parametrize(("risk", "confidence"), [(0.05, 0.8), (0.1, 0.5), (0.02, 0.99)])
def test_other_promises_are_kept_too(risk: float, confidence: float) -> None:
    population = POPULATIONS["informative"]
    points = points_of(population, seed=0, risk=risk, confidence=confidence)
    broken = np.mean([population.true_risk(point.threshold) > risk for point in points])
    allowed = 1 - confidence
    assert broken <= allowed + 2 * (allowed * confidence / NUM_DRAWS) ** 0.5


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("informative", 0.6, 0.75),
        ("crowded near one", 0.6, 0.75),
        ("says nothing", 0.9, 0.95),
        ("perfect", 0.0, 0.0),
        ("all or nothing", 0.9, 1.0),
        ("searching harms only where scanning does", 0.0, 0.0),
    ],
)
def test_no_more_is_deferred_than_the_risk_asks_for(name: str, least: float, most: float) -> None:
    assert least <= np.mean([point.expected_deferred for point in points_of(POPULATIONS[name], seed=0)]) <= most


@pytest.mark.parametrize("trials", [0, 1, 149, 400, 10_000, 1_000_000])
@pytest.mark.parametrize("risk", [0.0, 1e-6, 0.02, 0.5, 0.999999, 1.0])
def test_p_values_against_scipy(trials: int, risk: float) -> None:
    spread = 6 * (trials * risk * (1 - risk)) ** 0.5 + 3
    around = trials * risk + spread * np.linspace(-1, 1, 25)
    errors = np.unique(np.concatenate([[0, trials], around]).clip(0, trials).astype(np.int64))
    # The logarithms of a million factorials are exact to their last digit, which is 1e-9.
    np.testing.assert_allclose(
        binomial_p_value(errors, trials=trials, risk=risk), binom.cdf(errors, trials, risk), rtol=1e-7, atol=1e-300
    )


@given(trials=st.integers(1, 40), risk=st.floats(0, 1), data=st.data())
def test_p_values_against_whole_numbers(trials: int, risk: float, data: st.DataObject) -> None:
    errors = data.draw(st.integers(0, trials))
    exact = fsum(comb(trials, k) * risk**k * (1 - risk) ** (trials - k) for k in range(errors + 1))
    assert binomial_p_value(errors, trials=trials, risk=risk) == pytest.approx(exact, rel=1e-9, abs=1e-15)


def test_p_values_keep_the_shape() -> None:
    assert binomial_p_value([[0, 1, 2]], trials=2, risk=0.5) == pytest.approx(np.array([[0.25, 0.75, 1.0]]))
    assert binomial_p_value([], trials=2, risk=0.5).shape == (0,)


@pytest.mark.parametrize(("errors", "trials", "risk"), [(-1, 5, 0.1), (6, 5, 0.1), (0, -1, 0.1), (0, 5, 1.1)])
def test_p_values_of_what_cannot_be(errors: int, trials: int, risk: float) -> None:
    with pytest.raises(UsageError, match="between 0 and"):
        binomial_p_value(errors, trials=trials, risk=risk)
    with pytest.raises(UsageError, match="risk is nan"):
        binomial_p_value(0, trials=1, risk=float("nan"))


def losses_of(*errors: int) -> Flags:
    """Losses of 400 scenes with so many errors per column."""
    return np.arange(NUM_POSITIVES)[:, None] < np.array(errors, np.int64)


@pytest.mark.parametrize(
    ("errors", "accepted"),
    [
        ((0, 1, 3, 4), 2),
        ((0, 0, 0), 2),
        ((0, 4, 0, 0), 0),  # a failure ends it, whatever comes later
        ((4, 0), None),
        ((), None),
    ],
)
def test_the_last_column_before_the_first_failure(errors: tuple[int, ...], accepted: int | None) -> None:
    losses = losses_of(*errors)
    assert binom.cdf(MOST_ERRORS, NUM_POSITIVES, 0.02) < 0.05 < binom.cdf(MOST_ERRORS + 1, NUM_POSITIVES, 0.02)
    assert learn_then_test(losses, risk=0.02, confidence=0.95) == accepted
    assert learn_then_test(losses.astype(np.float64), risk=0.02, confidence=0.95) == accepted


def test_nothing_is_shown_by_nothing() -> None:
    assert learn_then_test(np.zeros((0, 3), bool), risk=0.02, confidence=0.95) is None


@pytest.mark.parametrize("losses", [np.zeros(3, bool), np.full((3, 2), 0.5), np.full((3, 2), np.nan)])
def test_losses_of_another_form(losses: NDArray[Any]) -> None:
    with pytest.raises(DataError, match="losses must be"):
        learn_then_test(losses, risk=0.02, confidence=0.95)


def test_fewest_scenes() -> None:
    assert fewest_scenes(risk=0.02, confidence=0.95) == 149
    assert fewest_scenes(risk=0.1, confidence=0.19) == 2  # 1 - 0.9², where rounding could ask for a third


@given(risk=st.floats(1e-3, 0.999), confidence=st.floats(1e-3, 0.999))
def test_fewer_scenes_show_nothing(risk: float, confidence: float) -> None:
    least = fewest_scenes(risk=risk, confidence=confidence)
    assert learn_then_test(np.zeros((least, 1), bool), risk=risk, confidence=confidence) == 0
    assert learn_then_test(np.zeros((least - 1, 1), bool), risk=risk, confidence=confidence) is None


def scenes_of(*, num: int = NUM_POSITIVES, **changed: Any) -> dict[str, Any]:
    """Scenes that all hold a target, of certainties from 0 to 1; the search misses every fourth, the scan none."""
    scenes = {
        "certainty": np.linspace(0, 1, num),
        "search_missed": np.arange(num) % 4 == 0,
        "scan_missed": np.zeros(num, bool),
        "has_target": np.ones(num, bool),
    }
    return scenes | changed


def test_a_point_says_what_it_gave() -> None:
    scenes = scenes_of()
    point = solve_risk(**scenes)
    deferred = point.defers(scenes["certainty"])
    assert point.errors == np.count_nonzero(scenes["search_missed"] & ~deferred) == MOST_ERRORS
    assert point.expected_deferred == deferred.mean()
    assert (point.num_positives, point.risk, point.confidence) == (NUM_POSITIVES, 0.02, 0.95)
    bolder = replace(point, threshold=float(THRESHOLDS[THRESHOLDS.tolist().index(point.threshold) + 1]))
    assert np.count_nonzero(scenes["search_missed"] & ~bolder.defers(scenes["certainty"])) > MOST_ERRORS


def test_more_risk_or_less_confidence_defers_no_more() -> None:
    by_risk = [solve_risk(**scenes_of(), risk=risk).threshold for risk in (0.01, 0.02, 0.05, 0.1, 0.2, 0.3)]
    assert by_risk == sorted(by_risk, reverse=True)
    assert by_risk[-1] == 0
    by_confidence = [solve_risk(**scenes_of(), confidence=sure).threshold for sure in (0.999, 0.99, 0.95, 0.8, 0.5)]
    assert by_confidence == sorted(by_confidence, reverse=True)
    assert len(set(by_risk)) == 6
    assert len(set(by_confidence)) > 2


def test_the_scans_own_misses_are_not_the_searchs() -> None:
    every = np.ones(NUM_POSITIVES, bool)
    assert solve_risk(**scenes_of(scan_missed=every)).threshold == 0


def test_scenes_without_a_target_only_count_as_deferred() -> None:
    alone, empty = scenes_of(), scenes_of(num=1200, certainty=np.zeros(1200), has_target=np.zeros(1200, bool))
    both: dict[str, Any] = {name: np.concatenate([alone[name], empty[name]]) for name in alone}
    point = solve_risk(**both)
    before = solve_risk(**alone)
    assert replace(point, expected_deferred=0) == replace(before, expected_deferred=0)
    assert point.expected_deferred == pytest.approx((before.expected_deferred + 3) / 4)


def test_nan_is_always_deferred() -> None:
    certainty = np.where(np.arange(NUM_POSITIVES) % 4 == 0, np.nan, 0.0)
    point = solve_risk(**scenes_of(certainty=certainty))
    assert (point.threshold, point.errors, point.expected_deferred) == (0, 0, 0.25)
    np.testing.assert_array_equal(point.defers([np.nan, 0.0, 1.0]), [True, False, False])


def test_all_are_deferred_where_the_surest_err_too() -> None:
    point = solve_risk(**scenes_of(certainty=np.ones(NUM_POSITIVES)))
    assert (point.threshold, point.errors, point.expected_deferred) == (DEFER_ALL, 0, 1)
    assert point.defers(np.float32(1.000001)), "a sum of probabilities may be that"


def test_either_precision_defers_the_same() -> None:
    """A search gives float32; numpy cuts Python's numbers to that in comparisons."""
    point = solve_risk(**scenes_of())
    for threshold in THRESHOLDS:
        value = np.float32(threshold)
        around = np.nextafter(value, np.array([-1, value, 3], np.float32))
        defers = replace(point, threshold=float(threshold)).defers
        np.testing.assert_array_equal(defers(around), [True, False, False])
        np.testing.assert_array_equal(defers(around.astype(np.float64)), [True, False, False])


def test_candidates_reach_from_all_to_none() -> None:
    assert THRESHOLDS[0] == DEFER_ALL
    assert THRESHOLDS[-1] == 0
    assert (np.diff(THRESHOLDS) < 0).all()
    assert 1.0 in THRESHOLDS, "answers of a saturated search may still be told from others"


@pytest.mark.parametrize(
    ("num", "words"),
    [(148, "148 scenes with a target are too few: at least 149 are needed"), (1, "1 scene with a target is too few")],
)
def test_few_scenes(num: int, words: str) -> None:
    with pytest.raises(DataError, match=words):
        solve_risk(**scenes_of(has_target=np.arange(NUM_POSITIVES) < num))


def test_just_enough_scenes() -> None:
    assert solve_risk(**scenes_of(num=149, search_missed=np.zeros(149, bool))).threshold == 0
    assert solve_risk(**scenes_of(num=149, certainty=np.ones(149))).threshold == DEFER_ALL


@pytest.mark.parametrize("name", ["risk", "confidence"])
@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 2.0, float("nan")])
def test_promises_that_cannot_be(name: str, share: float) -> None:
    with pytest.raises(UsageError, match=f"{name} is .*above 0 and below 1"):
        solve_risk(**scenes_of() | {name: share})
    with pytest.raises(UsageError, match=f"{name} is"):
        fewest_scenes(**{"risk": 0.02, "confidence": 0.95, name: share})
    with pytest.raises(UsageError, match=f"{name} is"):
        learn_then_test(losses_of(0), **{"risk": 0.02, "confidence": 0.95, name: share})


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("certainty", np.zeros((NUM_POSITIVES, 1)), r"one number per scene, not \(400, 1\)"),
        ("certainty", np.zeros(3), r"search_missed is \(400,\), certainty is \(3,\)"),
        ("certainty", np.full(NUM_POSITIVES, -0.7), "runs from -0.7 to -0.7; it must lie between 0 and 1"),
        ("certainty", np.linspace(0, 12, NUM_POSITIVES), "runs from 0 to 12"),
        ("certainty", np.full(NUM_POSITIVES, np.inf), "from inf to inf"),
        ("search_missed", np.zeros(3, bool), r"search_missed is \(3,\)"),
        ("scan_missed", np.zeros((NUM_POSITIVES, 2), bool), r"scan_missed is \(400, 2\)"),
        ("scan_missed", np.zeros(NUM_POSITIVES), "scan_missed holds float64; it must hold true or false"),
        ("has_target", np.ones(3, bool), r"has_target is \(3,\)"),
        ("has_target", np.ones(NUM_POSITIVES, np.int64), "has_target holds int64"),
    ],
)
def test_bad_arrays(name: str, array: NDArray[Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        solve_risk(**scenes_of() | {name: array})


@pytest.mark.parametrize("certainty", [np.linspace(0, 1, NUM_POSITIVES), np.ones(NUM_POSITIVES)])
def test_a_point_goes_through_json(certainty: Floats) -> None:
    point = solve_risk(**scenes_of(certainty=certainty))
    stored = json.dumps(to_plain(point), allow_nan=False)
    assert from_plain(RiskPoint, json.loads(stored), where="the risk") == point


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threshold", -0.1),
        ("threshold", 3.0),
        ("threshold", float("nan")),
        ("risk", 0.0),
        ("confidence", 1.0),
        ("num_positives", -1),
        ("errors", NUM_POSITIVES + 1),
        ("expected_deferred", 1.1),
    ],
)
def test_points_that_cannot_be(name: str, value: float) -> None:
    plain = to_plain(solve_risk(**scenes_of()))
    with pytest.raises(UsageError, match=name):
        from_plain(RiskPoint, plain | {name: value}, where="the risk")
