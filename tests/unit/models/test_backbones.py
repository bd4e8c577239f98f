"""The small convolutional backbone: what its options promise."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from foveate.models.backbones import ConvBackbone
from foveate.models.counted import counted_macs


def test_the_strongest_responses_do_not_tell_where_the_thing_lies() -> None:
    torch.manual_seed(0)
    net = ConvBackbone(num_bands=1, image_px=(64, 64), strides=(2, 2, 1), strongest=True)
    thing, pixels = torch.rand(8, 8), torch.zeros(2, 1, 64, 64)
    pixels[0, 0, 24:32, 24:32] = thing
    pixels[1, 0, 32:40, 28:36] = thing  # moved by a multiple of the stride
    with torch.no_grad():
        first, second = net(pixels)
    assert net.grid == (1, 1)
    assert first.shape == (net.dim, 1, 1)
    torch.testing.assert_close(first, second)


def test_normalised_layers_answer_alike_to_more_and_less_contrast() -> None:
    torch.manual_seed(0)
    net = ConvBackbone(num_bands=1, image_px=(32, 32), norm=True)
    for layer in net.layers:
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.zeros_(layer.bias)
    pixels = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(net(pixels), net(3 * pixels), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("image_px", [(32, 48), (30, 44)])
def test_skips_add_what_is_strongest_of_earlier_layers(image_px: tuple[int, int]) -> None:
    torch.manual_seed(0)
    net = ConvBackbone(num_bands=3, image_px=image_px, channels=(4, 6, 8), strides=(2, 2, 1), norm=True, skips=True)
    plain = ConvBackbone(num_bands=3, image_px=image_px, channels=(4, 6, 8), strides=(2, 2, 1), norm=True)
    plain.load_state_dict({name: value for name, value in net.state_dict().items() if not name.startswith("skips.")})
    pixels = torch.rand(2, 3, *image_px)
    first = net.layers[:3](pixels)
    second = net.layers[3:6](first)
    pooled = [nn.functional.adaptive_max_pool2d(first, net.grid), second]  # twice as many responses, or nearly so
    added = sum(skip(responses) for skip, responses in zip(net.skips, pooled, strict=True))
    torch.testing.assert_close(net(pixels), plain(pixels) + added)
    assert (net.dim, net.grid) == (plain.dim, plain.grid)
    more = net.grid[0] * net.grid[1] * 8 * (4 + 6)
    assert counted_macs(net, (1, 3, *image_px)) == counted_macs(plain, (1, 3, *image_px)) + more


@torch.no_grad()
def test_with_skips_a_thing_of_a_few_pixels_is_felt_at_once() -> None:
    """Before anything is learned, in the token of its place; without them it drowns in what lies around."""
    ground = 0.4 + 0.2 * torch.rand((64, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    dotted = ground.clone()
    dotted[:, :, 34:37, 18:21] = torch.tensor([0.9, 0.1, 0.1])[:, None, None]
    felt = {}
    for skips in (False, True):
        torch.manual_seed(1)
        net = ConvBackbone(num_bands=3, image_px=(64, 64), channels=(16, 32, 48, 64), strides=(2, 2, 2, 1),
                           kernels=(5, 3, 3, 3), norm=True, skips=skips)  # fmt: skip
        before, after = net(ground)[:, :, 4, 2], net(dotted)[:, :, 4, 2]
        felt[skips] = float((after - before).mean(0).norm() / before.std(0).norm())
    assert felt[True] > 2 * felt[False]
