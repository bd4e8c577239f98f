"""What deferring is calibrated by: what a search and a scan of everything answer about the same held-out scenes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from foveate.cost import Ledger
from foveate.episode import Player
from foveate.errors import UsageError
from foveate.evaluation.record import device_of
from foveate.noise import Noise
from foveate.rollout import rollout
from foveate.rows import as_numpy, concat, take, to_device
from foveate.scanning import scan
from foveate.stopping.risk import RiskPoint, solve_risk
from foveate.system import System

BATCH_SIZE = 16

Facts = dict[str, NDArray[Any]]


@torch.inference_mode()
def searched_and_scanned(
    system: System, source: Any, player: Player, *, rows: NDArray[np.int64], done: Callable[[], object] = lambda: None
) -> Facts:
    """Of the source's scenes ``rows`` ``[n]``: the ``certainty`` of the search's answer, whether it was
    ``search_missed`` and ``scan_missed``, and whether it ``has_target``, each ``[n]``. ``done`` is called after each.

    Raises UsageError for a task whose answers cannot miss anything."""
    task = system.task
    if not hasattr(task, "missed"):
        raise UsageError(
            f"the task {system.spec.task.name!r} has no answer that misses what is there: a risk is for tasks of "
            "classes, such as spotting"
        )
    parts = []
    for batch in _batches(source, rows):
        target = to_device(batch.target, device_of(system))
        noise = Noise(seed=0, scenes=batch.indices)
        episode = rollout(batch.scenes, player, noise=noise, explore=system.is_drawn, keep_state=True)
        scans = []
        for row in range(len(batch.scenes)):
            scene, state = batch.scenes.select([row]), take(episode.state, [row])
            scans.append(scan(system, scene, state, ledger=Ledger(scene.sizes_px), sure=None).prediction)
            done()
        parts.append({
            "certainty": as_numpy(task.certainty(episode.prediction)["confidence"]),
            "search_missed": as_numpy(task.missed(episode.prediction, target)),
            "scan_missed": as_numpy(task.missed(concat(scans), target)),
            "has_target": as_numpy(task.has_target(target)),
        })  # fmt: skip
    return concat(parts)


def calibrated_risk(facts: Facts, *, risk: float, confidence: float, search: dict[str, str | int | None]) -> RiskPoint:
    """The threshold for a search that was asked so; errors are those of :func:`foveate.stopping.risk.solve_risk`."""
    return solve_risk(**facts, risk=risk, confidence=confidence, search=search)


def _batches(source: Any, rows: NDArray[np.int64]) -> Iterator[Any]:
    parts: Iterable[NDArray[np.int64]] = np.array_split(rows, -(-len(rows) // BATCH_SIZE))
    return (source.batch(part, epoch_seed=0) for part in parts)
