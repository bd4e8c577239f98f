"""The answer of a moment as a picture: what it looks like is decided by what is in it, never by the task's name.

A prediction with ``pixels`` is shown as a picture; an answer with ``shares`` of classes as a coloured map; with
``places`` as rings on the scene; with ``probabilities`` as bars; anything else in words.
"""

from __future__ import annotations

import colorsys
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from foveate.answers import in_words, places_px
from foveate.drawing import INK, RIGHT, SMALL_PX, SOFT, Colour, Mark, cut_line, text_font, with_looks
from foveate.exploring.exploration import Exploration, Moment
from foveate.exploring.panels import Note, Panel, Size, blank, framed, greyed, resized, shown_scale, words_image
from foveate.rows import as_numpy
from foveate.scanpath import visible

NUM_BARS = 5
TEXT_SIDE_PX = 150  # what text needs, where a scene is but a strip
CLASS_COLOURS = (  # the first is grey: most often it is what is left over
    (148, 156, 168), (33, 102, 214), (232, 93, 20), (26, 155, 96), (204, 41, 130), (122, 62, 200), (224, 170, 0),
    (0, 160, 175), (200, 45, 48), (120, 85, 60), (110, 165, 30),
)  # fmt: skip


def answer_panel(told: Exploration, moment: Moment, size: Size) -> Panel:
    """See the module's docstring."""
    prediction, answer = moment.watched.prediction, moment.watched.answer
    if isinstance(prediction, Mapping) and "pixels" in prediction:
        return _picture(told, moment, prediction["pixels"], size)
    if "shares" in answer:
        return _class_map(told, answer["shares"], prediction, size)
    if "places" in answer:
        return _places(told, answer, size)
    roomy = (max(size[0], TEXT_SIDE_PX), max(size[1], TEXT_SIDE_PX))
    if "probabilities" in answer:
        return _bars(answer["probabilities"], roomy)
    return _words(in_words(answer, told.size_px), roomy)


def _picture(told: Exploration, moment: Moment, pixels: Any, size: Size) -> Panel:
    shown = visible(as_numpy(pixels)[0].clip(0, 1), (0.0, 1.0))
    image = Image.fromarray(shown).resize(size, Image.Resampling.BICUBIC)
    low, high = told.value_range
    notes = [Note(text=f"RMSE {moment.rmse:.3g} of {high - low:.3g}")] if moment.rmse is not None else []
    if (expected := moment.watched.answer.get("expected_rmse")) is not None:
        notes.append(Note(text=f"expected {expected:.3g}"))
    return Panel(title="what it makes of it", image=framed(image), notes=tuple(notes))


def _class_map(told: Exploration, shares: Mapping[str, float], logits: Any, size: Size) -> Panel:
    """The most probable class of every place over the pale scene, and what share each takes."""
    classes = as_numpy(logits)[0].argmax(0)
    colours = class_colours(int(logits.shape[1]))
    sheet = Image.fromarray(np.array(colours, np.uint8)[classes]).resize(size, Image.Resampling.NEAREST)
    image = Image.blend(greyed(told.scene, size), sheet, 0.6)
    order = sorted(shares.items(), key=lambda entry: -entry[1])
    notes = tuple(
        Note(text=f"{name}: {_percent(share)}", colour=colours[told.labels.index(name)])
        for name, share in order
        if name in told.labels
    )
    return Panel(title="what it takes for what", image=framed(image), notes=notes)


def _places(told: Exploration, answer: Mapping[str, Any], size: Size) -> Panel:
    marks = [Mark(center_px=at, label=name, colour=RIGHT) for name, at in places_px(answer, told.size_px).items()]
    image = with_looks(resized(told.scene, size), np.zeros((0, 4)), [], marks, shown_scale(told, size))
    notes = (Note(text=f"{_percent(answer['probability'])} probable"),) if "probability" in answer else ()
    return Panel(title="where it says it is", image=image, notes=notes)


def _bars(probabilities: Mapping[str, float], size: Size) -> Panel:
    """The most probable answers, in their order of now."""
    best = sorted(probabilities.items(), key=lambda entry: -entry[1])[:NUM_BARS]
    image, draw = blank(size)
    step = min(size[1] / max(len(best), 1), 54)
    top = (size[1] - step * len(best)) / 2
    for i, (name, share) in enumerate(best):
        _bar(draw, (12, top + i * step), size[0] - 24, step, name, share, is_best=i == 0)
    more = len(probabilities) - len(best)
    return Panel(title="what it answers", image=framed(image), notes=(Note(text=f"and {more} more"),) if more else ())


def _bar(
    draw: ImageDraw.ImageDraw, at: tuple[float, float], width: float, step: float, name: str, share: float, *,
    is_best: bool,
) -> None:  # fmt: skip
    """A name and its percentage over a bar."""
    x, y = at
    thick = min(max(step - 26, 4), 12)
    line, ink = y + step / 2 - thick / 2 - 1, INK if is_best else SOFT
    font, percent = text_font(SMALL_PX, bold=is_best), _percent(share)
    room = width - font.getlength(percent) - 8
    draw.text((x, line), cut_line(name, room, font), fill=ink, font=font, anchor="lm")
    draw.text((x + width, line), percent, fill=ink, font=font, anchor="rm")
    top = line + 10
    draw.rectangle((x, top, x + width, top + thick), fill=(236, 239, 243))
    if share * width >= 1:
        draw.rectangle((x, top, x + share * width, top + thick), fill=RIGHT if is_best else (158, 188, 226))


def _words(text: str, size: Size) -> Panel:
    font, bold = text_font(SMALL_PX), text_font(SMALL_PX, bold=True)
    parts = [cut_line(part, size[0] - 16, bold) for part in text.split(", ")][: max(size[1] // 24 - 1, 1)]
    return Panel(title="what it answers", image=words_image([(part, True) for part in parts], size, font, bold))


def _percent(share: float) -> str:
    return "< 1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def class_colours(count: int) -> list[Colour]:
    """One for each class, the same in every picture."""
    turns = [
        colorsys.hsv_to_rgb((0.1 + 0.618034 * i) % 1, 0.65, 0.8) for i in range(max(count - len(CLASS_COLOURS), 0))
    ]
    further = [(round(255 * r), round(255 * g), round(255 * b)) for r, g, b in turns]
    return [*CLASS_COLOURS, *further][:count]
