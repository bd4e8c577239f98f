"""The loop: who leaves when, what it costs, and that nobody disturbs anybody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.core import Glimpses, Look
from foveate.episode import Episode, Player
from foveate.errors import BudgetError, DataError, IncompatibleError, SceneError
from foveate.models import create_model
from foveate.noise import Noise
from foveate.policies.spatial import Spatial, SpatialConfig
from foveate.rollout import rollout
from foveate.rows import as_numpy
from foveate.scenes.memory import ArrayScenes
from foveate.stopping import STOP_RULES
from foveate.stopping.limits import Limits
from foveate.stopping.stopper import Stopper
from foveate.tasks.classification import Classification, ClassificationConfig
from tests.conformance.parts import (
    CRITIC_CASES,
    MODEL_CASES,
    POLICY_CASES,
    SIZES_PX,
    assert_close,
    opened,
    seeded,
)

N = len(SIZES_PX)
INFINITE = np.array([np.inf])
# Products of another batch size sum in another order (BLAS kernels), which moves a continuous look by its last bits; in
# these scenes of white noise the next glimpse differs by a thousand times as much. What is counted must be equal.
CHAOTIC = {"atol": 5e-4, "rtol": 2e-3}
# (family, policy, looks at most)
SYSTEMS = {
    "glance_focus": ("glance_focus", "spatial", 3),
    "adaptivenn": ("adaptivenn_tiny", "gaussian", 2),
    "raster": ("glance_focus", "raster", 3),
    "tokens": ("tokens", "squashed", 3),
    "frontier": ("frontier", "nodes-4", None),
}


class Fetched(ArrayScenes):
    """Scenes whose every look fetches bytes: as many as it has rows of pixels."""

    def read(self, viewpoints: Any, size_px: tuple[int, int], valid: Any = None, *, antialias: bool = True) -> Glimpses:
        glimpses = super().read(viewpoints, size_px, valid, antialias=antialias)
        rows_px = as_numpy(viewpoints)[..., 3] * self.sizes_px[:, None, 0]
        fetched = np.where(True if valid is None else as_numpy(valid), np.ceil(rows_px), 0).sum(1)
        return replace(glimpses, read_bytes=fetched.astype(np.int64))

    def max_read_bytes(self) -> Any:
        return self.sizes_px[:, 0]


def _fetched() -> Fetched:
    """Float scenes: as uint8, a look moved by its last bit may round pixels to another level, and move the next."""
    rng = np.random.default_rng(0)
    images = [rng.uniform(0, 255, (3, height, width)).astype(np.float32) for height, width in SIZES_PX]
    return Fetched(images, value_range=(0.0, 255.0))


class Refuses:
    """A policy or critic that must not be called."""

    noise_shape = (1, 2)

    def look(self, *_: Any) -> Any:
        raise AssertionError("the policy was called")

    def value(self, *_: Any) -> Any:
        raise AssertionError("the critic was called")

    def macs(self, *_: Any) -> int:
        return 10**6


def _player(system: str = "glance_focus", **settings: Any) -> Player:
    family, policy, max_looks = SYSTEMS[system]
    model = seeded(MODEL_CASES[family])
    shape = model.observation_shape
    return Player(
        **{
            "model": model,
            "policy": seeded(lambda: POLICY_CASES[policy](shape), jitter=0.3),
            "critic": seeded(lambda: CRITIC_CASES["spatial_value"](shape), jitter=0.3),
            "task": Classification(ClassificationConfig(class_names=tuple("abc"[: 2 if family == "frontier" else 3]))),
            "max_looks": max_looks,
            "stop": Stopper(rule=STOP_RULES.get("random"), thresholds=np.array([0.4])),
            **settings,
        }
    )


@torch.no_grad()
def _play(player: Player, rows: Any = slice(None), *, seed: int = 0, **settings: Any) -> Episode:
    noise = Noise(seed=seed, scenes=1000 + np.arange(N)[rows])
    return rollout(_fetched().select(rows), player, noise=noise, **{"explore": True, **settings})


@pytest.fixture(params=SYSTEMS)
def system(request: pytest.FixtureRequest) -> str:
    return request.param


def _rows(episode: Episode, rows: Any) -> dict[str, Any]:
    ledger = episode.ledger
    looks = [episode.viewpoints[row][episode.valid[row]] for row in rows]
    return {
        **{f"looks of row {i}": where for i, where in enumerate(looks)},
        **{key: getattr(episode, key)[rows] for key in ("num_looks", "stopped", "truncated", "deferred", "prediction")},
        **{key: getattr(ledger, key)[rows] for key in ("looks", "macs", "sensed_px", "decoded_px", "read_bytes")},
    }


def test_each_row_gets_what_it_gets_alone_and_in_any_order(system: str) -> None:
    """Rows leave at different steps, so the batch shrinks around those that stay."""
    player = _player(system)
    together = _play(player)
    assert len(set(together.num_looks.tolist())) > 1, "choose noise by which rows leave apart"
    for rows in ([0], [3], [5, 2], list(range(N))[::-1]):
        apart = _play(player, np.array(rows))
        assert_close(_rows(apart, list(range(len(rows)))), _rows(together, rows), **CHAOTIC)


def test_it_is_reproducible_and_noise_is_the_only_randomness(system: str) -> None:
    player = _player(system, stop=None, limits=Limits(looks=8), max_looks=None)
    a, b, other = _play(player), _play(player), _play(player, seed=1)
    assert_close(_rows(a, list(range(N))), _rows(b, list(range(N))))
    assert system == "raster" or not np.array_equal(a.viewpoints, other.viewpoints)
    mode, again = (_play(player, seed=seed, explore=False) for seed in (0, 1))
    assert_close(_rows(mode, list(range(N))), _rows(again, list(range(N))))


def test_every_row_leaves_exactly_one_way_and_the_ledger_adds_up(system: str) -> None:
    needs = STOP_RULES.get("confidence")
    player = _player(system, defer=Stopper(rule=needs, thresholds=INFINITE)) if system != "tokens" else _player(system)
    episode = _play(player, keep_events=True)
    flags = np.stack([episode.stopped, episode.truncated, episode.deferred])
    assert (flags.sum(0) == 1).all()
    assert system == "tokens" or not episode.truncated.any()  # the rule finds nothing settled
    ledger = episode.ledger
    assert ledger.macs.sum() == sum(ledger.part_macs.values())
    assert ledger.looks.tolist() == episode.num_looks.tolist() == episode.valid.sum((1, 2)).tolist()
    height, width = player.model.glimpse_size_px(1)
    glance = 0 if player.model.opening == "free" else np.prod(player.model.glimpse_size_px(0))
    assert ledger.sensed_px.tolist() == (glance + height * width * episode.num_looks).tolist()
    for event in episode.events:
        assert event.look is None or not event.look.viewpoints.requires_grad
    assert len(episode.prediction) == N


def test_stopping_after_the_glance_costs_the_glance_a_head_and_a_value_and_calls_no_policy() -> None:
    always = Stopper(rule=STOP_RULES.get("value"), thresholds=INFINITE)
    player = _player(policy=Refuses(), stop=always)
    episode = _play(player, keep_events=True)
    price = player.model.price()
    assert episode.stopped.all()
    assert not episode.num_looks.any()
    value = player.critic.macs(episode.events[0].observation)
    assert episode.ledger.macs.tolist() == [price.open_macs + price.predict_macs + value] * N
    assert dict(episode.ledger.part_calls) == {"open": N, "value": N, "predict": N}
    height, width = player.model.glimpse_size_px(0)
    assert episode.ledger.sensed_px.tolist() == [height * width] * N


def test_no_looks_at_all_is_legal_and_asks_nobody() -> None:
    rule = Stopper(rule=STOP_RULES.get("value"), thresholds=INFINITE)
    episode = _play(_player(policy=Refuses(), critic=Refuses(), stop=rule, max_looks=0))
    assert episode.truncated.all()
    assert not episode.num_looks.any()
    assert episode.prediction.shape == (N, 3)
    assert "value" not in episode.ledger.part_calls


@pytest.mark.parametrize("max_looks", [4, 5, 7, 8, 11, 50])
def test_several_looks_at_once_never_pass_the_horizon_and_candidates_run_out(max_looks: int) -> None:
    episode = _play(_player("frontier", stop=None, max_looks=max_looks))
    assert (episode.num_looks <= max_looks).all()
    assert (episode.num_looks >= min(max_looks - 3, 20)).all()
    assert episode.truncated.all()
    assert max_looks < 20 or (episode.num_looks == 20).all()  # all 4 + 16 nodes, then nothing is left


@pytest.mark.parametrize("system", ["glance_focus", "frontier", "adaptivenn", "tokens"])
@pytest.mark.parametrize("unit", ["looks", "macs", "px", "pct_px", "tiles", "bytes"])
def test_no_limit_is_exceeded_and_a_lower_one_never_senses_more(system: str, unit: str) -> None:
    player = _player(system, stop=None, max_looks=SYSTEMS[system][2] or 50)
    if unit == "macs":  # facts cost too
        player = replace(player, stop=Stopper(rule=STOP_RULES.get("value"), thresholds=-INFINITE))
    full = _play(player).ledger.spent(np.arange(N))[unit]
    none = _play(replace(player, max_looks=0, policy=Refuses())).ledger.spent(np.arange(N))[unit]

    first = player.model.observe(opened(player.model, _fetched()))
    opinion = player.critic.macs(first)  # of the opening: not among the cost of `none`

    @settings(max_examples=12)
    @given(share=st.floats(0, 1.2))
    def check(share: float) -> None:
        caps = [float(none.max() + part * (full.max() - none.max())) for part in (share, share / 2)]
        sensed = []
        for cap in caps:
            if unit == "macs":
                cap = cap + opinion
            episode = _play(replace(player, limits=Limits(**{unit: cap})))
            assert (episode.ledger.spent(np.arange(N))[unit] <= cap * (1 + 1e-9)).all()
            assert episode.truncated.all()
            sensed.append(episode.ledger.sensed_px)
        assert (sensed[1] <= sensed[0]).all()

    check()


def test_a_limit_below_the_opening_is_refused_with_the_nearest_possible_one() -> None:
    player = _player()
    with pytest.raises(BudgetError, match="below the opening") as caught:
        _play(replace(player, limits=Limits(px=1000)))
    assert caught.value.nearest == 42 * 42
    assert _play(replace(player, limits=Limits(px=42 * 42))).truncated.sum() > 0
    least = _play(replace(player, stop=None, max_looks=0)).ledger.macs[0]
    with pytest.raises(BudgetError) as caught:
        _play(replace(player, limits=Limits(macs=float(least - 1))))
    assert caught.value.nearest == least


def test_the_share_of_the_limit_that_is_left_is_observed() -> None:
    episode = _play(_player(stop=None, limits=Limits(looks=2)), keep_events=True)
    assert [event.observation.remaining.tolist() for event in episode.events] == [[1.0] * N, [0.5] * N, [0.0] * N]


def test_deferral_is_asked_of_truncated_rows_only_and_runs_no_extra_head() -> None:
    asked = []

    class Defer:
        needs = frozenset({"certainty"})

        def __call__(self, step: Any) -> Any:
            asked.append(len(step.num_looks))
            return step.certainty["confidence"] < np.median(step.certainty["confidence"])

    plain = _play(_player(max_looks=2))
    assert 0 < plain.truncated.sum() < N
    episode = _play(_player(max_looks=2, defer=Defer()))
    assert sum(asked) == plain.truncated.sum()
    assert (episode.truncated | episode.deferred).tolist() == plain.truncated.tolist()
    assert episode.deferred.any()
    assert episode.ledger.macs.tolist() == plain.ledger.macs.tolist()


def test_facts_that_are_asked_for_are_recorded_at_every_step() -> None:
    episode = _play(_player(stop=None, ask=frozenset({"value", "certainty", "prediction"})), keep_events=True)
    assert len(episode.events) == 4
    for event in episode.events:
        assert event.has_all_predictions
        assert np.isfinite(event.step.value).all()
        assert set(event.step.certainty) == {"confidence", "entropy", "margin"}


class Strays:
    """A policy of two looks, the second of which is not valid; its second step looks elsewhere."""

    noise_shape = (2, 2)

    def __init__(self, *viewpoint: float) -> None:
        self.viewpoint = viewpoint

    def look(self, seen: Any, *_: Any) -> Look:
        n = len(seen.mask)
        where = torch.tensor([[0.0, 0.0, 0.5, 0.5], [torch.nan] * 4]).repeat(n, 1, 1)
        where[seen.num_looks > 0, 0] = torch.tensor(self.viewpoint)
        return Look(action={}, viewpoints=where, valid=torch.tensor([[True, False]]).repeat(n, 1))

    def macs(self, *_: Any) -> int:
        return 0


@pytest.mark.parametrize(
    ("viewpoint", "expected"),
    [
        ((np.nan, 0.0, 0.5, 0.5), r"looks at \[nan, .*after 1 looks; its weights or what it observes are not finite"),
        ((0.0, np.inf, 0.5, 0.5), "are not finite"),
        ((0.6, 0.0, 0.5, 0.5), r"looks at \[0\.6.*after 1 looks; a look must lie inside the scene.*clamp_inside"),
        ((0.0, 0.0, 1.5, 0.5), "must lie inside"),
        ((0.0, 0.0, 0.5, 0.0), "must lie inside"),
        ((0.0, 0.0, -0.5, 0.5), "must lie inside"),
    ],
)
def test_a_look_that_cannot_be_is_refused_with_its_policy_and_step(viewpoint: tuple[float, ...], expected: str) -> None:
    player = _player("tokens", stop=None, policy=Strays(*viewpoint))
    with pytest.raises(IncompatibleError, match=rf"the policy Strays .*{expected}"):
        _play(player)


@pytest.mark.parametrize("system", ["glance_focus", "adaptivenn", "tokens"])
@pytest.mark.parametrize("explore", [False, True])
def test_a_policy_that_diverged_is_refused_by_name(system: str, explore: bool) -> None:
    player = _player(system, stop=None)
    with torch.no_grad():
        for weight in player.policy.parameters():
            weight.fill_(torch.nan)
    with pytest.raises(IncompatibleError, match=rf"the policy {type(player.policy).__name__} .* not finite"):
        _play(player, explore=explore)


def test_looks_that_are_not_valid_may_be_anything_and_edges_may_be_rounded() -> None:
    assert _play(_player("tokens", stop=None, policy=Strays(0.5, -0.5, 0.5 + 1e-6, 0.5 + 1e-6))).truncated.all()


def test_parts_that_do_not_fit_are_refused_before_the_first_glimpse() -> None:
    class Unread(ArrayScenes):
        def read(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("a glimpse was read")

    pictures = np.zeros((2, 3, 40, 40), np.uint8)

    def refused(match: str, *, images: Any = pictures, system: str = "glance_focus", **settings: Any) -> None:
        with pytest.raises(IncompatibleError, match=match):
            rollout(Unread(images), _player(system, **settings))

    shape = seeded(MODEL_CASES["glance_focus"]).observation_shape
    refused(r"scenes have 1 bands, the model reads 3.*num_bands=1", images=pictures[:, :1])
    refused(r"range over \(0.0, 1.0\).*expects \(0.0, 255.0\)", images=pictures.astype(np.float32))
    refused("Cam needs a relevance.*relevance='gradcam'", policy=POLICY_CASES["cam"]())
    refused("Gaussian needs candidates on a regular grid", system="tokens", policy=POLICY_CASES["gaussian"](shape))
    refused("MapValue needs candidates on a regular grid", system="frontier", critic=CRITIC_CASES["map_value"](shape))
    of_seen = replace(shape, seen_dim=7)  # built for a family that says what was seen
    refused("SquashedGaussian reasons about what was seen", policy=POLICY_CASES["squashed_gaussian"](of_seen))
    refused("SetQ reasons about what was seen", critic=CRITIC_CASES["set_q"](of_seen))
    refused("no critic", critic=None, ask=frozenset({"value"}))
    refused("pass task=", task=None, ask=frozenset({"certainty"}))
    refused("look without end", stop=None, max_looks=None)
    refused("takes 4 looks at once, but at most 3", system="frontier", max_looks=3)
    with pytest.raises(DataError, match="empty"):
        rollout(Unread(pictures).select([]), _player())
    pictures = pictures.astype(np.float32)
    pictures[1, 0, 3, 3] = np.nan
    with pytest.raises(SceneError, match="row 1"):
        ArrayScenes(pictures)


def test_saliency_plays_where_the_family_offers_it() -> None:
    model = seeded(MODEL_CASES["glance_focus-relevance"])
    for policy in ("cam", "cam_gmm"):
        episode = _play(_player(model=model, policy=POLICY_CASES[policy](), stop=None), explore=False)
        assert (episode.num_looks == 3).all()
        assert len({tuple(view) for view in episode.viewpoints[0, :, 0].round(3).tolist()}) == 3  # no place twice


def test_a_policy_that_never_looks_is_refused_instead_of_looping() -> None:
    class Blind:
        noise_shape = (1, 1)

        def look(self, observation: Any, noise: Any = None) -> Look:
            n = len(observation.mask)
            return Look(action={}, viewpoints=torch.zeros(n, 1, 4), valid=torch.zeros(n, 1, dtype=torch.bool))

        def macs(self, observation: Any) -> int:
            return 0

    with pytest.raises(IncompatibleError, match="Blind gave no valid look"):
        _play(_player(policy=Blind()))


@torch.no_grad()
def test_rows_that_end_together_wait_for_each_other_and_looks_of_those_that_wait_leave_no_trace() -> None:
    """A scene with fewer candidates than others: training and records need every row at every step."""
    settings = {"num_outputs": 2, "glimpse_px": (16, 16), "cells": (4, 4), "hidden_dim": 16}
    model = seeded(lambda: create_model("zoom_search", **settings)).eval()
    policy = Spatial(SpatialConfig(feature_dim=model.observation_shape.feature_dim, num_looks_per_step=4, offset=0.0))
    rng = np.random.default_rng(0)
    scenes = ArrayScenes([rng.integers(0, 255, (3, *size), np.uint8) for size in ((24, 24), (16, 16), (96, 128))])
    apart = rollout(scenes, Player(model=model, policy=policy, max_looks=20), keep_events=True)
    both = Player(model=model, policy=policy, max_looks=20, together=True, ask=frozenset({"prediction"}))
    together = rollout(scenes, both, noise=Noise(seed=0, scenes=np.arange(3)), explore=True, keep_events=True)
    assert apart.num_looks[2] == 20
    assert apart.num_looks[:2].max() < 20
    assert all(len(event.rows) == 3 for event in together.events)
    assert together.num_looks[2] == 20
    assert together.num_looks[1] == 0
    assert not together.valid[1].any()
    first, last = together.events[0].prediction, together.events[-1].prediction
    assert torch.equal(first[1], last[1])
    for event in together.events[:-1]:
        score = policy.score(event.observation, event.look.action, event.look.behaviour)
        assert torch.isfinite(score.log_prob).all()
        assert torch.isfinite(score.entropy).all()
        assert score.log_prob[1] == score.entropy[1] == 0.0
