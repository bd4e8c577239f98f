"""Every model family keeps the contract: what it observes, whose business a row is, its cost, its gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from foveate.core import Look, Observation
from foveate.rows import concat, put, take
from tests.conformance.parts import CLOSE, MODEL_CASES, assert_close, flat, looks_at, opened, scenes, seeded, updated

# Reached by no loss of their own, on purpose: only the agent sees what they write, and it sees it detached.


@pytest.fixture(params=MODEL_CASES, scope="module")
def case(request: pytest.FixtureRequest) -> tuple[str, Any]:
    return request.param, seeded(MODEL_CASES[request.param])


@pytest.fixture
def model(case: tuple[str, Any]) -> Any:
    return case[1].eval()


def _two_steps(model: Any) -> list[Any]:
    """States of all scenes after 0, 1 and 2 looks (fewer where the family allows fewer)."""
    batch = scenes()
    with torch.no_grad():
        states = [opened(model, batch)]
        for step in range(min(2, model.max_looks or 2)):
            states.append(updated(model, batch, states[-1], looks_at(model, states[-1], skip=step)))
    return states


def test_observations_have_their_shapes_types_and_bounds(model: Any) -> None:
    shape, n = model.observation_shape, len(scenes())
    widths = set()
    for step, state in enumerate(_two_steps(model)):
        seen: Observation = model.observe(state)
        m = seen.candidates.shape[1]
        widths.add(m)
        assert seen.candidates.shape == (n, m, 4)
        assert seen.features.shape == (n, m, shape.feature_dim)
        assert seen.mask.shape == seen.coverage.shape == (n, m)
        assert seen.summary.shape == (n, shape.summary_dim)
        assert seen.candidates.dtype == seen.features.dtype == seen.summary.dtype == torch.float32
        assert seen.coverage.dtype == torch.float32
        assert seen.mask.dtype == torch.bool
        assert seen.mask.any(1).all()
        assert seen.num_looks.dtype == torch.int64
        assert seen.num_looks.tolist() == [step] * n
        assert (seen.coverage.sum(1) > 0).all() == (step > 0)
        reach = seen.candidates[..., :2].abs() + seen.candidates[..., 2:]
        assert (reach[seen.mask] <= 1 + 1e-6).all()
        assert seen.grid == shape.grid
        assert seen.grid is None or seen.grid[0] * seen.grid[1] == m
        assert (seen.relevance is not None) == shape.has_relevance
        if seen.relevance is not None:
            assert seen.relevance.shape == (n, m)
            assert seen.relevance.dtype == torch.float32
            assert (seen.relevance >= 0).all()
            assert seen.relevance.isfinite().all()
        assert not any(t.requires_grad for t in vars(seen).values() if isinstance(t, torch.Tensor))
    assert len(widths) == 1, "m is one number for the whole life of a model; pad, and say so in the mask"


def test_the_same_again_and_finite(model: Any) -> None:
    for a, b in zip(_two_steps(model), _two_steps(model), strict=True):
        assert_close(a, b)
        assert all(np.isfinite(x).all() for x in flat(model.predict(a)))


@torch.no_grad()
def test_a_row_is_nobody_elses_business(model: Any) -> None:
    """Order, company and the steps of others change nothing: rows at 0, 1 and 2 looks share one batch."""
    batch, states = scenes(), _two_steps(model)
    n = len(batch)
    depths = np.arange(n) % len(states)
    mixed = concat([take(states[d], np.array([row])) for row, d in enumerate(depths)])
    may_look = np.flatnonzero(depths < (model.max_looks or n))
    mixed_look = looks_at(model, take(mixed, may_look), skip=3)
    after = updated(model, batch.select(may_look), take(mixed, may_look), mixed_look)
    for rows in ([0], [2, 1], [n - 1, 0, 1]):
        alone = take(mixed, np.array(rows))
        assert_close(model.predict(alone), take(model.predict(mixed), np.array(rows)), **CLOSE)
        assert_close(model.observe(alone), take(model.observe(mixed), np.array(rows)), **CLOSE)
        inner = np.array([i for i, row in enumerate(may_look) if row in rows][::-1])
        if len(inner):
            part = updated(model, batch.select(may_look[inner]), take(mixed, may_look[inner]), mixed_look.select(inner))
            assert_close(part, take(after, inner), **CLOSE)
    for row in range(n):
        assert_close(opened(model, batch.select([row])), take(states[0], np.array([row])), **CLOSE)


@torch.no_grad()
def test_looks_that_are_not_valid_leave_no_trace(model: Any) -> None:
    batch, state = scenes(), _two_steps(model)[0]
    k = min(2, model.max_looks or 2)
    both = looks_at(model, state, k=k)
    valid = torch.tensor([[True, False], [False, False], [True, True], [False, True], [True, False], [False, False]])
    valid = valid[:, :k]
    wild = torch.where(valid[..., None], both.viewpoints, torch.tensor([0.5, -0.5, 0.25, 0.25]))
    after = updated(model, batch, state, Look(action={}, viewpoints=wild, valid=valid))
    assert after.num_looks.tolist() == valid.sum(1).tolist()
    for row in range(len(batch)):
        rows, expected = np.array([row]), take(state, np.array([row]))
        kept = np.flatnonzero(valid[row].numpy())
        if len(kept):
            one = Look(action={}, viewpoints=both.viewpoints[rows][:, kept], valid=valid[rows][:, kept])
            expected = updated(model, batch.select(rows), expected, one)
        assert_close(take(after, rows), expected, **CLOSE)


def test_rows_can_be_selected_put_back_and_detached(model: Any) -> None:
    state = _two_steps(model)[-1]
    mask = np.array([True, False, True, False, False, True])
    assert_close(state.select(mask), state.select(np.flatnonzero(mask)))
    rows = np.array([4, 1])
    assert_close(put(state, rows, take(state, rows)), state)
    with torch.enable_grad():
        model.train()
        fresh = opened(model, scenes())
    assert not any(t.requires_grad for t in vars(fresh.detach()).values() if isinstance(t, torch.Tensor))
    assert_close(fresh.detach(), fresh)


def test_gradients_reach_every_parameter(case: tuple[str, Any]) -> None:
    _, model = case
    model.train()
    model.zero_grad(set_to_none=True)
    batch = scenes()
    state = opened(model, batch)
    loss = _size(model.predict(state))
    for step in range(min(3, model.max_looks or 3)):
        state = updated(model, batch, state, looks_at(model, state, skip=step))
        loss = loss + _size(model.predict(state))
    for look in model.training_looks():
        pixels = state if look.size_px is None else torch.rand(2, model.num_bands, *look.size_px) * 255
        loss = loss + _size(getattr(model, look.readout)(pixels))
    loss.backward()
    unreached = {key for key, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0}
    assert not unreached


def test_training_looks_name_methods_of_the_model(model: Any) -> None:
    """The trainer asks every family; one without auxiliary losses says so by an empty sequence."""
    looks = model.training_looks()
    assert len({look.name for look in looks}) == len(looks)
    assert all(callable(getattr(model, look.readout)) and look.weight > 0 for look in looks)


def _size(prediction: Any) -> torch.Tensor:
    if isinstance(prediction, dict):
        return sum((_size(part) for part in prediction.values()), start=torch.zeros(()))
    weights = torch.randn(prediction.shape[1:], generator=torch.Generator().manual_seed(5))
    return (prediction * weights).square().sum()


def test_weights_saved_and_loaded_give_the_same_answers(case: tuple[str, Any], model: Any) -> None:
    torch.manual_seed(1)
    other = MODEL_CASES[case[0]]().eval()
    other.load_state_dict(model.state_dict())
    for a, b in zip(_two_steps(model), _two_steps(other), strict=True):
        assert_close(b, a)
        assert_close(other.predict(b), model.predict(a))


def test_it_runs_under_autocast_and_agents_get_float32(model: Any) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        state = _two_steps(model)[-1]
        seen = model.observe(state)
        prediction = model.predict(state)
    assert seen.features.dtype == seen.summary.dtype == seen.candidates.dtype == torch.float32
    parts = prediction.values() if isinstance(prediction, dict) else [prediction]
    assert all(part.float().isfinite().all() for part in parts)


def test_the_price_is_what_the_counter_counts(model: Any) -> None:
    batch, price = scenes().select([0]), model.price()
    assert _counted(lambda: opened(model, batch)) == pytest.approx(price.open_macs, rel=0.01)
    state = opened(model, batch).detach()
    for num_looks in range(3):  # some families pay more for every further look
        seen = state
        look = looks_at(model, seen, skip=num_looks)
        pixels = batch.read(look.viewpoints, model.glimpse_size_px(1)).pixels
        assert _counted(lambda: model.observe(seen)) == pytest.approx(price.observe(num_looks), rel=0.01)  # noqa: B023
        assert _counted(lambda: model.predict(seen)) == pytest.approx(price.predict(num_looks), rel=0.01)  # noqa: B023
        if num_looks == model.max_looks:
            break
        assert _counted(lambda: model.update(seen, pixels, look)) == pytest.approx(price.look(num_looks), rel=0.01)  # noqa: B023
        state = model.update(seen, pixels, look).detach()
    for looks in (0, 1, 2):
        total = price.sensed(looks) + price.predict(looks)
        assert sum(price.part(name, looks) for name in price.parts) == total
    assert {key.partition("/")[0] for key in price.parts} <= {"open", "look", "observe", "predict"}


@torch.no_grad()
def _counted(run: Callable[[], Any]) -> float:
    counter = FlopCounterMode(display=False)
    with counter, sdpa_kernel(SDPBackend.MATH):  # the fused CPU kernel is not in the counter's table
        run()
    return counter.get_total_flops() / 2
