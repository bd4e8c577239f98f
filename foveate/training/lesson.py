"""What one batch of full-length episodes teaches: the task's loss at every step, rewards, transitions for the agent.

Two forms of the representation loss. ``"code"``, the default, is what the official code computes: a *sum* of the losses
of the glance and of all looks, plus the auxiliary looks, plus self-distillation from the last step. ``"paper"`` is
Eq. 5 and 24: the *mean* over looks 1..T (P(t_o = t) = 1/T), without the glance. Relative to the paper's form, the
code's auxiliary weights are therefore T + 1 times weaker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import torch
from torch import Tensor

from foveate.config import check_numbers
from foveate.core import Observation, Seen, Task
from foveate.episode import Episode
from foveate.rows import Rowwise, scene_major


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """How the losses of one episode add up."""

    form: Literal["code", "paper", "last"] = "code"
    """ "last" is AdaGlimpse's: the loss after the last look only."""
    distill_weight: float = 0.0
    """Of KL(softmax(q_T) || softmax(q_t)) for t < T (beta; 1.0 in the paper's ImageNet recipe)."""
    distill_temperature: float = 1.0
    auxiliary_scale: float = 1.0
    """Multiplies the weights that the family declares for its auxiliary looks."""

    def __post_init__(self) -> None:
        check_numbers(self, "distill_weight", "auxiliary_scale", least=0)
        check_numbers(self, "distill_temperature", above=0)


@dataclass(frozen=True, kw_only=True)
class Transitions(Rowwise):
    """One row per look of the batch, in the order scene-major, step-minor."""

    observation: Observation
    action: Mapping[str, Tensor]
    behaviour: Mapping[str, Tensor] | None  # None, as log_prob, for policies that are not learned
    log_prob: Tensor | None  # [n * T]


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """Losses carry gradient; the rest is detached."""

    loss: Tensor  # 0-d: what the backbone minimises
    step_losses: Tensor  # [n, T + 1] of the task, detached
    step_metrics: Tensor  # [n, T + 1] the primary metric
    rewards: Tensor  # [n, T]
    auxiliary_losses: Mapping[str, Tensor]  # 0-d each


def step_losses(episode: Episode, task: Task, target: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Losses with gradient, scores and primary metric, each ``[n, T + 1]``, of an episode whose events were kept."""
    losses, scores, metrics = [], [], []
    for event in episode.events:
        losses.append(task.loss(event.prediction, target))
        with torch.no_grad():
            scores.append(task.score(event.prediction, target))
            metrics.append(task.metrics(event.prediction, target)[task.primary_metric])
    return torch.stack(losses, 1), torch.stack(scores, 1), torch.stack(metrics, 1)


def lesson(
    episode: Episode, task: Task, target: Any, auxiliary: Mapping[str, tuple[Tensor, float]], config: LossConfig
) -> Lesson:
    """``auxiliary`` maps names to (loss per scene [n], weight)."""
    losses, scores, metrics = step_losses(episode, task, target)
    total = _total(losses, config.form)
    for value, weight in auxiliary.values():
        total = total + config.auxiliary_scale * weight * value.mean()
    if config.distill_weight:
        total = total + config.distill_weight * _distillation(episode, config)
    return Lesson(
        loss=total,
        step_losses=losses.detach(),
        step_metrics=metrics,
        rewards=scores[:, 1:] - scores[:, :-1],
        auxiliary_losses={name: value.mean().detach() for name, (value, _) in auxiliary.items()},
    )


def _total(losses: Tensor, form: str) -> Tensor:
    """Of losses ``[n, T + 1]``; an episode without looks has but one."""
    if losses.shape[1] == 1 or form == "code":
        return losses.sum(1).mean()
    return losses[:, -1].mean() if form == "last" else losses[:, 1:].mean()


def _distillation(episode: Episode, config: LossConfig) -> Tensor:
    tau = config.distill_temperature
    *students, teacher = [event.prediction.float().flatten(1) / tau for event in episode.events]
    target = torch.softmax(teacher.detach(), 1)
    divergences = [torch.nn.functional.kl_div(q.log_softmax(1), target, reduction="batchmean") for q in students]
    return torch.stack(divergences).sum() * tau**2


def transitions(episode: Episode) -> Transitions:
    """All looks of the episode, ready for a buffer: detached, scene-major."""
    steps = [
        Transitions(
            observation=event.observation.detach(),
            action=event.look.action,
            behaviour=event.look.behaviour,
            log_prob=event.look.log_prob,
        )
        for event in episode.events
        if event.look is not None
    ]
    looked: Transitions = scene_major(steps)
    return looked


def lesson_metrics(lessons: list[Lesson]) -> dict[str, float]:
    """Means over the accumulated parts of one step, by their names in the journal."""
    losses = torch.cat([taught.step_losses for taught in lessons])
    rewards = torch.cat([taught.rewards for taught in lessons])
    looked = {}
    if rewards.shape[1]:
        looked = {
            "rollout/reward": float(rewards.mean()),
            "rollout/useless_frac": float((rewards <= 0).float().mean()),
        }
    return looked | {
        "train/loss": float(torch.stack([taught.loss.detach() for taught in lessons]).mean()),
        "train/task_loss_first": float(losses[:, 0].mean()),
        "train/task_loss_last": float(losses[:, -1].mean()),
        # A random part of a scene may hold nothing to be right about.
        "train/metric_last": float(torch.cat([taught.step_metrics for taught in lessons])[:, -1].nanmean()),
        "train/auxiliary_loss": float(sum(sum(t.auxiliary_losses.values(), start=0.0) for t in lessons)) / len(lessons),
    }


def pack(transitions: Transitions) -> dict[str, Any]:
    """Plain mappings of tensors, for a checkpoint that unpickles nothing else."""
    return {f.name: _packed(getattr(transitions, f.name)) for f in fields(transitions)}


def unpack(packed: Mapping[str, Any]) -> Transitions:
    """Inverse of :func:`pack`."""
    values, parts = dict(packed), dict(packed["observation"])
    values.pop("reward", None)  # of older checkpoints, which held the rewards twice
    parts["seen"] = None if parts["seen"] is None else Seen(**parts["seen"])
    return Transitions(**{**values, "observation": Observation(**parts)})


def _packed(value: Any) -> Any:
    """Rowwise objects as mappings, at any depth."""
    if not isinstance(value, Rowwise):
        return value
    return {f.name: _packed(getattr(value, f.name)) for f in fields(value)}  # type: ignore[arg-type]
