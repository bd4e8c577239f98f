"""Advantages against their definition, written out."""

from __future__ import annotations

import pytest
import torch

from foveate.training.returns import gae


@pytest.mark.parametrize(("gamma", "lam"), [(0.5, 0.84), (1.0, 1.0), (0.9, 0.0), (0.0, 0.5)])
def test_gae_is_the_discounted_sum_of_errors(gamma: float, lam: float) -> None:
    rewards, values = torch.randn(3, 4, dtype=torch.float64), torch.randn(3, 4, dtype=torch.float64)
    advantages, returns = gae(rewards, values, gamma=gamma, lam=lam)
    following = torch.cat([values[:, 1:], torch.zeros(3, 1, dtype=torch.float64)], 1)
    errors = rewards + gamma * following - values
    expected = torch.stack([sum((gamma * lam) ** (i - t) * errors[:, i] for i in range(t, 4)) for t in range(4)], dim=1)
    torch.testing.assert_close(advantages, expected)
    torch.testing.assert_close(returns, advantages + values)


def test_with_lambda_one_the_return_is_the_discounted_sum_of_rewards() -> None:
    rewards, values = torch.randn(2, 3), torch.randn(2, 3)
    _, returns = gae(rewards, values, gamma=0.5, lam=1.0)
    expected = torch.stack(
        [
            rewards[:, 0] + 0.5 * rewards[:, 1] + 0.25 * rewards[:, 2],
            rewards[:, 1] + 0.5 * rewards[:, 2],
            rewards[:, 2],
        ],
        1,
    )
    torch.testing.assert_close(returns, expected)
