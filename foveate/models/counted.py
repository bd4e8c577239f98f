"""MACs of any backbone, by torch's own operator counter: for nets whose shapes we did not write ourselves."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


@torch.no_grad()
def counted_macs(module: nn.Module, input_shape: tuple[int, ...]) -> int:
    """MACs of one forward pass on a zero input of this shape (1 MAC = one multiply-add = 2 FLOPs)."""
    was_training = module.training
    module.eval()
    like = next(module.parameters())
    counter = FlopCounterMode(display=False)
    with counter, sdpa_kernel(SDPBackend.MATH):  # the fused CPU kernel is not in torch's table of operators
        module(torch.zeros(input_shape, dtype=like.dtype, device=like.device))
    module.train(was_training)
    return int(counter.get_total_flops()) // 2
