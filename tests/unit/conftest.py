"""What the tests of networks share."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

Counter = Callable[..., int]


@pytest.fixture
def counted_macs() -> Counter:
    """Multiply-adds of ``function(*inputs)`` by torch's own counter, to check analytic formulas against."""

    @torch.no_grad()
    def count(function: Callable[..., Any], *inputs: Any) -> int:
        counter = FlopCounterMode(display=False)
        with counter, sdpa_kernel(SDPBackend.MATH):  # the fused CPU kernel is not in the counter's table
            function(*inputs)
        flops = counter.get_total_flops()
        assert flops % 2 == 0
        return flops // 2

    return count
