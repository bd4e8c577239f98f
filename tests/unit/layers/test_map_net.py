"""The map network: any grid, mixed steps, gradients, counted multiply-adds."""

from collections.abc import Callable

import pytest
import torch

from foveate.errors import UsageError
from foveate.layers.map_net import MapNet, MapNetConfig

CONFIG = MapNetConfig(feature_dim=12, grid=(3, 5), num_steps=4, squeeze_dim=4, hidden_dims=(10, 6))


def _net() -> MapNet:
    torch.manual_seed(0)
    net = MapNet(CONFIG, out_dim=2)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return net


def test_rows_of_different_steps_share_a_batch() -> None:
    net, features, looks = _net(), torch.randn(6, 15, 12), torch.tensor([3, 0, 1, 2, 0, 3])
    mixed = net(features, looks)
    assert mixed.shape == (6, 2)
    for row in range(6):
        alone = net(features[row : row + 1], looks[row : row + 1])
        # Matrix products of another batch size may sum in another order: float32 rounding only.
        torch.testing.assert_close(mixed[row : row + 1], alone, atol=1e-6, rtol=1e-5)


def test_gradients_reach_every_parameter() -> None:
    net = _net()
    net(torch.randn(4, 15, 12), torch.arange(4)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


@pytest.mark.parametrize("hidden_dims", [(10, 6), (7,), ()])
def test_macs_equal_the_counter(hidden_dims: tuple[int, ...], counted_macs: Callable[..., int]) -> None:
    config = MapNetConfig(feature_dim=12, grid=(4, 3), num_steps=1, squeeze_dim=5, hidden_dims=hidden_dims)
    net = MapNet(config, out_dim=1)
    assert net.macs() == counted_macs(net, torch.zeros(1, 12, 12), torch.zeros(1, dtype=torch.int64))


def test_impossible_shapes_are_refused() -> None:
    with pytest.raises(UsageError, match="must be odd"):
        MapNetConfig(feature_dim=1, grid=(1, 1), num_steps=1, kernel=2)
    with pytest.raises(UsageError, match="at least 1"):
        MapNetConfig(feature_dim=1, grid=(0, 1), num_steps=1)
