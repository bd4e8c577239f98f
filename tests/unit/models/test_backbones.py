"""The small convolutional backbone: what its options promise."""

from __future__ import annotations

import torch

from foveate.models.backbones import ConvBackbone


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
