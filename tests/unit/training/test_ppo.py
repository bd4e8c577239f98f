"""The clipped surrogate: ratios, clipping, gradients, and a critic that learns alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from foveate.noise import Noise
from foveate.training.lesson import Transitions, pack, transitions, unpack
from foveate.training.ppo import PpoBatch, PpoConfig, ppo_loss
from foveate.training.trainer import play
from tests.unit.training.tiny import Bars, tiny_system

CONFIG = PpoConfig(clip=0.2, entropy_weight=0.01)


def collected(policy: str = "spatial") -> tuple[Any, Transitions]:
    system = tiny_system(policy=policy)
    batch = Bars().batch(np.arange(6), 0)
    episode = play(system, batch, num_looks=2, noise=Noise(seed=0, scenes=batch.indices))
    return system, transitions(episode)


def batch_of(steps: Transitions, critic: Any, **changes: Any) -> PpoBatch:
    count = len(steps.observation.num_looks)
    values = {
        "observation": steps.observation,
        "action": steps.action,
        "behaviour": steps.behaviour,
        "log_prob": steps.log_prob,
        "advantage": torch.linspace(-1, 1, count),
        "returns": torch.linspace(0, 1, count),
        "value": critic.value(steps.observation).detach(),
    }
    return PpoBatch(**{**values, **changes})


@pytest.mark.parametrize("policy", ["spatial", "gaussian"])
def test_before_any_update_every_ratio_is_one(policy: str) -> None:
    system, steps = collected(policy)
    loss = ppo_loss(system.policy, system.critic, batch_of(steps, system.critic), CONFIG)
    assert float(loss.approx_kl) == pytest.approx(0, abs=1e-6)
    assert float(loss.clip_fraction) == 0
    assert float(loss.policy) == pytest.approx(0, abs=1e-5)  # minus the mean advantage, which is 0


@pytest.mark.parametrize(
    ("advantage", "log_ratio", "learns"), [(1, 0.5, False), (1, -0.5, True), (-1, 0.5, True), (-1, -0.5, False)]
)
def test_a_ratio_outside_the_clip_range_learns_only_back_towards_it(
    advantage: float, log_ratio: float, learns: bool
) -> None:
    system, steps = collected()
    assert steps.log_prob is not None
    batch = batch_of(
        steps,
        system.critic,
        advantage=torch.full_like(steps.log_prob, advantage),
        log_prob=steps.log_prob - log_ratio,
    )
    loss = ppo_loss(system.policy, system.critic, batch, replace(CONFIG, entropy_weight=0.0))
    loss.total.backward()
    moved = sum(float(p.grad.abs().sum()) for p in system.policy.parameters() if p.grad is not None)
    assert (moved > 1e-8) == learns
    assert float(loss.clip_fraction) == 1


def test_a_step_along_the_gradient_makes_good_looks_likelier() -> None:
    system, steps = collected()
    batch = batch_of(steps, system.critic)
    optimizer = torch.optim.SGD(system.policy.parameters(), lr=0.05)
    before = system.policy.score(steps.observation, steps.action, steps.behaviour).log_prob.detach()
    ppo_loss(system.policy, system.critic, batch, replace(CONFIG, entropy_weight=0.0)).total.backward()
    optimizer.step()
    after = system.policy.score(steps.observation, steps.action, steps.behaviour).log_prob.detach()
    assert float(((after - before) * batch.advantage).sum()) > 0


def test_the_agent_never_moves_the_backbone() -> None:
    system, steps = collected()
    ppo_loss(system.policy, system.critic, batch_of(steps, system.critic), CONFIG).total.backward()
    assert all(p.grad is None for p in system.model.parameters())
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in system.critic.parameters())


def test_without_a_learned_policy_only_the_critic_learns() -> None:
    system, steps = collected("random")
    assert steps.log_prob is None
    loss = ppo_loss(None, system.critic, batch_of(steps, system.critic), CONFIG)
    loss.total.backward()
    assert float(loss.approx_kl) == 0
    assert any(p.grad is not None for p in system.critic.parameters())


def test_transitions_survive_a_checkpoint() -> None:
    _, steps = collected()
    packed = pack(steps)
    for again in (unpack(packed), unpack({**packed, "reward": torch.zeros(12)})):  # older ones also hold rewards
        assert torch.equal(again.observation.features, steps.observation.features)
        assert again.observation.grid == steps.observation.grid


def test_transitions_are_scene_major() -> None:
    _, steps = collected()
    assert steps.observation.num_looks.tolist() == [0, 1] * 6
