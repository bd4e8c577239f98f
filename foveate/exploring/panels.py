"""What is drawn of one moment beside its answer: the scene with its looks, what was seen, what draws attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from foveate.answers import Box
from foveate.drawing import INK, LINE, PAPER, SOFT, Colour, Mark, Picture, path_colours, with_looks
from foveate.exploring.exploration import Exploration, Moment
from foveate.exploring.heat import Heat
from foveate.exploring.seen import Sight

Size = tuple[int, int]  # (width, height), as Pillow has it

PANEL_SIDE_PX = 280  # of a square one
LONGEST = 1.5  # times as long
INSET = 0.42  # of a panel's shorter side, for looks that are shown
TOO_SMALL_PX = 24  # or less
HATCH = ((243, 244, 246), (218, 222, 228))
LEAST_STRENGTH = 0.15  # of what was seen and matters least
LEAST_SPREAD = 0.5  # of the largest importance: parts that differ by less do not get all colours
EMBERS = ((255, 236, 179), (254, 178, 76), (240, 90, 40), (165, 15, 40))  # little to much heat


@dataclass(frozen=True, kw_only=True)
class Note:
    """A few words below a panel, with the colour that they explain."""

    text: str
    colour: Colour | None = None


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One picture of a row."""

    title: str
    image: Image.Image
    notes: tuple[Note, ...] = ()


def panel_size(size_px: tuple[int, int], *, side_px: int = PANEL_SIDE_PX) -> Size:
    """Of a scene (height, width): all scenes get the area of a square of ``side_px``, but for very long ones."""
    scale = min(side_px / (size_px[0] * size_px[1]) ** 0.5, LONGEST * side_px / max(size_px))
    return max(round(size_px[1] * scale), 8), max(round(size_px[0] * scale), 8)


def shown_scale(told: Exploration, size: Size) -> float:
    """Shown pixels per pixel of the picture, along its longer side: the shorter may be shown wider than it is."""
    return max(size) / max(told.size_px)


def scene_panel(told: Exploration, moment: Moment, size: Size, marks: Sequence[Mark] = ()) -> Panel:
    """The scene with the looks so far, numbered, and ``marks``, for instance the truth, whose labels go below."""
    colours = path_colours(told.moments[-1].watched.num_looks)[: len(moment.looks)]
    boxes, scale = np.array(moment.looks, np.float64).reshape(-1, 4), shown_scale(told, size)
    rings = [replace(mark, label="") for mark in marks]
    image = with_looks(resized(told.scene, size), boxes * scale, colours, rings, scale)
    notes = [*_last_look(told, moment), *(Note(text=mark.label, colour=mark.colour) for mark in marks)]
    return Panel(title="where it looked", image=image, notes=tuple(notes))


def _last_look(told: Exploration, moment: Moment) -> tuple[Note, ...]:
    if not moment.looks:
        return (Note(text="a glance at the whole" if told.opening == "glance" else "no look yet"),)
    top, left, bottom, right = moment.looks[-1]
    text = f"look {len(moment.looks)}: {bottom - top:.0f} × {right - left:.0f} px"
    return (Note(text=text, colour=_last_colour(told, moment)),)


def _last_colour(told: Exploration, moment: Moment) -> Colour:
    return path_colours(told.moments[-1].watched.num_looks)[len(moment.looks) - 1]


def seen_panel(told: Exploration, moment: Moment, size: Size) -> Panel:
    """The canvas of what was sensed; hatched where nothing was. A look too small to be made out is enlarged."""
    rgba = np.dstack([moment.seen.pixels, np.where(moment.seen.mask, 255, 0).astype(np.uint8)])
    enlarges = size[0] >= rgba.shape[1]  # samples stay squares; a shrunk canvas is averaged
    how = Image.Resampling.NEAREST if enlarges else Image.Resampling.BOX
    sheet = hatched(size)
    sheet.alpha_composite(Image.fromarray(rgba).resize(size, how))
    image = framed(sheet.convert("RGB"))
    notes = [Note(text=f"{100 * moment.seen.share:.0f} % covered")]
    if moment.finest_px is not None:
        notes.append(Note(text=_fineness(moment.finest_px)))
    if moment.last is not None:
        _enlarge(image, moment.last, shown_scale(told, size), _last_colour(told, moment))
    return Panel(title="what it has seen", image=image, notes=tuple(notes))


def _enlarge(image: Image.Image, sight: Sight, scale: float, colour: Colour) -> None:
    """A small look once more, in the corner that is farthest from it."""
    top, left, bottom, right = (edge * scale for edge in sight.box_px)
    side = round(min(image.size) * INSET)
    if max(bottom - top, right - left) > min(TOO_SMALL_PX, side / 2):
        return
    height, width = (max(round(side * part / max(sight.pixels.shape[:2])), 1) for part in sight.pixels.shape[:2])
    how = Image.Resampling.NEAREST if side > 4 * max(sight.pixels.shape[:2]) else Image.Resampling.BICUBIC
    inset = framed(ImageOps.expand(Image.fromarray(sight.pixels).resize((width, height), how), 2, colour), PAPER)
    x = 4 if left + right > image.width else image.width - inset.width - 4
    y = 4 if top + bottom > image.height else image.height - inset.height - 4
    image.paste(inset, (x, y))
    pen = ImageDraw.Draw(image)
    pen.rectangle((left - 2, top - 2, right + 1, bottom + 1), outline=colour, width=2)


def _fineness(step_px: float) -> str:
    return f"finest: 1 sample for {step_px:.1f} px" if step_px >= 1.05 else "finest: every pixel"


