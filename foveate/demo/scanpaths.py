"""Scanpath pictures of a run: the first scenes of the test set as they come, and, marked, failures among them."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from foveate.answers import places_px
from foveate.drawing import RIGHT, Mark, scanpath_picture
from foveate.episode import Episode, Player
from foveate.evaluation.report_data import ScanpathPicture
from foveate.exploring.examples import Describe
from foveate.geometry.viewpoint import to_boxes_px
from foveate.noise import Noise
from foveate.rollout import rollout
from foveate.rows import as_numpy, take
from foveate.stopping.stopper import Stopper
from foveate.system import System

CHOSEN = "The first {good} scenes of the test set that were right and the first {bad} that were wrong, in order."


@torch.inference_mode()
def scanpaths(
    system: System,
    source: Any,
    describe: Describe,
    *,
    stop: Stopper,
    max_looks: int,
    num_good: int = 8,
    num_bad: int = 4,
    pool: int = 160,
    short: Callable[[Any], str],
) -> list[ScanpathPicture]:
    """Pictures of executed episodes under a stop rule; ``short`` words the prediction after a look."""
    system.train(False)
    batch = source.batch(np.arange(min(pool, len(source))), epoch_seed=0)
    player = Player(
        model=system.model, policy=system.policy, critic=system.critic, task=system.task, stop=stop,
        max_looks=max_looks, ask=frozenset({"prediction"}),
    )  # fmt: skip
    episode = rollout(batch.scenes, player, noise=Noise(seed=1, scenes=batch.indices), keep_events=True)
    right = as_numpy(system.task.metrics(episode.prediction, batch.target)[system.task.primary_metric]) > 0.5
    chosen = [*np.flatnonzero(right)[:num_good], *np.flatnonzero(~right)[:num_bad]]
    return [_picture(system, batch, episode, int(row), bool(right[row]), describe, short) for row in chosen]


def _picture(
    system: System,
    batch: Any,
    episode: Episode,
    row: int,
    is_right: bool,
    describe: Describe,
    short: Callable[[Any], str],
) -> ScanpathPicture:
    scene, num_looks = batch.scenes.select(np.array([row])), int(episode.num_looks[row])
    viewpoints = episode.viewpoints[row, :num_looks, 0][None]
    boxes = to_boxes_px(viewpoints, scene.sizes_px)[0] if num_looks else np.zeros((0, 4))
    words = [
        short(take(event.prediction, np.flatnonzero(event.rows == row))) for event in episode.events[: num_looks + 1]
    ]
    glance_px, focus_px = system.model.glimpse_size_px(0), system.model.glimpse_size_px(1)
    crops = [_read(scene, np.array([[[0, 0, 1, 1]]], np.float32), glance_px)]
    crops += [_read(scene, viewpoints[:, [i]], focus_px) for i in range(num_looks)]
    captions = [f"glance\n{words[0]}", *(f"look {i + 1}\n{word}" for i, word in enumerate(words[1:]))]
    prediction = take(episode.prediction, np.array([row]))
    caption, marks = describe(prediction, take(batch.target, np.array([row])))
    height, width = (int(side) for side in scene.sizes_px[0])
    shown = _read(scene, np.array([[[0, 0, 1, 1]]], np.float32), (height, width))
    places = places_px(system.task.answers(prediction)[0], (height, width)).values()
    answered = [Mark(center_px=at, label="answer", colour=RIGHT) for at in places]
    picture = scanpath_picture(
        shown, boxes, crops=crops, crop_captions=captions, caption=caption, marks=[*marks, *answered]
    )
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return ScanpathPicture(image=buffer.getvalue(), caption=caption.splitlines()[0], is_failure=not is_right)


def _read(scene: Any, viewpoints: NDArray[np.float32], size_px: tuple[int, int]) -> NDArray[np.uint8]:
    """``[h, w, 3]`` uint8."""
    pixels = scene.read(viewpoints, size_px).pixels[0, 0]
    return np.ascontiguousarray(np.broadcast_to(pixels.transpose(1, 2, 0), (*size_px, 3)))
