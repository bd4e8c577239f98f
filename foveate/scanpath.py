"""An answer as a picture: the scene with the looks that led to it, what each saw, and what was known after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foveate.answers import OUTCOMES, Answer, StepFacts, in_words, places_px
from foveate.drawing import RIGHT, SCENE_SIDE_PX, Mark, scanpath_picture
from foveate.geometry.viewpoint import WHOLE_SCENE, from_boxes_px
from foveate.scenes.given import Given, prepare, scenes_of


def draw_answer(picture: Given, answer: Answer, *, model: Any, marks: Sequence[Mark] = ()) -> Image.Image:
    """The scanpath picture of an answer; ``answer.steps`` (``trail=True``) give the captions beside the crops.

    ``marks`` are drawn too, for instance the truth. The picture is read again, at the sizes that are shown.
    """
    ready = prepare(picture, num_bands=model.num_bands, value_range=model.value_range)
    scenes = scenes_of([ready], num_bands=model.num_bands)

    def read(viewpoints: Any, size_px: tuple[int, int]) -> list[NDArray[np.uint8]]:
        views = np.asarray(viewpoints, np.float64).reshape(1, -1, 4)
        pixels = np.asarray(scenes.read(views, size_px).pixels[0])
        return [visible(glimpse, model.value_range) for glimpse in pixels]

    boxes = np.array(answer.looks, np.float64).reshape(-1, 4)
    crops = read(from_boxes_px(boxes[None], scenes.sizes_px), model.glimpse_size_px(1)) if len(boxes) else []
    captions = [f"look {number}" for number in range(1, len(boxes) + 1)]
    if model.opening == "glance":
        crops, captions = [*read(WHOLE_SCENE, model.glimpse_size_px(0)), *crops], ["glance", *captions]
    if len(answer.steps) >= len(crops):
        captions = [_after(facts, answer) for facts in answer.steps[-len(crops) :]]
    found = [
        Mark(center_px=at, label=name, colour=RIGHT) for name, at in places_px(answer.answer, answer.size_px).items()
    ]
    return scanpath_picture(
        read(WHOLE_SCENE, _shown_size(answer.size_px))[0],
        boxes,
        crops=crops,
        crop_captions=captions,
        caption=_caption(answer),
        marks=[*marks, *found],
        size_px=answer.size_px,
    )


def _shown_size(size_px: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, SCENE_SIDE_PX[1] / max(size_px))
    return max(round(size_px[0] * scale), 1), max(round(size_px[1] * scale), 1)


def visible(pixels: NDArray[Any], value_range: tuple[float, float]) -> NDArray[np.uint8]:
    """Pixels ``[C, h, w]`` as ``[h, w, 3]``: the first three bands, or the first one as grey."""
    low, high = value_range
    shown = (pixels[:3] if len(pixels) >= 3 else pixels[:1]).astype(np.float32)
    scaled = np.rint((shown - low) / (high - low) * 255).clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(scaled, (3, *scaled.shape[1:])).transpose(1, 2, 0))


def _after(facts: StepFacts, answer: Answer) -> str:
    title = "glance" if facts.num_looks == 0 else in_words(facts.answer, answer.size_px)
    said = [in_words(facts.answer, answer.size_px)] if facts.num_looks == 0 else []
    value = [] if facts.value is None else [f"value {facts.value:+.3f}"]
    return "\n".join([title, *said, f"{100 * facts.certainty:.0f} % sure", *value])


def _caption(answer: Answer) -> str:
    head = f"{in_words(answer.answer, answer.size_px)}  ·  {100 * answer.certainty:.0f} % sure"
    return f"{head}\n{str(answer.cost).replace(', ', '  ·  ')}  ·  {answer.outcome}: {OUTCOMES[answer.outcome]}"
