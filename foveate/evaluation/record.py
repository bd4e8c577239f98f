"""One full-length pass over held-out scenes, from which any stopping can be judged in hindsight (paper, Eq. 19)."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from foveate.core import Scenes
from foveate.cost import Ledger
from foveate.episode import Player
from foveate.noise import Noise
from foveate.rollout import rollout, steps
from foveate.rows import as_numpy, concat, to_device
from foveate.stopping.traces import Origin, Traces
from foveate.system import System
from foveate.tasks.primary import primary

TRACED = frozenset({"value", "certainty", "prediction"})


def batches(source: Any, num_scenes: int, batch_size: int) -> Iterator[Any]:
    """The first scenes of a source, each exactly once, in even batches: a rest of one scene might be a broken file."""
    count = min(num_scenes, len(source))
    for part in np.array_split(np.arange(count), -(-count // batch_size)):
        yield source.batch(part, epoch_seed=0)


@torch.inference_mode()
def record(
    system: System, source: Any, *, num_scenes: int, num_looks: int, batch_size: int = 64, with_ms: bool = True
) -> Traces:
    """Values, certainties, scores and costs at every depth 0..``num_looks`` of the source's first scenes."""
    system.train(False)
    parts = []
    for batch in batches(source, num_scenes, batch_size):
        parts.append(_trace(system, batch, num_looks))
        probe = batch
    traced = concat(parts)
    costs = {name.removeprefix("cost."): value for name, value in traced.items() if name.startswith("cost.")}
    if with_ms:
        open_ms, look_ms = measured_ms(system, probe.scenes, num_looks)
        costs["ms"] = open_ms + look_ms * costs["looks"]
    return Traces(
        scores=traced["score"],
        costs=costs,
        extra_costs=_extra_costs(system, traced),
        values=traced.get("value"),
        certainty={n.removeprefix("certainty."): v for n, v in traced.items() if n.startswith("certainty.")},
        noise=traced["noise"],
        scene_noise=traced["scene_noise"],
        origin=here(source.fingerprint, batch_size, system),
    )


def _trace(system: System, batch: Any, num_looks: int) -> dict[str, Any]:
    """``[n, T + 1]`` per recorded fact."""
    scenes, noise, every = batch.scenes, Noise(seed=0, scenes=batch.indices), np.arange(len(batch.scenes))
    target = to_device(batch.target, device_of(system))
    ask = TRACED if system.critic is not None else TRACED - {"value"}
    player = Player(
        model=system.model, policy=system.policy, critic=system.critic, task=system.task, max_looks=num_looks, ask=ask,
        together=True,
    )  # fmt: skip
    price, columns = system.model.price(), []
    for event in steps(scenes, player, noise=noise, explore=system.is_drawn, ledger=Ledger(scenes.sizes_px)):
        metrics = system.task.metrics(event.prediction, target)
        column = {"score": primary(system.task, metrics), "noise": noise.step(every, event.step.num_looks)}
        column |= {f"cost.{unit}": amount for unit, amount in event.spent.items()}
        looks, policy_macs = event.step.num_looks, system.policy.macs(event.observation)
        column["cost.macs"] = price.sensed(looks) + price.predict(looks) + looks * policy_macs
        column |= {f"certainty.{name}": sure for name, sure in (event.step.certainty or {}).items()}
        if system.critic is not None:
            column["value"] = event.step.value
            column["value_macs"] = np.full(len(scenes), system.critic.macs(event.observation))
        columns.append({name: as_numpy(values).astype(np.float64) for name, values in column.items()})
    traced = {name: np.stack([column[name] for column in columns], axis=1) for name in columns[0]}
    return {**traced, "scene_noise": noise.scene(every)}


def _extra_costs(system: System, traced: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What a rule's facts cost at every depth, beyond the one head that every row runs: nothing at the last step."""
    depth = np.broadcast_to(np.arange(traced["score"].shape[1]), traced["score"].shape)
    asked = np.minimum(depth + 1.0, depth[0, -1])
    extra = {"certainty": {"macs": system.model.price().predict(0, count=depth).astype(np.float64)}}
    if "value_macs" in traced:
        extra["value"] = {"macs": asked * traced["value_macs"]}
    return extra


@torch.inference_mode()
def measured_ms(system: System, scenes: Scenes, num_looks: int, *, repeats: int = 3) -> tuple[float, float]:
    """Milliseconds per scene of the opening with one head, and of each look, at this batch size (best of a few)."""

    def seconds(looks: int) -> float:
        player = Player(model=system.model, policy=system.policy, max_looks=looks)
        start_s = time.perf_counter()
        rollout(scenes, player, explore=system.is_drawn)
        return time.perf_counter() - start_s

    seconds(num_looks)  # warm-up
    none = min(seconds(0) for _ in range(repeats))
    full = min(seconds(num_looks) for _ in range(repeats))
    per_scene = 1e3 / len(scenes)
    return none * per_scene, max(0.0, full - none) / max(1, num_looks) * per_scene


def here(fingerprint: str, batch_size: int, system: System) -> Origin:
    """This machine, for tables in ms."""
    device = device_of(system)
    name = (
        torch.cuda.get_device_name(device) if device.type == "cuda" else f"{platform.machine()} {platform.processor()}"
    )
    return Origin(split=fingerprint, device=name.strip(), batch_size=batch_size, num_threads=torch.get_num_threads())


def device_of(system: System) -> torch.device:
    return next(system.model.parameters()).device
