"""StepNorm takes each row's own set; stochastic depth keeps the mean."""

import torch
from torch import nn

from foveate.layers.blocks import DropPath, StepNorm


def _randomised(norm: StepNorm) -> StepNorm:
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return norm


def test_step_norm_uses_the_set_of_each_row() -> None:
    torch.manual_seed(0)
    norm = _randomised(StepNorm(8, num_steps=3))
    x, looks = torch.randn(5, 4, 8), torch.tensor([2, 0, 1, 0, 2])
    mixed = norm(x, looks)
    for row, step in enumerate(looks.tolist()):
        expected = nn.functional.layer_norm(x[row], (8,), norm.weight[step], norm.bias[step], 1e-6)
        # One multiply-add after the normalisation instead of a fused kernel: a few units in the last place.
        torch.testing.assert_close(mixed[row], expected, atol=1e-6, rtol=1e-6)


def test_a_shared_set_serves_any_number_of_looks_and_the_last_set_serves_later_steps() -> None:
    x = torch.randn(2, 8)
    shared, two = _randomised(StepNorm(8, num_steps=1)), _randomised(StepNorm(8, num_steps=2))
    assert torch.equal(shared(x, torch.tensor([0, 0])), shared(x, torch.tensor([7, 100])))
    assert torch.equal(two(x, torch.tensor([1, 1])), two(x, torch.tensor([2, 9])))


def test_step_norm_gives_gradient_only_to_the_sets_in_use() -> None:
    norm = StepNorm(4, num_steps=3)
    norm(torch.randn(2, 4), torch.tensor([0, 2])).square().sum().backward()
    assert norm.weight.grad is not None
    assert norm.weight.grad.abs().sum(1).gt(0).tolist() == [True, False, True]


def test_drop_path_drops_whole_rows_in_training_only() -> None:
    torch.manual_seed(0)
    drop, x = DropPath(0.25), torch.ones(4000, 2, 3)
    assert torch.equal(drop.eval()(x), x)
    out = drop.train()(x)
    assert torch.equal(out, out[:, :1, :1].expand_as(out))
    torch.testing.assert_close(out.unique(), torch.tensor([0.0, 1 / 0.75]))
    assert abs(out.mean().item() - 1) < 0.03  # 4000 draws: three standard errors
