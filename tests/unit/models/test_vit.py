"""Our transformer: the attention maths written out, positions on other grids, context, counted multiply-adds."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from foveate.errors import UsageError
from foveate.models.vit import Attention, Vit, VitBackbone, VitConfig, vit_config

CONFIG = VitConfig(image_px=(32, 48), embed_dim=24, depth=3, num_heads=3, patch_px=8, in_bands=2, drop_path=(0.0, 0.2))


def _vit(config: VitConfig = CONFIG) -> Vit:
    torch.manual_seed(0)
    vit = Vit(config).eval()
    with torch.no_grad():
        for parameter in vit.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return vit


def test_attention_is_softmax_of_scaled_products() -> None:
    torch.manual_seed(0)
    attention, x = Attention(24, 3), torch.randn(2, 7, 24)
    q, k, v = (part.unflatten(2, (3, 8)).transpose(1, 2) for part in attention.qkv(x).chunk(3, dim=2))
    weights = (q @ k.transpose(2, 3) / 8**0.5).softmax(-1)
    expected = attention.out((weights @ v).transpose(1, 2).flatten(2))
    torch.testing.assert_close(attention(x), expected, atol=1e-6, rtol=1e-5)


def test_tokens_are_row_major_patches() -> None:
    vit, pixels = _vit(), torch.randn(2, 2, 32, 48)
    assert vit.tokens(pixels).shape == (2, 4 * 6, 24)
    patch = pixels[:, :, 8:16, 40:48]  # second row of patches, last column
    expected = F.conv2d(patch, vit.patches.weight, vit.patches.bias).flatten(1) + vit.positions[0, 6 + 5]
    torch.testing.assert_close(vit.embed(pixels)[:, 6 + 5], expected, atol=1e-5, rtol=1e-5)


def test_context_is_added_before_the_blocks() -> None:
    vit, pixels, context = _vit(), torch.randn(1, 2, 32, 48), torch.randn(1, 24, 24)
    x = vit.embed(pixels) + context
    for block in vit.blocks:
        x = block(x)
    assert torch.equal(vit.tokens(pixels, context), x)


def test_other_picture_sizes_interpolate_the_positions() -> None:
    vit = _vit()
    assert vit.tokens(torch.randn(1, 2, 64, 40)).shape == (1, 8 * 5, 24)
    with torch.no_grad():
        vit.positions.fill_(3.0)  # a constant table stays constant on any grid
        vit.patches.weight.zero_()
        vit.patches.bias.zero_()
    assert torch.allclose(vit.embed(torch.randn(1, 2, 64, 40)), torch.tensor(3.0))


def test_gradients_reach_every_parameter() -> None:
    vit = _vit()
    vit.tokens(torch.randn(2, 2, 32, 48)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in vit.parameters())


@pytest.mark.parametrize("size_px", [(32, 48), (64, 40)])
def test_macs_equal_the_counter(size_px: tuple[int, int], counted_macs: Callable[..., int]) -> None:
    vit = _vit()
    assert vit.macs(size_px) == counted_macs(vit.tokens, torch.zeros(1, 2, *size_px))


def test_wrong_pictures_are_refused() -> None:
    with pytest.raises(UsageError, match="multiples of 8 px"):
        _vit().tokens(torch.zeros(1, 2, 30, 48))
    with pytest.raises(UsageError, match="3 bands; this network reads 2"):
        _vit().tokens(torch.zeros(1, 3, 32, 48))
    with pytest.raises(UsageError, match="must divide embed_dim"):
        VitConfig(image_px=(32, 32), embed_dim=10, depth=1, num_heads=3)
    with pytest.raises(UsageError, match="Did you mean 'tiny'"):
        vit_config("tinny", image_px=(32, 32))


def test_named_sizes() -> None:
    assert vit_config("test", image_px=(32, 64)).grid == (2, 4)
    assert vit_config("small", image_px=(224, 224)).embed_dim == 384


def test_the_backbone_gives_its_tokens_as_a_map() -> None:
    backbone = VitBackbone(num_bands=2, image_px=(32, 48), size="test", patch_px=8)
    pixels = torch.randn(2, 2, 32, 48)
    tokens = backbone(pixels)
    assert tokens.shape == (2, backbone.dim, *backbone.grid)
    assert torch.equal(tokens.flatten(2).transpose(1, 2), backbone.tokens(pixels))
