"""Every critic keeps the contract: one finite number per row, rows apart, float32, priced, trainable."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from foveate.core import Observation, QCritic
from foveate.critics import CRITICS
from foveate.rows import take
from tests.conformance.parts import CLOSE, CRITIC_CASES, assert_close, observation, seeded


@pytest.fixture(params=CRITIC_CASES)
def critic(request: pytest.FixtureRequest) -> Any:
    part = seeded(CRITIC_CASES[request.param], jitter=0.3)
    part.make = CRITIC_CASES[request.param]
    return part


@pytest.fixture(params=["grid", "ragged"])
def seen(request: pytest.FixtureRequest, critic: Any) -> Observation:
    if request.param == "ragged" and getattr(critic, "needs_grid", False):
        pytest.skip("needs a grid")
    return observation(ragged=request.param == "ragged")


@torch.no_grad()
def test_one_finite_number_per_row_that_is_nobody_elses_business(critic: Any, seen: Observation) -> None:
    value = critic.value(seen)
    assert value.shape == (len(seen.mask),)
    assert value.dtype == torch.float32
    assert value.isfinite().all()
    assert value.std() > 0
    for rows in ([2], [4, 0], [5, 4, 3, 2, 1, 0]):
        assert_close(critic.value(take(seen, np.array(rows))), value[rows], **CLOSE)


@torch.no_grad()
def test_masked_candidates_are_not_seen_and_a_row_without_any_is_finite(critic: Any) -> None:
    if getattr(critic, "needs_grid", False):
        pytest.skip("a grid always has candidates")
    seen = observation(ragged=True)
    value = critic.value(seen)
    seen.features[~seen.mask] = 1e4
    seen.coverage[~seen.mask] = 7
    assert_close(critic.value(seen), value, **CLOSE)
    seen.mask[0] = False
    empty = critic.value(seen)
    assert empty.isfinite().all()
    assert_close(empty[1:], value[1:], **CLOSE)


def test_gradients_reach_every_parameter_and_are_finite(critic: Any, seen: Observation) -> None:
    total = critic.value(seen).square().sum()
    if isinstance(critic, QCritic):
        total = total + critic.q(seen, _actions(seen)).square().sum()
    total.backward()
    for key, parameter in critic.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
        assert parameter.grad.abs().sum() > 0, key


@torch.no_grad()
def test_autocast_leaves_its_arithmetic_in_float32(critic: Any, seen: Observation) -> None:
    exact = critic.value(seen)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert_close(critic.value(seen), exact)


@torch.no_grad()
def test_macs_are_what_the_counter_counts(critic: Any, seen: Observation) -> None:
    one = take(seen, np.array([0]))
    counter = FlopCounterMode(display=False)
    with counter:
        critic.value(one)
    assert counter.get_total_flops() / 2 == pytest.approx(critic.macs(one), rel=0.01)
    assert isinstance(critic.macs(one), int)


@torch.no_grad()
def test_weights_saved_and_loaded_give_the_same_values(critic: Any, seen: Observation) -> None:
    other = critic.make()
    other.load_state_dict(critic.state_dict())
    assert_close(other.value(seen), critic.value(seen))


def test_facts_of_the_registry_are_facts_of_the_class() -> None:
    for name in CRITICS.names():
        facts, critic_class = CRITICS.facts(name), CRITICS.get(name)
        for fact in ("needs_grid", "needs_relevance"):
            assert facts.get(fact, False) == getattr(critic_class, fact, False), (name, fact)


@torch.no_grad()
def test_two_different_opinions_of_every_action_that_are_nobody_elses_business(critic: Any, seen: Observation) -> None:
    if not isinstance(critic, QCritic):
        pytest.skip("judges no actions")
    actions = _actions(seen)
    opinions = critic.q(seen, actions)
    assert opinions.shape == (len(seen.mask), 2, 3)
    assert opinions.dtype == torch.float32
    assert (opinions[:, 0] - opinions[:, 1]).abs().min() > 1e-6
    assert opinions.std(2).min() > 0
    rows = np.array([4, 1])
    assert_close(critic.q(take(seen, rows), take(actions, rows)), opinions[rows], **CLOSE)
    assert_close(critic.q(seen, {key: part[:, 1:2] for key, part in actions.items()}), opinions[..., 1:2], **CLOSE)


def _actions(seen: Observation) -> dict[str, torch.Tensor]:
    """Three for every row, as any kind of policy would name them."""
    rng = torch.Generator().manual_seed(1)
    existing = seen.mask.float().cumsum(1).argmax(1)
    candidate = torch.stack([seen.mask.float().argmax(1), existing, existing // 2], dim=1)
    return {"candidate": candidate, "place": torch.rand(len(seen.mask), 3, 2, generator=rng)}
