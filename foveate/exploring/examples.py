"""Example episodes for a report: the first scenes of a source that show each kind of ending, played step by step.

Scenes are played one by one, as a person's pictures are, so that what is chosen is what is shown.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from foveate.answers import OUTCOMES, Watched
from foveate.core import Scenes
from foveate.drawing import Mark
from foveate.evaluation.record import batches, device_of
from foveate.evaluation.report_data import EpisodeExample, EpisodeStep, PanelPicture
from foveate.exploring.exploration import Moment, explore
from foveate.exploring.panels import Panel
from foveate.exploring.sheets import answer_in_words, facts_of, panel_rows, when
from foveate.geometry.viewpoint import WHOLE_SCENE
from foveate.looker import Looker
from foveate.rows import as_numpy, take, to_device
from foveate.tasks.primary import primary
from foveate.words import counted

Describe = Callable[[Any, Any], tuple[str, Sequence[Mark]]]
"""From a row's prediction and target to a caption and marks of the truth."""

MOST_STEPS = 6  # of a longer episode, as many spread over it
PANEL_SIDE_PX = 240  # what a quarter of the page is wide, and not so much more than half of a phone
BATCH = 16
CHOSEN = "The first of each kind among {num} test scenes."


@dataclass(frozen=True, kw_only=True)
class Played:
    """A scene and how looking at it ended."""

    picture: NDArray[Any]  # [H, W, C]
    target: Any  # of this scene alone
    last: Watched
    score: float
    """The task's primary metric."""

    @property
    def is_early(self) -> bool:
        """Whether it stopped by itself with looks to spare."""
        most = self.last.most_looks
        return self.last.outcome == "stopped" and (most is None or self.last.num_looks < most)


def examples(
    looker: Looker, source: Any, *, num_scenes: int, describe: Describe | None = None, **asked: Any
) -> list[EpisodeExample]:
    """One episode of each kind that is among the first scenes of a source, asked for as by ``looker.watch``.

    ``describe`` says what came out and marks the truth; without it, the answer is put in words."""
    played = [one for batch in batches(source, num_scenes, BATCH) for one in _played(looker, batch, asked)]
    is_graded = any(one.score not in (0.0, 1.0) for one in played)
    chosen = (_graded if is_graded else _decided)(played)
    return [_example(looker, kind, one, describe, asked, is_graded=is_graded) for kind, one in chosen]


def _played(looker: Looker, batch: Any, asked: dict[str, Any]) -> list[Played]:
    task, device, found = looker.system.task, device_of(looker.system), []
    for row in range(len(batch.scenes)):
        picture, target = _picture(batch.scenes.select(np.array([row]))), take(batch.target, np.array([row]))
        *_, last = looker.watch(picture, **asked)
        metrics = task.metrics(last.prediction, to_device(target, device))
        score = float(as_numpy(primary(task, metrics))[0])
        found.append(Played(picture=picture, target=target, last=last, score=score))
    return found


def _picture(scene: Scenes) -> NDArray[Any]:
    """All of a scene as a person would hand it over: integers as they are, floats in [0, 1]."""
    height, width = (int(side) for side in scene.sizes_px[0])
    pixels = as_numpy(scene.read(np.array([[WHOLE_SCENE]]), (height, width)).pixels)[0, 0].transpose(1, 2, 0)
    if pixels.dtype.kind == "u":
        return pixels
    low, high = scene.value_range
    unit: NDArray[Any] = ((pixels - low) / (high - low)).clip(0, 1)
    return unit


def _decided(played: Sequence[Played]) -> list[tuple[str, Played]]:
    """The first right one that looked on, the first right one that stopped early, the first wrong one."""
    right = sorted((one for one in played if one.score == 1), key=lambda one: one.is_early)
    early = [one for one in right[1:] if one.is_early]
    wrong = [one for one in played if one.score == 0]
    firsts = {"✓ right": right, "✓ right, stopped early": early, "✗ wrong": wrong}
    return [(kind, ones[0]) for kind, ones in firsts.items() if ones]


def _graded(played: Sequence[Played]) -> list[tuple[str, Played]]:
    """Where every answer is more or less good: the middle one, the worst, and another that stopped early."""
    order = sorted(played, key=lambda one: one.score)
    chosen = [("the middle one", order[len(order) // 2]), ("the worst", order[0])][: len(order)]
    early = [one for one in played if one.is_early and all(one is not other for _, other in chosen)]
    return [*chosen, *(("stopped early", one) for one in early[:1])]


def _example(
    looker: Looker, kind: str, one: Played, describe: Describe | None, asked: dict[str, Any], *, is_graded: bool
) -> EpisodeExample:
    told = explore(looker, one.picture, **asked)
    if describe is not None:
        words, marks = describe(one.last.prediction, one.target)
    else:
        words, marks = _told(looker, one, is_graded=is_graded), ()
    rows = panel_rows(told, side_px=PANEL_SIDE_PX, marks=marks)
    shown = np.unique(np.linspace(0, len(rows) - 1, MOST_STEPS).round().astype(int))
    many = "" if len(shown) == len(rows) else f"; {len(shown)} of {len(rows)} moments"
    return EpisodeExample(
        kind=kind,
        caption=f"{words.splitlines()[0]} ({counted(one.last.num_looks, 'look')}, {OUTCOMES[told.outcome]}{many})",
        is_right=None if is_graded else one.score == 1,
        steps=[_step(told.moments[i], rows[i], told.size_px) for i in shown],
    )


def _told(looker: Looker, one: Played, *, is_graded: bool) -> str:
    if is_graded:
        return f"{looker.system.task.primary_metric.replace('_', ' ')} {one.score:.2f}"
    return answer_in_words(one.last, one.picture.shape[:2])


def _step(moment: Moment, panels: Sequence[Panel], size_px: tuple[int, int]) -> EpisodeStep:
    step, answer = moment.watched, answer_in_words(moment.watched, size_px)
    return EpisodeStep(
        heading=when(step),
        facts=[answer, *facts_of(step)],
        panels=[
            PanelPicture(
                title=panel.title,
                image=_encoded(panel.image),
                alt=f"{panel.title} {when(step)}: {', '.join(note.text for note in panel.notes) or answer}",
                notes=[(note.text, note.colour) for note in panel.notes],
            )
            for panel in panels
        ],
    )


def _encoded(image: Image.Image) -> bytes:
    """As few bytes as still look right: a page holds dozens."""
    content = io.BytesIO()
    if features.check("webp"):
        image.save(content, "WEBP", quality=82, method=4)
    else:
        image.save(content, "PNG", optimize=True)
    return content.getvalue()
