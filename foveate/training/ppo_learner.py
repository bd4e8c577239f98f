"""Proximal policy optimisation in training: transitions, carried across steps and epochs until they are used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from foveate.core import LearnedPolicy
from foveate.errors import TrainingError, UsageError
from foveate.rows import concat, to_device
from foveate.training.learners import Played
from foveate.training.lesson import Transitions, pack, transitions, unpack
from foveate.training.optimizer import set_lr
from foveate.training.parallel import World
from foveate.training.ppo import PpoBatch, PpoConfig, PpoLoss, ppo_loss
from foveate.training.returns import gae

Part = tuple[Transitions, Tensor]  # of n scenes, and their rewards [n, T]
REPORTED = ("policy", "value", "entropy", "approx_kl", "clip_fraction", "explained_variance")


class PpoLearner:
    """A :class:`~foveate.training.learners.Learner`."""

    def __init__(self, model: Any, policy: Any, critic: Any, config: PpoConfig, world: World) -> None:
        self.policy, self.critic, self.config, self.world = policy, critic, config, world
        parts = [part for part in (policy, critic) if isinstance(part, nn.Module)]
        self.learns_policy = isinstance(policy, LearnedPolicy)
        if self.learns_policy and critic is None:
            raise UsageError("a policy is trained against a critic's values, and there is none: add one, spatial_value")
        self.parameters = [p for part in parts for p in part.parameters()]
        self.optimizer = torch.optim.Adam(self.parameters, lr=config.lr) if self.parameters else None
        self.buffer: list[list[Part]] = []  # one entry per training step: its accumulated parts

    def collect(self, parts: list[Played]) -> None:
        self.buffer.append([(transitions(played.episode), played.rewards) for played in parts])

    @property
    def is_ready(self) -> bool:
        return len(self.buffer) >= self.config.every

    def learn(self, *, lr_scale: float, seed: int) -> Mapping[str, float]:
        """Use up the buffer. Gives the last minibatch's losses."""
        if self.optimizer is None:
            self.buffer = []
            return {}
        batch = self._batch()
        self.buffer = []
        set_lr(self.optimizer, self.config.lr * lr_scale)
        generator = torch.Generator().manual_seed(seed)
        loss: PpoLoss | None = None
        for _ in range(self.config.epochs):
            order = torch.randperm(len(batch.returns), generator=generator)
            for rows in order.chunk(self.config.minibatches):
                loss = self._update(batch.select(rows.to(batch.returns.device)))
        return {name: float(getattr(loss, name)) for name in REPORTED}

    def forget(self) -> None:
        self.buffer = []

    def state(self) -> dict[str, Any]:
        """For a checkpoint: the optimiser, and the buffer as plain mappings of tensors."""
        buffer = [[(pack(looked), rewards) for looked, rewards in step] for step in self.buffer]
        return {"optimizer": self.optimizer.state_dict() if self.optimizer else None, "buffer": buffer}

    def restore(self, state: dict[str, Any], device: torch.device) -> None:
        if self.optimizer is not None:
            self.optimizer.load_state_dict(state["optimizer"])
        self.buffer = [
            [(unpack(to_device(packed, device)), rewards.to(device)) for packed, rewards in step]
            for step in state["buffer"]
        ]

    @torch.no_grad()
    def _batch(self) -> PpoBatch:
        config = self.config
        parts, advantages, returns, values = [], [], [], []
        for looked, rewards in (part for step in self.buffer for part in step):
            value = self.critic.value(looked.observation)
            advantage, target = gae(rewards, value.view_as(rewards), gamma=config.gamma, lam=config.gae_lambda)
            parts.append(looked)
            advantages.append(advantage.flatten())
            returns.append(target.flatten())
            values.append(value)
        every = concat(parts)
        advantage = torch.cat(advantages)
        mean, std = self.world.moments(advantage)
        return PpoBatch(
            observation=every.observation,
            action=every.action,
            behaviour=every.behaviour,
            log_prob=every.log_prob,
            advantage=(advantage - mean) / (std + 1e-8),
            returns=torch.cat(returns),
            value=torch.cat(values),
        )

    def _update(self, rows: PpoBatch) -> PpoLoss:
        assert self.optimizer is not None
        loss = ppo_loss(self.policy if self.learns_policy else None, self.critic, rows, self.config)
        if self.world.agree(not bool(torch.isfinite(loss.total))):  # all leave, or the others would wait forever
            raise TrainingError(
                f"the agent's loss is not finite (policy {float(loss.policy)}, value {float(loss.value)}); the last "
                "good checkpoint is kept. A lower ppo.lr or a smaller max_grad_norm usually mends it"
            )
        self.optimizer.zero_grad(set_to_none=True)
        loss.total.backward()
        self.world.average_gradients(self.parameters)
        if self.config.max_grad_norm is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.config.max_grad_norm)
        self.optimizer.step()
        return loss
