"""Proximal policy optimisation, on one page, as pure functions over a documented batch.

Rules (each has bitten someone): the raw sample is scored, never the clamped one; the behaviour's sigma and temperature
are stored per transition; advantages are normalised over the whole buffer, after returns are formed; policy maths is
fp32; agent inputs are detached.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from foveate.config import check_numbers
from foveate.core import Critic, LearnedPolicy, Observation
from foveate.rows import Rowwise


@dataclass(frozen=True, kw_only=True)
class PpoConfig:
    """Hyper-parameters, the paper's where it names them (dossier section 5)."""

    gamma: float = 0.5
    """Discount; 1.0 in the paper's visual search."""
    gae_lambda: float = 0.84
    clip: float = 0.2
    value_weight: float = 1.0
    entropy_weight: float = 0.0
    epochs: int = 5
    minibatches: int = 1
    every: int = 1
    """Collect this many training steps before each update (10 in the official code)."""
    lr: float = 1e-3
    """Of the agent's own optimiser."""
    max_grad_norm: float | None = 1.0

    def __post_init__(self) -> None:
        check_numbers(self, "epochs", "minibatches", "every", least=1)
        check_numbers(self, "gamma", "gae_lambda", least=0, most=1)
        check_numbers(self, "clip", "max_grad_norm", above=0)
        check_numbers(self, "value_weight", "entropy_weight", "lr", least=0)


@dataclass(frozen=True, kw_only=True)
class PpoBatch(Rowwise):
    """N transitions."""

    observation: Observation  # rows are transitions; detached
    action: Mapping[str, Tensor]  # raw
    behaviour: Mapping[str, Tensor] | None
    log_prob: Tensor | None  # [N] under the behaviour; None when the policy is not learned
    advantage: Tensor  # [N] normalised over the buffer
    returns: Tensor  # [N]
    value: Tensor  # [N] of the critic at collection


@dataclass(frozen=True, kw_only=True)
class PpoLoss:
    """0-d tensors; ``total`` carries the gradient."""

    total: Tensor
    policy: Tensor
    value: Tensor
    entropy: Tensor
    approx_kl: Tensor
    clip_fraction: Tensor
    explained_variance: Tensor


def ppo_loss(policy: LearnedPolicy | None, critic: Critic, batch: PpoBatch, config: PpoConfig) -> PpoLoss:
    """Clipped surrogate (Schulman et al. 2017, Eq. 7 and 9) with a plain squared value error.

    Without a policy only the critic learns: V of a policy that is not learned, so that its rows can be stopped too.
    """
    if policy is None or batch.behaviour is None or batch.log_prob is None:
        log_ratio, entropy = torch.zeros_like(batch.returns), torch.zeros_like(batch.returns).mean()
    else:
        score = policy.score(batch.observation, batch.action, batch.behaviour)
        log_ratio, entropy = score.log_prob - batch.log_prob, score.entropy.mean()
    ratio = log_ratio.exp()
    surrogate = torch.minimum(
        ratio * batch.advantage, ratio.clamp(1 - config.clip, 1 + config.clip) * batch.advantage
    ).mean()
    value = critic.value(batch.observation)
    value_loss = (value - batch.returns).square().mean()
    return PpoLoss(
        total=-surrogate + config.value_weight * value_loss - config.entropy_weight * entropy,
        policy=-surrogate.detach(),
        value=value_loss.detach(),
        entropy=entropy.detach(),
        approx_kl=((ratio - 1) - log_ratio).mean().detach(),
        clip_fraction=((ratio - 1).abs() > config.clip).float().mean().detach(),
        explained_variance=1 - (batch.returns - batch.value).var() / batch.returns.var().clamp(min=1e-8),
    )
