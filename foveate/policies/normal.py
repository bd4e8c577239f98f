"""Normal numbers of the noise that policies are given, and the constant of their density."""

from __future__ import annotations

import math

import torch
from torch import Tensor

LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)
SMALLEST_UNIFORM = 2.0**-24  # float32 noise may be exactly 0, whose normal quantile is infinite


def standard_normal(noise: Tensor, *, like: Tensor) -> Tensor:
    """Standard normal numbers ``[n, a]`` by inverse CDF of the only look's noise ``[n, 1, a]``."""
    uniform = torch.as_tensor(noise, device=like.device)[:, 0].double()
    return torch.special.ndtri(uniform.clamp(SMALLEST_UNIFORM, 1 - SMALLEST_UNIFORM)).to(like.dtype)
