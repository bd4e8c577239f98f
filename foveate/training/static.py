"""Trains and measures a plain net on thumbnails of the same scenes: what looking has to beat."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from foveate.core import Scenes, Task
from foveate.errors import TrainingError, UsageError
from foveate.geometry.viewpoint import whole_scene
from foveate.models.static_net import StaticNet, StaticNetConfig
from foveate.rows import to_device
from foveate.training.config import ENDLESS
from foveate.training.feed import ahead
from foveate.training.optimizer import decay_groups, set_lr
from foveate.training.sources import Source, training_indices

WARMUP_FRAC = 0.1


@dataclass(frozen=True, kw_only=True)
class StaticResult:
    """One static net, measured on scenes that it was not trained on."""

    accuracy: float
    """The task's primary metric, mean over scenes."""
    macs: int
    """Multiply-adds per scene."""
    seconds_per_scene: float
    """Median over batches: shrinking the scene and one pass of the net; the first batch counts only if it is alone."""
    params: int
    steps: int
    train_s: float
    input_px: tuple[int, int]
    width: int


def train_static(
    source: Source,
    test: Source,
    task: Task,
    *,
    num_outputs: int,
    input_px: tuple[int, int],
    width: int = 24,
    places: tuple[int, int] | None = None,
    attends: bool = False,
    seconds: float | None = None,
    steps: int | None = None,
    batch_size: int = 64,
    lr: float = 3e-3,
    weight_decay: float = 0.02,
    seed: int = 0,
    test_scenes: int | None = None,
    device: str | torch.device = "cpu",
) -> StaticResult:
    """Train for ``seconds`` or ``steps``, whichever ends first, with AdamW, warm-up and cosine; then measure.

    ``places``: the grid of a search task's answer; ``attends``: the targets say where things are. Raises UsageError
    without a bound, TrainingError for a loss that is not finite.
    """
    if seconds is None and steps is None:
        raise UsageError("give seconds or steps: a static net needs an end to its training too")
    first = source.batch(np.arange(min(batch_size, len(source))), epoch_seed=seed).scenes  # one may be broken
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = StaticNetConfig(
            num_outputs=num_outputs, input_px=input_px, width=width, places=places, attends=attends,
            num_bands=first.num_bands, value_range=first.value_range,
        )  # fmt: skip
        net = StaticNet(config).to(device)
    step, train_s = _fit(
        net,
        source,
        task,
        seconds=seconds,
        steps=steps,
        batch_size=batch_size,
        lr=lr,
        weight_decay=weight_decay,
        seed=seed,
    )
    accuracy, seconds_per_scene = measure_static(
        net, test, task, num_scenes=test_scenes or len(test), batch_size=batch_size
    )
    return StaticResult(
        accuracy=accuracy, macs=net.macs(), seconds_per_scene=seconds_per_scene, params=net.num_params(),
        steps=step, train_s=train_s, input_px=input_px, width=width,
    )  # fmt: skip


def _fit(
    net: StaticNet,
    source: Source,
    task: Task,
    *,
    seconds: float | None,
    steps: int | None,
    batch_size: int,
    lr: float,
    weight_decay: float,
    seed: int,
) -> tuple[int, float]:
    """Trains in place; steps taken and seconds passed, those of making scenes included."""
    net.train()
    optimizer = torch.optim.AdamW(decay_groups(net, weight_decay), lr=lr)
    start_s, step, device = time.perf_counter(), 0, next(net.parameters()).device

    def made(number: int) -> tuple[Any, Any]:
        rows, epoch_seed = training_indices(number, batch_size=batch_size, num_scenes=len(source), seed=seed)
        batch = source.batch(rows, epoch_seed)
        return thumbnails(batch.scenes, net.config.input_px), batch.target

    for pixels, target in ahead(made, range(steps or ENDLESS)):
        elapsed_s = time.perf_counter() - start_s
        done = max(step / steps if steps else 0.0, elapsed_s / seconds if seconds else 0.0)
        if done >= 1:
            break
        set_lr(optimizer, lr * _schedule(done))
        wanted = to_device(target, device)
        loss = torch.stack([task.loss(answer, wanted).mean() for answer in net.taught(pixels)]).sum()
        if not torch.isfinite(loss):
            raise TrainingError(f"the static net's loss is {float(loss.detach())} at step {step}: lower its lr, {lr}")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        step += 1
    return step, time.perf_counter() - start_s


def measure_static(
    net: StaticNet, test: Source, task: Task, *, num_scenes: int, batch_size: int = 64
) -> tuple[float, float]:
    """The task's primary metric on the first scenes, and seconds per scene with the shrinking."""
    scores, seconds = [], []
    device = next(net.parameters()).device
    for batch in _batches(test, num_scenes, batch_size):
        start_s = time.perf_counter()
        prediction = net.answer_of(thumbnails(batch.scenes, net.config.input_px))
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append((time.perf_counter() - start_s) / len(batch.scenes))
        metrics = task.metrics(prediction, to_device(batch.target, device))
        scores.append(metrics[task.primary_metric].float().cpu())
    every: Tensor = torch.cat(scores)
    return float(every.mean()), float(np.median(seconds[1:] or seconds))


def thumbnails(scenes: Scenes, size_px: tuple[int, int]) -> Any:
    """The whole of every scene, shrunk: ``[n, C, h, w]``."""
    return scenes.read(whole_scene(len(scenes)), size_px).pixels[:, 0]


def _batches(source: Source, num_scenes: int, batch_size: int) -> Iterator[Any]:
    count = min(num_scenes, len(source))
    for part in np.array_split(np.arange(count), -(-count // batch_size)):  # even: a rest of one might be a broken file
        yield source.batch(part, epoch_seed=0)


def _schedule(done: float) -> float:
    if done < WARMUP_FRAC:
        return max(done / WARMUP_FRAC, 1e-2)
    return 0.5 * (1 + math.cos(math.pi * (done - WARMUP_FRAC) / (1 - WARMUP_FRAC))) + 1e-3
