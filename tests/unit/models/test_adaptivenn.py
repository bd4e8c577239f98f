"""The assembled family: mixed steps, compaction, gradients, cost. Parity with the paper's code is a golden test."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from foveate.core import Look
from foveate.critics.map_value import MapValue, MapValueConfig
from foveate.errors import UsageError
from foveate.models.adaptivenn import AdaptiveNN, AdaptiveNNState, adaptivenn_deit_small, adaptivenn_test
from foveate.policies.gaussian import Gaussian, GaussianConfig

SIZES_PX = np.array([[64, 96], [48, 48], [200, 64], [96, 64]])  # of different scenes, in one batch
# Matrix products of another batch size may sum in another order; a few layers of float32 rounding.
CLOSE = {"atol": 2e-5, "rtol": 1e-4}


def _model() -> AdaptiveNN:
    torch.manual_seed(0)
    model = AdaptiveNN(adaptivenn_test()).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


def _agents(model: AdaptiveNN) -> tuple[Gaussian, MapValue]:
    shape = model.observation_shape
    assert shape.grid is not None
    dims = {"feature_dim": shape.feature_dim, "grid": shape.grid, "num_steps": shape.num_steps}
    return Gaussian(GaussianConfig(**dims)), MapValue(MapValueConfig(**dims))  # type: ignore[arg-type]


def _glance() -> torch.Tensor:
    return torch.randint(0, 256, (4, 1, 3, 24, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def _glimpses(seed: int) -> torch.Tensor:
    return torch.randint(0, 256, (4, 1, 3, 16, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def _opened(model: AdaptiveNN) -> AdaptiveNNState:
    return model.open(_glance(), SIZES_PX)


def _look_at(state: AdaptiveNNState, cells: list[int]) -> Look:
    rows = torch.arange(len(cells))
    viewpoints = state.candidates[rows, torch.tensor(cells)][:, None]
    return Look(action={}, viewpoints=viewpoints, valid=torch.ones(len(cells), 1, dtype=torch.bool))


@torch.no_grad()
def _mixed_state(model: AdaptiveNN) -> AdaptiveNNState:
    """Rows after 2, 0, 1 and 1 looks."""
    zero = _opened(model)
    one = model.update(zero, _glimpses(2), _look_at(zero, [0, 5, 11, 7]))
    two = model.update(one, _glimpses(3), _look_at(one, [3, 1, 2, 9]))
    maps = torch.stack([two.map[0], zero.map[1], one.map[2], one.map[3]])
    return replace(one, map=maps, num_looks=torch.tensor([2, 0, 1, 1]))


def test_scenes_of_any_shape_share_a_batch_and_candidates_lie_inside() -> None:
    state = _opened(_model())
    assert state.map.shape == (4, 12, 32)
    reach = state.candidates[..., :2].abs() + state.candidates[..., 2:]
    assert (reach <= 1 + 1e-6).all()
    expected = torch.tensor([16 / 64, 24 / 96])
    torch.testing.assert_close(state.candidates[0, 0, 2:], expected)


def test_mixed_steps_in_one_batch_equal_separate_batches() -> None:
    model = _model()
    state = replace(_mixed_state(model), num_looks=torch.tensor([1, 0, 1, 0]))
    look, glimpses = _look_at(state, [4, 2, 0, 6]), _glimpses(4)
    updated, answers = model.update(state, glimpses, look), model.predict(_mixed_state(model))
    assert updated.num_looks.tolist() == [2, 1, 2, 1]
    for rows in (torch.tensor([0]), torch.tensor([1, 3]), torch.tensor([3, 2, 0])):
        part = model.update(state.select(rows), glimpses[rows], look.select(rows))
        torch.testing.assert_close(part.map, updated.map[rows], **CLOSE)
        torch.testing.assert_close(model.predict(_mixed_state(model).select(rows)), answers[rows], **CLOSE)


def test_rows_without_a_valid_look_stay_as_they_are() -> None:
    model = _model()
    state = _opened(model)
    look = replace(_look_at(state, [0, 1, 2, 3]), valid=torch.tensor([[True], [False], [True], [False]]))
    updated = model.update(state, _glimpses(2), look)
    assert updated.num_looks.tolist() == [1, 0, 1, 0]
    assert torch.equal(updated.map[1::2], state.map[1::2])
    assert not torch.equal(updated.map[0], state.map[0])
    assert updated.coverage.sum(1).gt(0).tolist() == [True, False, True, False]


def test_several_looks_at_once_are_fused_in_order() -> None:
    model = _model()
    state = _opened(model)
    first, second = _look_at(state, [0, 5, 11, 7]), _look_at(state, [3, 1, 2, 9])
    both = Look(
        action={},
        viewpoints=torch.cat([first.viewpoints, second.viewpoints], 1),
        valid=torch.ones(4, 2, dtype=torch.bool),
    )
    together = model.update(state, torch.cat([_glimpses(2), _glimpses(3)], 1), both)
    apart = model.update(model.update(state, _glimpses(2), first), _glimpses(3), second)
    torch.testing.assert_close(together.map, apart.map, **CLOSE)
    assert torch.equal(together.coverage, apart.coverage)
    assert together.num_looks.tolist() == [2] * 4


def test_gradients_of_the_loss_reach_every_parameter_and_the_agents_cut_them() -> None:
    model = _model().train()
    policy, critic = _agents(model)
    state = _opened(model)
    loss = model.predict(state).square().sum()
    for seed in (2, 3):
        seen = model.observe(state)
        assert not seen.features.requires_grad
        loss = loss + critic.value(seen).sum()
        state = model.update(state, _glimpses(seed), policy.look(seen, torch.rand(4, 1, 2)))
        loss = loss + model.predict(state).square().sum()
    (look,) = model.training_looks()
    loss = loss + getattr(model, look.readout)(torch.zeros(4, 3, *look.size_px) + 50).square().sum()
    loss.backward()
    unreached = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert unreached == []
    assert all(p.grad is None for p in policy.parameters())


def test_macs_equal_the_counter(counted_macs: Callable[..., int]) -> None:
    model = _model()
    policy, critic = _agents(model)
    price, state = model.price(), _opened(model).select(torch.tensor([0]))
    seen, look = model.observe(state), _look_at(state, [3])
    assert price.open_macs == counted_macs(model.open, _glance()[:1], SIZES_PX[:1])
    assert price.look_macs == counted_macs(model.update, state, _glimpses(1)[:1], look)
    assert price.predict_macs == counted_macs(model.predict, state)
    assert policy.macs(seen) == counted_macs(policy.look, seen)
    assert critic.macs(seen) == counted_macs(critic.value, seen)
    assert sum(price.parts.values()) == price.open_macs + price.look_macs + price.predict_macs


def test_deit_small_costs_what_the_paper_says() -> None:
    with torch.device("meta"):
        model = AdaptiveNN(adaptivenn_deit_small())
        policy, critic = _agents(model)
    price = model.price()
    agents = policy.net.macs() + critic.net.macs()
    for num_looks in range(5):
        total = price.open_macs + price.predict_macs + num_looks * (price.look_macs + agents)
        assert total / 1e9 == pytest.approx(1.077 + 1.187 * num_looks, rel=0.01)
    assert price.parts["open/glance"] / 1e9 == pytest.approx(0.7228, abs=1e-4)
    assert price.predict_macs / 1e9 == pytest.approx(0.3542 + 0.0004, abs=1e-4)
    count = sum(p.numel() for part in (model, policy, critic) for p in part.parameters())
    assert count == 90_177_649 - 385_768  # the paper's code, without what it never uses


def test_impossible_configurations_are_refused() -> None:
    with pytest.raises(UsageError, match="1 to 11"):
        replace(adaptivenn_deit_small(), head_blocks=12)
    with pytest.raises(UsageError, match="at least 1"):
        replace(adaptivenn_deit_small(), max_looks=0)
    with pytest.raises(UsageError, match="multiples of 16 px"):
        AdaptiveNN(replace(adaptivenn_deit_small(), glance_px=(100, 112)))


def test_half_precision_stays_close_and_the_agents_stay_in_float32() -> None:
    model = _model()
    policy, critic = _agents(model)

    def answers() -> tuple[torch.Tensor, torch.Tensor]:
        state = _opened(model)
        seen = model.observe(state)
        assert critic.value(seen).dtype == policy.look(seen).viewpoints.dtype == torch.float32
        state = model.update(state, _glimpses(2), _look_at(state, [0, 5, 11, 7]))
        return state.map.float(), model.predict(state).float()

    exact = answers()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = answers()
    for a, b in zip(exact, rough, strict=True):
        assert 0 < (a - b).abs().max() < 0.05 * a.abs().max()  # bfloat16 keeps 8 bits; a few layers
