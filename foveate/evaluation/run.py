"""One setting, executed: rows that stop leave the batch, and what is reported is what was spent and measured."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from foveate.episode import Limits, Player
from foveate.evaluation.record import batches, device_of
from foveate.noise import Noise
from foveate.rollout import rollout
from foveate.rows import as_numpy, to_device
from foveate.stopping.stopper import Stopper
from foveate.system import System
from foveate.tasks.primary import primary


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """Means over scenes, and the per-scene numbers they come from."""

    metrics: Mapping[str, float]
    primary: float
    mean_looks: float
    mean_macs: float
    mean_sensed_px: float
    mean_sensed_pct: float
    """Of each scene's pixels, in percent."""
    mean_decoded_px: float
    """Pixels that had to be decoded; 0 for scenes in memory, as the bytes."""
    mean_read_bytes: float
    """Bytes fetched from storage."""
    seconds_per_scene: float
    """Median over batches of the measured episode time, per scene; the first batch is not counted if there are more."""
    num_looks: NDArray[np.int64]  # [N]
    correct: NDArray[np.float64]  # [N] primary metric
    outcomes: Mapping[str, float]  # share of stopped, truncated, deferred


@torch.inference_mode()
def evaluate(
    system: System,
    source: Any,
    *,
    num_scenes: int,
    max_looks: int | None,
    stop: Stopper | None = None,
    limits: Limits | None = None,
    policy: Any | None = None,
    batch_size: int = 64,
    explore: bool | None = None,
) -> RunResult:
    """Play every scene once under one policy and one stop rule.

    ``explore`` draws the looks, the same ones every time; None: as the system's own policy is meant, and not for
    another ``policy``."""
    system.train(False)
    drawn = _is_drawn(system, policy, explore)
    chosen = policy if policy is not None else system.policy
    player = Player(
        model=system.model, policy=chosen, critic=system.critic, task=system.task,
        stop=stop, limits=limits, max_looks=max_looks,
    )  # fmt: skip
    episodes, metrics, seconds = [], [], []
    for batch in batches(source, num_scenes, batch_size):
        start_s = time.perf_counter()
        episode = rollout(batch.scenes, player, noise=Noise(seed=1, scenes=batch.indices), explore=drawn)
        _wait(device_of(system))
        seconds.append((time.perf_counter() - start_s) / len(batch.scenes))
        scores = system.task.metrics(episode.prediction, to_device(batch.target, device_of(system)))
        primary(system.task, scores)  # refused at the first batch
        metrics.append({name: as_numpy(value) for name, value in scores.items()})
        episodes.append(episode)
    every = {name: np.concatenate([m[name] for m in metrics]).astype(np.float64) for name in metrics[0]}

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(episode, name) for episode in episodes])

    def ledger_mean(name: str) -> float:
        return float(np.concatenate([getattr(episode.ledger, name) for episode in episodes]).mean())

    return RunResult(
        metrics={name: float(values.mean()) for name, values in every.items()},
        primary=float(every[system.task.primary_metric].mean()),
        mean_looks=float(joined("num_looks").mean()),
        mean_macs=ledger_mean("macs"),
        mean_sensed_px=ledger_mean("sensed_px"),
        mean_sensed_pct=100 * float(np.concatenate([e.ledger.sensed_px / e.ledger.scene_px for e in episodes]).mean()),
        mean_decoded_px=ledger_mean("decoded_px"),
        mean_read_bytes=ledger_mean("read_bytes"),
        seconds_per_scene=float(np.median(seconds[1:] or seconds)),
        num_looks=joined("num_looks"),
        correct=every[system.task.primary_metric],
        outcomes={name: float(joined(name).mean()) for name in ("stopped", "truncated", "deferred")},
    )


def _is_drawn(system: System, policy: Any | None, explore: bool | None) -> bool:
    return explore if explore is not None else policy is None and system.is_drawn


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def accuracy_by_looks(system: System, source: Any, **options: Any) -> list[float]:
    """Primary metric after 0..``max_looks`` looks; ``options`` as in :func:`metrics_by_looks`."""
    return metrics_by_looks(system, source, **options)[system.task.primary_metric]


@torch.inference_mode()
def metrics_by_looks(
    system: System,
    source: Any,
    *,
    num_scenes: int,
    max_looks: int,
    policy: Any | None = None,
    explore: bool | None = None,
    batch_size: int = 128,
) -> dict[str, list[float]]:
    """Every metric of the task after 0..``max_looks`` looks of one policy, with the system's own reader, in one pass.
    ``explore`` as in :func:`evaluate`."""
    system.train(False)
    drawn = _is_drawn(system, policy, explore)
    player = Player(
        model=system.model, policy=policy or system.policy, max_looks=max_looks, ask=frozenset({"prediction"}),
        together=True,
    )  # fmt: skip
    found: dict[str, list[NDArray[Any]]] = {}
    for batch in batches(source, num_scenes, batch_size):
        target = to_device(batch.target, device_of(system))
        noise = Noise(seed=1, scenes=batch.indices)
        episode = rollout(batch.scenes, player, noise=noise, explore=drawn, keep_events=True)
        columns = [system.task.metrics(event.prediction, target) for event in episode.events]
        for column in columns:
            primary(system.task, column)  # refused where it is no share
        for name in columns[0]:
            values = np.stack([as_numpy(column[name]) for column in columns], axis=1)
            found.setdefault(name, []).append(values)
    return {name: [float(mean) for mean in np.concatenate(parts).mean(axis=0)] for name, parts in found.items()}
