"""Every policy keeps the contract: legal looks, noise as an input, rows apart, scores that belong to its own looks."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from foveate.core import Look, Observation, ObservationShape, OffPolicy
from foveate.noise import uniforms
from foveate.policies import POLICIES
from foveate.rows import as_numpy, take
from tests.conformance.parts import CLOSE, LEARNED, POLICY_CASES, SHAPE, assert_close, flat, observation, seeded


@pytest.fixture(params=POLICY_CASES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=["grid", "ragged"])
def shape(request: pytest.FixtureRequest, name: str) -> ObservationShape:
    """What a policy is built for: candidates on a grid, or any."""
    if request.param == "grid":
        return SHAPE
    if name in POLICIES and POLICIES.facts(name).get("needs_grid"):
        pytest.skip("needs a grid")
    return replace(SHAPE, grid=None)


@pytest.fixture
def policy(name: str, shape: ObservationShape) -> Any:
    return seeded(lambda: POLICY_CASES[name](shape), jitter=0.3)


@pytest.fixture
def seen(shape: ObservationShape) -> Observation:
    return observation(ragged=shape.grid is None)


def _noise(policy: Any, n: int, seed: int = 0) -> np.ndarray:
    return uniforms(seed, np.arange(n), shape=policy.noise_shape)


def test_looks_are_legal_whatever_the_noise(policy: Any, seen: Observation) -> None:
    n, (k, dims) = len(seen.features), policy.noise_shape
    extremes = [np.full((n, k, dims), u) for u in (2.0**-53, 0.5, 1 - 2.0**-53)]
    for noise in (None, _noise(policy, n), *extremes):
        look: Look = policy.look(seen, noise)
        assert look.viewpoints.shape == (*look.valid.shape, 4)
        assert look.valid.shape[0] == n
        assert 1 <= look.valid.shape[1] <= k
        assert look.viewpoints.dtype == torch.float32
        assert look.valid.dtype == torch.bool
        chosen = look.viewpoints[look.valid]
        assert (chosen[:, :2].abs() + chosen[:, 2:] <= 1 + 1e-6).all()
        assert (chosen[:, 2:] > 0).all()
        assert all(len(array) == n for array in flat(look))
        assert all(np.isfinite(array).all() for array in flat(look))


def test_there_is_a_look_wherever_there_is_a_candidate_and_never_a_masked_one(policy: Any, seen: Observation) -> None:
    num_candidates = as_numpy(seen.mask).sum(1)
    for noise in (None, *(_noise(policy, len(seen.mask), seed) for seed in range(8))):
        look = policy.look(seen, noise)
        counts = as_numpy(look.valid).sum(1)
        assert (counts >= 1).all()
        assert (counts <= num_candidates).all()
        if "candidate" not in look.action:
            continue
        assert seen.mask.gather(1, look.action["candidate"])[look.valid].all()
        for row, valid in zip(as_numpy(look.action["candidate"]), as_numpy(look.valid), strict=True):
            assert len(set(row[valid])) == valid.sum(), "k looks of one step are drawn without replacement"


def test_the_same_noise_gives_the_same_look(policy: Any, seen: Observation) -> None:
    noise = _noise(policy, len(seen.mask))
    assert_close(policy.look(seen, noise), policy.look(seen, noise.copy()))
    assert_close(policy.look(seen), policy.look(seen))
    from_torch = policy.look(seen, torch.as_tensor(noise))
    assert_close(from_torch, policy.look(seen, noise))


def test_a_row_is_nobody_elses_business(policy: Any, seen: Observation) -> None:
    n = len(seen.mask)
    noise = _noise(policy, n)
    for draw in (None, noise):
        together = policy.look(seen, draw)
        for rows in ([3], [n - 1, 0], list(range(n))[::-1]):
            index = np.array(rows)
            alone = policy.look(take(seen, index), None if draw is None else draw[index])
            assert_close(alone, take(together, index), **CLOSE)


def test_macs_are_what_the_counter_counts(policy: Any, seen: Observation) -> None:
    one = take(seen, np.array([0]))
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        policy.look(one)
    assert counter.get_total_flops() / 2 == pytest.approx(policy.macs(one), rel=0.01)
    assert isinstance(policy.macs(one), int)


@pytest.mark.parametrize("name", LEARNED)
def test_a_look_scores_as_itself(policy: Any, seen: Observation) -> None:
    look = policy.look(seen, _noise(policy, len(seen.mask)))
    score = policy.score(seen, look.action, look.behaviour)
    torch.testing.assert_close(score.log_prob, look.log_prob, atol=1e-5, rtol=1e-5)
    assert score.log_prob.dtype == score.entropy.dtype == torch.float32
    assert score.log_prob.shape == score.entropy.shape == (len(seen.mask),)
    assert score.entropy.isfinite().all()


@pytest.mark.parametrize("name", LEARNED)
def test_draws_follow_the_density_that_scores_them(policy: Any) -> None:
    """E[log p(a)] under the draws equals minus the differential entropy, found by importance: E[p'(a) / p(a)] = 1 for
    the density p' of slightly other weights, whatever the policy."""
    one, draws = take(observation(), np.array([1])), 4096
    many = take(one, np.zeros(draws, np.int64))
    look = policy.look(many, _noise(policy, draws))
    before = policy.score(many, look.action, look.behaviour).log_prob.double()
    with torch.no_grad():
        was = [parameter.clone() for parameter in policy.parameters()]
        for size in (2e-2, 2e-3, 2e-4, 2e-5):  # wide nets must be moved less, or the two densities hardly meet
            for parameter, old in zip(policy.parameters(), was, strict=True):
                parameter.copy_(old + size * torch.randn_like(parameter))
            moved = policy.score(many, look.action, look.behaviour).log_prob.double() - before
            if moved.abs().mean() < 0.3:
                break
    ratio = moved.exp()
    assert ratio.std() > 1e-4
    assert abs(ratio.mean().item() - 1) < 5 * (ratio.std() / math.sqrt(draws)).item()


@pytest.mark.parametrize("name", LEARNED)
def test_gradients_reach_every_parameter_and_are_finite(policy: Any, seen: Observation) -> None:
    look = policy.look(seen, _noise(policy, len(seen.mask))).detach()
    score = policy.score(seen, look.action, look.behaviour)
    (score.log_prob.sum() + 0.1 * score.entropy.sum()).backward()
    for key, parameter in policy.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
        assert parameter.grad.abs().sum() > 0, key


@pytest.mark.parametrize("name", LEARNED)
def test_autocast_leaves_its_arithmetic_in_float32(policy: Any, seen: Observation) -> None:
    noise = _noise(policy, len(seen.mask))
    exact = policy.look(seen, noise)
    if isinstance(policy, torch.nn.Module) and type(policy).__module__.startswith("foveate."):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert_close(policy.look(seen, noise), exact)
            assert_close(policy.score(seen, exact.action, exact.behaviour).log_prob, exact.log_prob, **CLOSE)


@pytest.mark.parametrize("name", LEARNED)
def test_weights_saved_and_loaded_give_the_same_looks(
    name: str, shape: ObservationShape, policy: Any, seen: Observation
) -> None:
    other = POLICY_CASES[name](shape)
    other.load_state_dict(policy.state_dict())
    noise = _noise(policy, len(seen.mask))
    assert_close(other.look(seen, noise), policy.look(seen, noise))


def test_facts_of_the_registry_are_facts_of_the_class() -> None:
    for name in POLICIES.names():
        facts, policy_class = POLICIES.facts(name), POLICIES.get(name)
        for fact in ("needs_grid", "needs_relevance"):
            assert facts.get(fact, False) == getattr(policy_class, fact, False), (name, fact)
        assert facts["learned"] == hasattr(policy_class, "score"), name


def _masked_row(seen: Observation) -> Observation:
    return replace(seen, mask=seen.mask & (torch.arange(len(seen.mask)) > 0)[:, None])


def test_a_row_without_candidates_spoils_no_other(policy: Any) -> None:
    if getattr(policy, "needs_grid", False):
        pytest.skip("a grid always has candidates")
    seen = observation(ragged=True)
    noise, rest = _noise(policy, len(seen.mask)), np.arange(1, len(seen.mask))
    expected = take(policy.look(seen, noise), rest)
    assert_close(take(policy.look(_masked_row(seen), noise), rest), expected, **CLOSE)


def test_choices_are_a_distribution_with_gradients(policy: Any, seen: Observation) -> None:
    """What soft actor-critic needs: weights that sum to 1, finite log-probabilities, a gradient to every parameter."""
    if not isinstance(policy, OffPolicy) or policy.noise_shape[0] > 1:
        pytest.skip("does not learn off policy")
    noise = _noise(policy, len(seen.features))
    choices = policy.choices(seen, noise)
    a = choices.weight.shape[1]
    assert (a > 1) == policy.is_enumerable
    torch.testing.assert_close(choices.weight.sum(1), torch.ones(len(choices.weight)))
    assert choices.log_prob.isfinite().all()
    assert all(part.shape[:2] == (len(seen.features), a) for part in choices.action.values())
    if not policy.is_enumerable:  # a draw is the look that the same noise gives
        look = policy.look(seen, noise)
        assert_close(choices.log_prob[:, 0], look.log_prob, **CLOSE)
        for key, part in choices.action.items():
            assert_close(part, look.action[key], **CLOSE)
    goal = sum(part.square().sum() for part in choices.action.values() if part.requires_grad)
    ((choices.weight * choices.log_prob).sum() + goal).backward()
    reached = {key for key, p in policy.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert reached
    if not policy.is_enumerable:
        assert reached == {key for key, _ in policy.named_parameters()}
