"""Returns and advantages, for every algorithm."""

from __future__ import annotations

import torch
from torch import Tensor


def gae(rewards: Tensor, values: Tensor, *, gamma: float, lam: float) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimates and their lambda-returns, both ``[n, T]``, of rewards and values ``[n, T]``.

    ``values[:, t]`` is V(s_t) before look t + 1, whose reward is ``rewards[:, t]``. The episode ends after step T, so
    the bootstrap there is zero.
    """
    advantages = torch.zeros_like(rewards)
    running = torch.zeros_like(rewards[:, 0])
    for t in reversed(range(rewards.shape[1])):
        following = values[:, t + 1] if t + 1 < rewards.shape[1] else torch.zeros_like(running)
        delta = rewards[:, t] + gamma * following - values[:, t]
        running = delta + gamma * lam * running
        advantages[:, t] = running
    return advantages, advantages + values
