"""Findings and looks drawn on a picture, so that they show on any ground, however small or many they are.

All is in shown pixels, (left, top, right, bottom), as Pillow has it. What is too small to be framed gets a ring.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from foveate.answers import Box
from foveate.drawing import PAPER, SMALL_PX, Colour, Point, text_font
from foveate.finding.labels import label_boxes
from foveate.findings import Finding

# Of labels, the first of which is usually for scenes without anything; told apart also by most who see few colours.
KIND_COLOURS = ((90, 96, 104), (213, 22, 83), (222, 104, 0), (128, 60, 200), (0, 138, 98), (150, 96, 32), (0, 92, 190))
LOOK_COLOUR = (70, 200, 255)
RING_PX, TOO_SMALL_PX = 11.0, 14.0  # radius of a ring; what is smaller is not framed
LEAST_PX, LINE_PX = 8.0, 3.0  # of a frame's shorter side; what its line takes outside
MANY = 24  # findings from which on labels hold the score alone
SMOOTH = 2
LINES_FRAC = 0.05  # of a picture that lines of looks may cover before they fade
LABEL_PX = 18  # high


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A finding, as it is drawn."""

    box: tuple[float, float, float, float]
    """What is covered: the frame, or the ring."""
    is_ring: bool
    colour: Colour
    text: str


def marks_of(
    findings: Sequence[Finding], colours: dict[str, Colour], *, scale: float, within_px: tuple[float, float]
) -> list[Mark]:
    """``scale``: shown pixels per pixel of the picture, of which (width, height) ``within_px`` are shown."""
    marks = []
    for each in findings:
        top, left, bottom, right = (edge * scale for edge in each.box_px)
        is_ring = max(bottom - top, right - left) < TOO_SMALL_PX
        least = 2 * RING_PX if is_ring else LEAST_PX
        x = _widened(left, right, least=least, most=within_px[0])
        y = _widened(top, bottom, least=least, most=within_px[1])
        score = f"{100 * each.score:.0f}"
        text = score if len(findings) > MANY else f"{each.label}  {score} %"
        marks.append(Mark(box=(x[0], y[0], x[1], y[1]), is_ring=is_ring, colour=colours[each.label], text=text))
    return marks


def _widened(low: float, high: float, *, least: float, most: float) -> tuple[float, float]:
    """At least so long, and inside with its line; about the same middle where that can be."""
    half = max(high - low, least) / 2
    middle = min(max((low + high) / 2, half + LINE_PX), max(most - half - LINE_PX, half + LINE_PX))
    return middle - half, middle + half


def with_looks(shown: Image.Image, looks: Sequence[Box], *, scale: float) -> Image.Image:
    """Thin rectangles; where there are many they fade, so that the picture is still seen."""
    sheet = Image.new("RGBA", shown.size)
    draw, boxes = ImageDraw.Draw(sheet), np.array(looks, np.float64).reshape(-1, 4) * scale
    lines_px = 2 * (boxes[:, 2:] - boxes[:, :2]).sum()
    strength = min(1.0, LINES_FRAC * shown.width * shown.height / max(float(lines_px), 1.0))
    for top, left, bottom, right in boxes[np.argsort(-(boxes[:, 2] - boxes[:, 0]), kind="stable")]:  # close ones on top
        ends = (round(left), round(top), max(round(right) - 1, round(left) + 1), max(round(bottom) - 1, round(top) + 1))
        shade = (ends[0] - 1, ends[1] - 1, ends[2] + 1, ends[3] + 1)
        draw.rectangle(shade, outline=(0, 20, 40, round(40 + 70 * strength)))
        draw.rectangle(ends, outline=(*LOOK_COLOUR, round(90 + 150 * strength)))
    return Image.alpha_composite(shown.convert("RGBA"), sheet).convert("RGB")


def with_marks(shown: Image.Image, marks: Sequence[Mark]) -> tuple[Image.Image, int]:
    """With frames, rings and labels, the first on top; and how many found no room for a label."""
    font = text_font(SMALL_PX, bold=True)
    sizes = [(float(font.getlength(mark.text)) + 10, float(LABEL_PX)) for mark in marks]
    boxes = np.array([mark.box for mark in marks], np.float64).reshape(-1, 4)
    labels = label_boxes(boxes, sizes, within_px=shown.size)
    sheet = Image.new("RGBA", (shown.width * SMOOTH, shown.height * SMOOTH))
    draw = ImageDraw.Draw(sheet)
    for mark, label in reversed(list(zip(marks, labels, strict=True))):
        _draw_mark(draw, mark)
        if label is not None:
            _draw_leader(draw, mark, label)
    view = Image.alpha_composite(shown.convert("RGBA"), sheet.resize(shown.size, Image.Resampling.LANCZOS)).convert(
        "RGB"
    )
    pen = ImageDraw.Draw(view)
    for mark, label in zip(marks, labels, strict=True):
        if label is not None:
            pen.rounded_rectangle(label, 4, fill=PAPER, outline=mark.colour)
            pen.text(_middle(label), mark.text, fill=mark.colour, font=font, anchor="mm")
    return view, sum(label is None for label in labels)


def _draw_mark(draw: ImageDraw.ImageDraw, mark: Mark) -> None:
    """With a light rim on both sides, so that it shows on any ground."""
    shape = draw.ellipse if mark.is_ring else draw.rectangle
    for ink, grow, width in (((*PAPER, 235), 2.0, 4.0), ((*mark.colour, 255), 1.0, 2.0)):
        left, top, right, bottom = mark.box
        ends = (left - grow, top - grow, right + grow, bottom + grow)
        shape(tuple(end * SMOOTH for end in ends), outline=ink, width=round(width * SMOOTH))


def _draw_leader(draw: ImageDraw.ImageDraw, mark: Mark, label: Sequence[float]) -> None:
    """From what is marked to the nearest place of its label."""
    end = _nearest(label, _middle(mark.box))
    start = _nearest(mark.box, _middle(label))
    if mark.is_ring:
        middle = _middle(mark.box)
        share = RING_PX / max(math.dist(middle, end), RING_PX)
        start = (middle[0] + share * (end[0] - middle[0]), middle[1] + share * (end[1] - middle[1]))
    for ink, width in (((*PAPER, 235), 3.5), ((*mark.colour, 255), 1.5)):
        draw.line([(x * SMOOTH, y * SMOOTH) for x, y in (start, end)], fill=ink, width=round(width * SMOOTH))


def _middle(box: Sequence[float]) -> Point:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _nearest(box: Sequence[float], point: Point) -> Point:
    """The place of a box that is nearest to a point."""
    return min(max(point[0], box[0]), box[2]), min(max(point[1], box[1]), box[3])
