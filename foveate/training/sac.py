"""Soft actor-critic, on one page, as pure functions over a documented batch (Haarnoja et al. 2018; Christodoulou 2019).

One form for continuous and for enumerable policies: an expectation over the policy's actions is the weighted sum over
its choices, which are one reparameterised draw or all there are. Two opinions, the smaller one counts; the temperature
is learned, without weight decay. Beside them the critic's plain value learns what the policy's own actions are worth,
without the entropy's bonus: that is what a stop rule asks for.
Shape letters: N transitions, a actions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from foveate.config import check_numbers
from foveate.core import Choices, Observation, OffPolicy, QCritic
from foveate.rows import Rowwise


@dataclass(frozen=True, kw_only=True)
class SacConfig:
    """Hyper-parameters, AdaGlimpse's where it names them (dossier, section 4)."""

    gamma: float = 0.99
    tau: float = 0.005
    """Share of the target's parameters that is replaced after every update."""
    lr: float = 1e-3
    """Of policy, critic and temperature."""
    weight_decay: float = 0.01
    """Of policy and critic; never of the temperature."""
    start_temperature: float = 1.0
    target_entropy: float | None = None
    """None: minus the dimensions of a continuous action; of an enumerable policy ``target_frac`` of the most."""
    target_frac: float = 0.3
    reward_scale: float = 1.0
    """Rewards are multiplied by it, so that they and the entropy's bonus are of one size."""
    batch_size: int = 256
    """Transitions of an update; whole episodes are sampled."""
    updates_per_step: int = 1
    capacity: int = 100_000
    """Transitions that are remembered."""
    start_transitions: int = 2_000
    """Collected before the first update."""
    max_grad_norm: float | None = 1.0

    def __post_init__(self) -> None:
        check_numbers(self, "batch_size", "capacity", "updates_per_step", least=1)
        check_numbers(self, "start_transitions", "lr", "weight_decay", least=0)
        check_numbers(self, "gamma", "target_frac", least=0, most=1)
        check_numbers(self, "tau", above=0, most=1)
        check_numbers(self, "start_temperature", "reward_scale", "max_grad_norm", above=0)
        check_numbers(self, "target_entropy")


@dataclass(frozen=True, kw_only=True)
class SacBatch(Rowwise):
    """N transitions."""

    observation: Observation  # rows are transitions; detached
    action: Mapping[str, Tensor]  # [N, 1, ...] as taken
    reward: Tensor  # [N]
    following: Observation  # after the look; anything where it was the last
    is_last: Tensor  # [N] bool
    noise: Tensor  # [N, 2, k, dims] uniform (0, 1): for the choices before and after


@dataclass(frozen=True, kw_only=True)
class SacLoss:
    """0-d tensors, the first three with gradient, each to be differentiated by its own parameters only
    (``SacLearner._step``): the policy's reaches the critic too."""

    policy: Tensor
    critic: Tensor
    temperature: Tensor
    entropy: Tensor
    q: Tensor
    value: Tensor


def sac_loss(
    policy: OffPolicy,
    critic: QCritic,
    target: QCritic,
    log_temperature: Tensor,
    batch: SacBatch,
    config: SacConfig,
    *,
    target_entropy: float,
) -> SacLoss:
    """The three losses of one update, all from the same forward pass."""
    temperature = log_temperature.exp().detach()
    with torch.no_grad():
        after = policy.choices(batch.following, batch.noise[:, 1])
        best = _least(target, batch.following, after)
        soft = _expected(best - temperature * after.log_prob, after)
        goal = config.reward_scale * batch.reward + config.gamma * torch.where(batch.is_last, 0.0, soft)
    opinions = critic.q(batch.observation, batch.action)[..., 0]
    here = policy.choices(batch.observation, batch.noise[:, 0])
    worth = _least(critic, batch.observation, here)
    value = critic.value(batch.observation)
    value_goal = _expected(worth, here).detach() / config.reward_scale
    entropy = -_expected(here.log_prob, here)
    return SacLoss(
        policy=_expected(temperature * here.log_prob - worth, here).mean(),
        critic=(opinions - goal[:, None]).square().mean() + (value - value_goal).square().mean(),
        temperature=log_temperature * (entropy.detach().mean() - target_entropy),
        entropy=entropy.detach().mean(),
        q=opinions.detach().mean(),
        value=value.detach().mean(),
    )


def _least(critic: QCritic, observation: Observation, choices: Choices) -> Tensor:
    """The smaller opinion ``[N, a]`` of every choice."""
    least: Tensor = critic.q(observation, choices.action).amin(1)
    return least


def _expected(worth: Tensor, choices: Choices) -> Tensor:
    """``[N]``."""
    weighed: Tensor = (choices.weight * worth).sum(1)
    return weighed


def blend(target: torch.nn.Module, source: torch.nn.Module, tau: float) -> None:
    """Move a target's parameters by a share tau towards their source's; other buffers are copied."""
    with torch.no_grad():
        for old, new in zip(target.parameters(), source.parameters(), strict=True):
            old.lerp_(new, tau)
        for copied, present in zip(target.buffers(), source.buffers(), strict=True):
            copied.copy_(present)
