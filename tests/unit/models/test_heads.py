"""Heads: every row by the head of its own step, and only those heads run."""

from collections.abc import Callable

import pytest
import torch

from foveate.models.heads import PooledHead, StepHeads, StepHeadsConfig

CONFIG = StepHeadsConfig(dim=16, num_outputs=3, num_looks=2, num_blocks=2, num_heads=2)


def _heads() -> StepHeads:
    torch.manual_seed(0)
    return StepHeads(CONFIG).eval()


def test_mixed_steps_equal_separate_batches_in_any_order() -> None:
    heads, tokens, looks = _heads(), torch.randn(6, 5, 16), torch.tensor([2, 0, 1, 1, 0, 2])
    mixed = heads(tokens, looks)
    for row, step in enumerate(looks.tolist()):
        alone = heads.pooled[step](heads.stacks[step](tokens[row : row + 1]))
        # Matrix products of another batch size may sum in another order: float32 rounding only.
        torch.testing.assert_close(mixed[row : row + 1], alone, atol=1e-6, rtol=1e-5)


def test_only_the_heads_in_use_run() -> None:
    heads, ran = _heads(), []
    for step, stack in enumerate(heads.stacks):
        stack.register_forward_hook(lambda *_, step=step: ran.append(step))
    heads(torch.randn(3, 5, 16), torch.tensor([2, 2, 0]))
    assert ran == [0, 2]


def test_gradients_reach_only_the_heads_in_use() -> None:
    heads = _heads()
    heads(torch.randn(2, 5, 16), torch.tensor([1, 1])).sum().backward()
    reached = {name.split(".")[1] for name, p in heads.named_parameters() if p.grad is not None}
    assert reached == {"1"}


def test_stochastic_depth_of_the_first_head_continues_the_glance_network() -> None:
    config = StepHeadsConfig(
        dim=16, num_outputs=3, num_looks=1, num_blocks=2, num_heads=2, glance_drop_path=(0.05, 0.1), drop_path=0.2
    )
    rates = [[block.drop_path.drop_prob for block in stack] for stack in StepHeads(config).stacks]
    assert rates == [[0.05, 0.1], [0.2, 0.2]]


@pytest.mark.parametrize("step", [0, 2])
def test_macs_equal_the_counter(step: int, counted_macs: Callable[..., int]) -> None:
    heads, pooled = _heads(), PooledHead(16, 3)
    assert heads.macs(5) == counted_macs(heads, torch.zeros(1, 5, 16), torch.tensor([step]))
    assert pooled.macs() == counted_macs(pooled, torch.zeros(1, 5, 16))
