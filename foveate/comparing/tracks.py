"""What a reader knows of one scene after every step, and what it spent until then.

Shape letters: n scenes, s steps, g numbers of looks, t targets.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from foveate.comparing import READERS
from foveate.comparing.file_tiles import SMALL_TILE_PX, FileTiles
from foveate.core import ObservationShape, Scenes
from foveate.cost import Ledger
from foveate.episode import Event, Player
from foveate.geometry.viewpoint import contains, whole_scene
from foveate.noise import Noise
from foveate.rollout import steps
from foveate.rows import as_numpy
from foveate.system import System

CLOSE = 1.01  # a look that is hardly wider than the closest is one


@dataclass(frozen=True, kw_only=True)
class Track:
    """One scene and reader; ``[s]`` each, after the overview alone first."""

    looks: NDArray[np.int64]
    presence: NDArray[np.float64]  # how likely there is anything, by the answer
    finding: NDArray[np.float64]  # how likely the likeliest finding is; the presence, of tasks without findings
    kind: NDArray[np.int64]  # the likeliest class of what is there, from 1
    found: NDArray[np.float64]  # targets that were looked at as closely as can be
    macs: NDArray[np.float64]
    read_bytes: NDArray[np.float64]
    decoded_px: NDArray[np.float64]
    full_tiles: NDArray[np.float64]  # tiles at full resolution that a pyramid file would have to decode
    file_tiles: NDArray[np.float64]  # the same on all levels: as good as bytes
    full_small_tiles: NDArray[np.float64]  # the same two of a file with tiles of half the side
    file_small_tiles: NDArray[np.float64]
    seconds: NDArray[np.float64]
    """Wall-clock, reading and deciding included; not the answers on the way, but for the last."""
    views: NDArray[np.float32]  # [looks at the end, 4] what was looked at

    def at(self, looks: Sequence[int]) -> dict[str, NDArray[Any]]:
        """Every fact ``[g]`` as it was after at most so many looks."""
        step = np.searchsorted(self.looks, np.asarray(looks), side="right") - 1
        return {f.name: getattr(self, f.name)[step] for f in fields(self) if f.name != "views"}

    @classmethod
    def of(cls, steps_: Sequence[dict[str, Any]], views: NDArray[np.float32]) -> Self:
        return cls(views=views, **{name: np.array([step[name] for step in steps_]) for name in steps_[0]})


@torch.inference_mode()
def track(
    system: System,
    scene: Scenes,
    readers: Sequence[str],
    *,
    number: int,
    max_looks: int,
    boxes: NDArray[np.float32] | None = None,
) -> dict[str, Track]:
    """How each reader fares on a batch of one scene, from one overview; ``boxes`` ``[t, 4]`` (top, left, bottom, right)
    are those of its targets in the frame. All look ``max_looks`` times at most, but those that read everything."""
    opened, ledger = _opened(system, scene)
    return {name: _played(system, scene, name, opened, ledger, number, max_looks, boxes) for name in readers}


def _opened(system: System, scene: Scenes) -> tuple[Event, Ledger]:
    ledger = Ledger(scene.sizes_px)
    player = Player(model=system.model, policy=system.policy, max_looks=0)
    noise = Noise(seed=0, scenes=np.zeros(1, np.int64))
    (event,) = steps(scene, player, noise=noise, explore=False, ledger=ledger)
    return event, ledger


def _played(
    system: System, scene: Scenes, name: str, opened: Event, before: Ledger, number: int, max_looks: int, boxes: Any
) -> Track:
    policy = READERS.get(name)(system, opened, number)
    player = Player(
        model=system.model, policy=policy, task=system.task,
        max_looks=None if READERS.facts(name).get("reads_all") else max_looks,
    )  # fmt: skip
    ledger, close = deepcopy(before), _Close(system.model.observation_shape, scene, boxes)
    glimpse_px = system.model.glimpse_size_px(1)
    tiles, small = FileTiles(glimpse_px, scene.sizes_px), FileTiles(glimpse_px, scene.sizes_px, tile_px=SMALL_TILE_PX)
    for bill in (tiles, small):
        bill.add(whole_scene(1)[0])
    known: list[dict[str, Any]] = []
    views = [np.zeros((0, 4), np.float32)]
    # An event is given once its look was taken: what that took belongs to the next one.
    seconds, decoded_px = sum(before.seconds.values()), float(before.decoded_px[0])
    noise = Noise(seed=0, scenes=np.array([number]))
    start_s = time.perf_counter()
    for event in steps(scene, player, noise=noise, explore=False, ledger=ledger, state=opened.state):
        took_s = time.perf_counter() - start_s
        known.append({
            "looks": int(event.step.num_looks[0]), **_said(system, event.state), "found": close.num_found,
            "macs": float(event.spent["macs"][0]), "read_bytes": float(event.spent["bytes"][0]),
            "decoded_px": decoded_px, "seconds": seconds, "full_tiles": tiles.num_full, "file_tiles": tiles.num_all,
            "full_small_tiles": small.num_full, "file_small_tiles": small.num_all,
        })  # fmt: skip
        if event.look is not None:
            views.append(as_numpy(event.look.viewpoints)[0][as_numpy(event.look.valid)[0]])
            close.add(views[-1])
            tiles.add(views[-1])
            small.add(views[-1])
        seconds, decoded_px = seconds + took_s, float(ledger.decoded_px[0])
        start_s = time.perf_counter()  # what the comparison asks on the way is nobody's time
    return Track.of(known, np.concatenate(views))


def _said(system: System, state: Any) -> dict[str, Any]:
    """Presence and likeliest class; of tasks whose first class means that nothing is there."""
    prediction = system.model.predict(state)
    (answer,) = system.task.answers(prediction)
    shares = list(answer["probabilities"].values())
    certainty = system.task.certainty(prediction)
    presence = float(as_numpy(certainty["presence"])[0])
    finding = float(as_numpy(certainty["finding"])[0]) if "finding" in certainty else presence
    return {"presence": presence, "finding": finding, "kind": 1 + int(np.argmax(shares[1:]))}


class _Close:
    """Which targets were seen as closely as can be, by a look that answers for their middle."""

    def __init__(self, shape: ObservationShape, scene: Scenes, boxes: NDArray[np.float32] | None) -> None:
        assert shape.closest_px is not None  # or there would be no tiles
        targets = np.zeros((0, 4), np.float32) if boxes is None else boxes
        self.middles = ((targets[:, :2] + targets[:, 2:]) / 2)[None]
        self.closest = np.asarray(shape.closest_px) / scene.sizes_px[0] * CLOSE
        self.core_frac, self.is_found = shape.core_frac, np.zeros(len(targets), bool)

    @property
    def num_found(self) -> float:
        return float(self.is_found.sum())

    def add(self, views: NDArray[np.float32]) -> None:
        close = views[(views[:, 2:] <= self.closest).all(1)].copy()
        close[:, 2:] *= self.core_frac * CLOSE
        self.is_found |= contains(close[None], self.middles)[0].any(0)
