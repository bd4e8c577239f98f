"""Agents that reason about what was seen, where nothing was seen yet."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from foveate.core import Observation, Seen
from foveate.critics.set_q import SetQ, SetQConfig
from foveate.policies.squashed_gaussian import SquashedGaussian, SquashedGaussianConfig
from tests.conformance.parts import observation

PIXELS = (3, 16, 16)
SETTINGS = {"seen_dim": 8, "seen_pixels": PIXELS, "zoom": True, "hidden_dim": 16, "num_heads": 2}


def seen_by(n: int, *, slots: torch.Tensor) -> Observation:
    """Rows that saw nothing; ``slots`` [n, p] is what their slots hold everywhere."""
    held = slots[..., None]
    nothing = Seen(
        viewpoints=held.expand(-1, -1, 4), features=held.expand(-1, -1, 8), mask=slots > torch.inf,
        pixels=held[..., None, None].expand(-1, -1, *PIXELS).contiguous(), importance=slots,
    )  # fmt: skip
    return replace(observation(n), seen=nothing)


@pytest.mark.parametrize("num_slots", [0, 4])
def test_an_empty_observation_is_answered_whatever_its_slots_hold(num_slots: int) -> None:
    torch.manual_seed(0)
    empty = seen_by(3, slots=torch.zeros(3, num_slots))
    stale = seen_by(3, slots=torch.randn(3, num_slots))
    shape = {"feature_dim": empty.features.shape[2], "summary_dim": empty.summary.shape[1], **SETTINGS}
    policy, critic = SquashedGaussian(SquashedGaussianConfig(**shape)), SetQ(SetQConfig(**shape))
    look = policy.look(empty)
    assert look.viewpoints.isfinite().all()
    torch.testing.assert_close(policy.look(stale).viewpoints, look.viewpoints)
    torch.testing.assert_close(critic.value(stale), critic.value(empty))
    (look.action["raw"].sum() + critic.value(empty).sum() + critic.q(empty, look.action).sum()).backward()
    weights = [*policy.parameters(), *critic.parameters()]
    assert all(weight.grad.isfinite().all() for weight in weights if weight.grad is not None)
