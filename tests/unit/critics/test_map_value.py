"""The critic: one number per row, nothing to gain after the last step."""

import torch

from foveate.config import to_plain
from foveate.core import Observation
from foveate.critics.map_value import MapValue, MapValueConfig


def _observation(num_looks: torch.Tensor) -> Observation:
    n = len(num_looks)
    return Observation(
        candidates=torch.zeros(n, 6, 4),
        features=torch.randn(n, 6, 5),
        mask=torch.ones(n, 6, dtype=torch.bool),
        coverage=torch.zeros(n, 6),
        summary=torch.zeros(n, 5),
        num_looks=num_looks,
        sizes_px=torch.ones(n, 2, dtype=torch.int64),
        grid=(2, 3),
    )


def _critic(num_steps: int) -> MapValue:
    return MapValue(MapValueConfig(feature_dim=5, grid=(2, 3), num_steps=num_steps, squeeze_dim=3, hidden_dims=(4,)))


def test_a_saved_config_has_the_fields_that_it_always_had() -> None:
    assert to_plain(MapValueConfig(feature_dim=5, grid=(2, 3), num_steps=2)) == {
        "feature_dim": 5, "grid": (2, 3), "num_steps": 2, "kernel": 3, "squeeze_dim": 128, "hidden_dims": (1024, 512),
    }  # fmt: skip


def test_nothing_is_worth_looking_at_after_the_last_step() -> None:
    value = _critic(2).value(_observation(torch.tensor([0, 1, 2, 3])))
    assert value.shape == (4,)
    assert (value[:2] != 0).all()
    assert value[2:].tolist() == [0, 0]


def test_a_shared_critic_has_an_opinion_at_any_step() -> None:
    value = _critic(1).value(_observation(torch.tensor([0, 50])))
    assert (value != 0).all()


def test_gradients_reach_every_parameter_and_autocast_leaves_the_arithmetic_in_float32() -> None:
    critic, seen = _critic(2), _observation(torch.tensor([0, 1]))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = critic.value(seen)
    assert value.dtype == torch.float32
    value.sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in critic.parameters())
