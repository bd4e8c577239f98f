"""One picture, played step by step: all that is shown of it, and all of it as plain numbers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.answers import OUTCOMES, Box, Outcome, Watched, places_px
from foveate.core import Scenes
from foveate.drawing import Picture
from foveate.exploring.heat import Heat, heat_of
from foveate.exploring.seen import Seen, Sight, canvas_size, seen_so_far
from foveate.geometry.viewpoint import WHOLE_SCENE, to_boxes_px
from foveate.looker import Looker
from foveate.model_folder import label_names
from foveate.plain import plain
from foveate.rows import as_numpy
from foveate.scanpath import visible
from foveate.scenes.given import Given, is_file, prepare, scenes_of


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What is known after some looks, before the next one."""

    watched: Watched
    looks: tuple[Box, ...]
    """Taken so far, in pixels of the picture, without the glance."""
    seen: Seen
    finest_px: float | None
    """Scene pixels per sample of the finest sight; None where nothing was seen."""
    last: Sight | None
    """The latest look; None before the first."""
    heat: Heat | None
    rmse: float | None
    """Of a prediction that is a picture, in units of the model's range: here the truth is at hand."""


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """The whole episode."""

    name: str
    model: str
    labels: tuple[str, ...]
    """Names of what the task tells apart or looks for."""
    value_range: tuple[float, float]
    scene: Picture  # as large as a canvas: see seen.canvas_size
    size_px: tuple[int, int]
    opening: str
    moments: tuple[Moment, ...]

    @property
    def outcome(self) -> Outcome:
        outcome = self.moments[-1].watched.outcome
        assert outcome is not None  # the last step says it
        return outcome

    def to_plain(self) -> dict[str, Any]:
        """Plain values for JSON; boxes are (top, left, bottom, right) in pixels of the picture."""
        last = self.moments[-1]
        return plain(
            {
                "picture": self.name,
                "model": self.model,
                "size_px": self.size_px,
                "opening": self.opening,
                "num_looks": last.watched.num_looks,
                "looks_px": last.looks,
                "answer": last.watched.answer,
                "certainty": last.watched.certainty,
                "outcome": self.outcome,
                "meaning": OUTCOMES[self.outcome],
                "cost": last.watched.spent,
                "steps": [self._step(moment) for moment in self.moments],
            }
        )

    def _step(self, moment: Moment) -> Mapping[str, Any]:
        step = moment.watched
        return {
            "num_looks": step.num_looks,
            "answer": step.answer,
            **({"places_px": found} if (found := places_px(step.answer, self.size_px)) else {}),
            **({"rmse": moment.rmse} if moment.rmse is not None else {}),
            "certainty": step.certainty,
            "value": step.value,
            "covered_pct": 100 * moment.seen.share,
            "spent": step.spent,
            "stop": None if step.appetite is None else asdict(step.appetite),
            "next_px": step.boxes_px,
            "heat": None if moment.heat is None else self._heat(moment.heat),
        }

    def _heat(self, heat: Heat) -> Mapping[str, Any]:
        boxes = to_boxes_px(heat.viewpoints[None], np.array([self.size_px]))[0]
        return {"kind": heat.kind, "boxes_px": boxes.round(1), "values": heat.values.astype(float).round(6)}


def explore(looker: Looker, picture: Given, **asked: Any) -> Exploration:
    """Look at one picture as ``looker.watch`` does, with the same arguments, and keep what every step shows.

    The picture is read again to be shown: what the model senses, it senses once."""
    model = looker.system.model
    ready = prepare(picture, num_bands=model.num_bands, value_range=model.value_range)
    scenes = scenes_of([ready], num_bands=model.num_bands)
    camera = getattr(model, "camera", None)
    sensor = _Sensor(scenes if camera is None else camera(scenes), model.value_range)
    sights = sensor.sights(np.array([WHOLE_SCENE]), model.glimpse_size_px(0)) if model.opening == "glance" else []
    looks, moments = list[Box](), list[Moment]()
    for step in looker.watch(picture, **asked):
        moments.append(
            Moment(
                watched=step,
                looks=tuple(looks),
                seen=seen_so_far(sights, ready.size_px),
                finest_px=min((sight.step_px for sight in sights), default=None),
                last=sights[-1] if looks else None,
                heat=heat_of(step),
                rmse=_rmse(step.prediction, scenes),
            )
        )
        looks += step.boxes_px
        sights = sights + sensor.sights(step.viewpoints, model.glimpse_size_px(1))
    whole = _Sensor(scenes, model.value_range).sights(np.array([WHOLE_SCENE]), canvas_size(ready.size_px))
    return Exploration(
        name=Path(os.fspath(picture)).name if is_file(picture) else "a picture",
        model=looker.name,
        labels=label_names(looker.system),
        value_range=model.value_range,
        scene=whole[0].pixels,
        size_px=ready.size_px,
        opening=model.opening,
        moments=tuple(moments),
    )


@dataclass(frozen=True)
class _Sensor:
    """Scenes of one picture, as they are sensed."""

    scenes: Scenes
    value_range: tuple[float, float]

    def sights(self, viewpoints: NDArray[Any], size_px: tuple[int, int]) -> list[Sight]:
        if len(viewpoints) == 0:
            return []
        pixels = as_numpy(self.scenes.read(viewpoints[None], size_px).pixels)[0]
        boxes = to_boxes_px(viewpoints[None], self.scenes.sizes_px)[0].tolist()
        shown = [visible(one, self.value_range) for one in pixels]
        return [
            Sight(box_px=(top, left, bottom, right), pixels=one)
            for (top, left, bottom, right), one in zip(boxes, shown, strict=True)
        ]


def _rmse(prediction: Any, scenes: Scenes) -> float | None:
    """Of a prediction with ``pixels`` ``[1, C, H, W]`` in [0, 1], in the scenes' range."""
    if not isinstance(prediction, Mapping) or "pixels" not in prediction:
        return None
    low, high = scenes.value_range
    said = as_numpy(prediction["pixels"])[0].astype(np.float32)
    truth = as_numpy(scenes.read(np.array([[WHOLE_SCENE]]), said.shape[1:]).pixels)[0, 0]
    squared = np.square(said.clip(0, 1) * (high - low) - (truth.astype(np.float32) - low))
    return float(np.sqrt(squared.mean()))
