"""Soft actor-critic in training: what is remembered, the target critic, the temperature, one update after another."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from foveate.core import OffPolicy, QCritic
from foveate.errors import IncompatibleError, TrainingError, UsageError
from foveate.rows import scene_major
from foveate.training.evaluating import evaluating
from foveate.training.learners import Played
from foveate.training.optimizer import decay_groups, set_lr
from foveate.training.parallel import World
from foveate.training.replay import Remembered, Replay, looked_again, remembered
from foveate.training.sac import SacBatch, SacConfig, blend, sac_loss


class SacLearner:
    """A :class:`~foveate.training.learners.Learner`; the target critic and the temperature are in its state."""

    def __init__(self, model: Any, policy: Any, critic: Any, config: SacConfig, world: World) -> None:
        _check(policy, critic)
        self.model, self.policy, self.critic, self.config, self.world = model, policy, critic, config, world
        self.target = copy.deepcopy(critic).requires_grad_(False)
        device = next(critic.parameters()).device
        self.log_temperature = torch.tensor(math.log(config.start_temperature), device=device, requires_grad=True)
        self.policy_optimizer = torch.optim.AdamW(decay_groups(policy, config.weight_decay), lr=config.lr)
        self.critic_optimizer = torch.optim.AdamW(decay_groups(critic, config.weight_decay), lr=config.lr)
        self.temperature_optimizer = torch.optim.Adam([self.log_temperature], lr=config.lr)
        self.replay = Replay(config.capacity)

    def collect(self, parts: list[Played]) -> None:
        for played in parts:
            self.replay.add(remembered(played.episode, played.rewards))

    @property
    def is_ready(self) -> bool:
        return len(self.replay) >= self.config.start_transitions

    def learn(self, *, lr_scale: float, seed: int) -> Mapping[str, float]:
        for optimizer in self._optimizers:
            set_lr(optimizer, self.config.lr * lr_scale)
        generator = torch.Generator().manual_seed(seed)
        num_episodes = max(1, self.config.batch_size // self.replay.num_steps)
        report: Mapping[str, float] = {}
        for _ in range(self.config.updates_per_step):
            report = self._update(self.replay.sample(num_episodes, generator), generator)
        return report

    def forget(self) -> None:
        self.replay.clear()

    def state(self) -> dict[str, Any]:
        return {
            "target": self.target.state_dict(),
            "log_temperature": self.log_temperature.detach().clone(),
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
            "replay": self.replay.state(),
        }

    def restore(self, state: dict[str, Any], device: torch.device) -> None:
        self.target.load_state_dict(state["target"])
        with torch.no_grad():
            self.log_temperature.copy_(state["log_temperature"])
        for optimizer, its_state in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(its_state)
        self.replay.restore(state["replay"])

    @property
    def _optimizers(self) -> tuple[torch.optim.Optimizer, ...]:
        return self.policy_optimizer, self.critic_optimizer, self.temperature_optimizer

    def _update(self, episodes: Remembered, generator: torch.Generator) -> Mapping[str, float]:
        with evaluating(self.model):
            batch = self._batch(episodes, generator)
        goal = self._target_entropy(batch.observation.mask)
        loss = sac_loss(
            self.policy, self.critic, self.target, self.log_temperature, batch, self.config, target_entropy=goal
        )
        total = loss.policy + loss.critic + loss.temperature
        if self.world.agree(not bool(torch.isfinite(total))):
            raise TrainingError(
                f"the agent's loss is not finite (policy {float(loss.policy.detach())}, critic "
                f"{float(loss.critic.detach())}, temperature {float(self.log_temperature.detach().exp())}, rewards up "
                f"to {float(batch.reward.abs().max())}); the last good checkpoint is kept. A lower sac.lr or "
                "reward_scale usually mends it"
            )
        self._step(self.policy_optimizer, loss.policy, list(self.policy.parameters()))
        self._step(self.critic_optimizer, loss.critic, list(self.critic.parameters()))
        self._step(self.temperature_optimizer, loss.temperature, [self.log_temperature])
        blend(self.target, self.critic, self.config.tau)
        return {
            "policy": float(loss.policy.detach()),
            "value": float(loss.critic.detach()),
            "entropy": float(loss.entropy),
            "q": float(loss.q),
            "temperature": float(self.log_temperature.detach().exp()),
            "remembered": float(len(self.replay)),
        }

    def _step(self, optimizer: torch.optim.Optimizer, loss: Tensor, parameters: list[Any]) -> None:
        """One optimiser's step by the gradient of its own loss to its own parameters."""
        gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        self.world.average_gradients(parameters)
        if self.config.max_grad_norm is not None:
            nn.utils.clip_grad_norm_(parameters, self.config.max_grad_norm)
        optimizer.step()

    def _batch(self, episodes: Remembered, generator: torch.Generator) -> SacBatch:
        """All transitions of the episodes, as the present model sees them."""
        seen = looked_again(self.model, episodes)
        device = seen[0].features.device
        rewards = episodes.rewards.flatten().to(device)
        is_last = torch.zeros_like(episodes.rewards, dtype=torch.bool)
        is_last[:, -1] = True
        noise = torch.rand((len(rewards), 2, *self.policy.noise_shape), generator=generator).to(device)
        return SacBatch(
            observation=scene_major(seen[:-1]),
            action={key: part.flatten(0, 1)[:, None].to(device) for key, part in episodes.action.items()},
            reward=rewards,
            following=scene_major(seen[1:]),
            is_last=is_last.flatten().to(device),
            noise=noise,
        )

    def _target_entropy(self, mask: Tensor) -> float:
        if self.config.target_entropy is not None:
            return self.config.target_entropy
        if self.policy.is_enumerable:
            return self.config.target_frac * float(mask.sum(1).float().mean().log())
        return -float(self.policy.num_dims)


def _check(policy: Any, critic: Any) -> None:
    if not isinstance(policy, OffPolicy) or policy.noise_shape[0] != 1:
        raise IncompatibleError(
            f"{type(policy).__name__} cannot learn by soft actor-critic, which needs a policy with choices and one look"
            ' per step: choose squashed_gaussian or spatial, or learner="ppo"'
        )
    if critic is None:
        raise UsageError("soft actor-critic needs a critic, and there is none: add set_q or spatial_q")
    if not isinstance(critic, QCritic):
        raise IncompatibleError(
            f"{type(critic).__name__} judges no actions, which soft actor-critic needs: choose spatial_q for the "
            "spatial policy, set_q for squashed_gaussian"
        )