HEAT_TITLES = {"importance": "what mattered", "odds": "where it may look next", "relevance": "what seems relevant"}


def heat_panel(told: Exploration, moment: Moment, size: Size, *, most: float) -> Panel | None:
    """Heat over the greyed scene, the next look dashed; ``most`` is what has the darkest colour, but for importance."""
    if moment.heat is None:
        return None
    scene, scale = greyed(told.scene, size), shown_scale(told, size)
    strength = _strength(moment.heat, size, most)
    alpha = 0.85 * strength[..., None] ** 0.7
    mixed = np.asarray(scene, np.float64) * (1 - alpha) + _embers(strength) * alpha
    image = Image.fromarray(mixed.round().astype(np.uint8))
    marks = [Mark(box_px=_inset(box, told.size_px), colour=INK) for box in moment.watched.boxes_px]
    image = with_looks(image, np.zeros((0, 4)), [], marks, scale)
    dashed = (Note(text="next look dashed"),) if marks else ()
    return Panel(
        title=HEAT_TITLES[moment.heat.kind], image=image, notes=(_heat_note(moment.heat, size, strength), *dashed)
    )


def _strength(heat: Heat, size: Size, most: float) -> NDArray[np.floating]:
    """How strongly each pixel is coloured, in [0, 1]."""
    painted = heat.painted((size[1], size[0]))
    if heat.kind != "importance":
        return np.clip(painted / max(most, 1e-12), 0, 1)
    # Importance is shared out among what was seen, often almost evenly: only how parts differ tells something.
    low, high = heat.values.min(initial=1.0), heat.values.max(initial=0.0)
    relative = (painted - low) / max(high - low, LEAST_SPREAD * high, 1e-12)
    return np.where(painted > 0, LEAST_STRENGTH + (1 - LEAST_STRENGTH) * relative, 0).clip(0, 1)


def _heat_note(heat: Heat, size: Size, strength: NDArray[np.floating]) -> Note:
    """How much the hottest place has, and its colour."""
    most = float(heat.painted((size[1], size[0])).max(initial=0.0))
    if most == 0:
        return Note(text="nothing yet")
    words = {
        "importance": f"{heat.values.min():.2g} to {heat.values.max():.2g}",
        "odds": f"up to {100 * most:.0f} % likely",
        "relevance": f"up to {most:.2g}",
    }
    red, green, blue = (round(band) for band in _embers(strength.max(initial=0.0)).tolist())
    return Note(text=words[heat.kind], colour=(red, green, blue))


def most_heat(told: Exploration, size: Size) -> float:
    """The largest heat of all moments, so that their colours compare."""
    painted = (moment.heat.painted((size[1], size[0])) for moment in told.moments if moment.heat is not None)
    return max((float(heat.max()) for heat in painted), default=0.0)


def _inset(box: Box, size_px: tuple[int, int]) -> Box:
    """A box whose frame, drawn around it, stays in the picture."""
    rims = [min(0.02 * max(size_px), side / 2) for side in size_px]  # a very flat picture has less room
    top, left, bottom, right = (
        float(np.clip(edge, rims[i % 2], size_px[i % 2] - rims[i % 2])) for i, edge in enumerate(box)
    )
    return top, left, bottom, right


def _embers(heat: NDArray[np.floating]) -> NDArray[np.float64]:
    """Colours ``[h, w, 3]`` of heat in [0, 1]."""
    at, ramp = np.linspace(0, 1, len(EMBERS)), np.array(EMBERS, np.float64)
    return np.stack([np.interp(heat, at, ramp[:, band]) for band in range(3)], axis=-1)


def resized(picture: Picture, size: Size) -> Image.Image:
    """As smooth as may be: for what is known everywhere."""
    return Image.fromarray(np.ascontiguousarray(picture)).resize(size, Image.Resampling.LANCZOS)


def greyed(picture: Picture, size: Size) -> Image.Image:
    """Pale and without colour, to paint on."""
    grey = resized(picture, size).convert("L").convert("RGB")
    return Image.blend(grey, Image.new("RGB", size, PAPER), 0.35)


def framed(image: Image.Image, colour: Colour = LINE) -> Image.Image:
    """With a hair line around."""
    ImageDraw.Draw(image).rectangle((0, 0, image.width - 1, image.height - 1), outline=colour)
    return image


def blank(size: Size) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """An empty sheet and its pen."""
    image = Image.new("RGB", size, PAPER)
    return image, ImageDraw.Draw(image)


def hatched(size: Size) -> Image.Image:
    """The ground that means: nothing is known here."""
    return _hatch(size).copy()


@cache
def _hatch(size: Size, spacing_px: int = 9, smooth: int = 2) -> Image.Image:
    large = Image.new("RGBA", (size[0] * smooth, size[1] * smooth), HATCH[0])
    draw = ImageDraw.Draw(large)
    for x in range(-large.height, large.width, spacing_px * smooth):
        draw.line((x, large.height, x + large.height, 0), fill=HATCH[1], width=smooth + 1)
    return large.resize(size, Image.Resampling.LANCZOS)


def words_image(lines: Sequence[tuple[str, bool]], size: Size, font: object, bold: object) -> Image.Image:
    """Lines of text in the middle of a panel."""
    image, draw = blank(size)
    y = size[1] / 2 - 12 * (len(lines) - 1)
    for text, is_bold in lines:
        chosen = bold if is_bold else font
        draw.text((size[0] / 2, y), text, fill=INK if is_bold else SOFT, font=chosen, anchor="mm")  # type: ignore[arg-type]
        y += 24
    return framed(image)
