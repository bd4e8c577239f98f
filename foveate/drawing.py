"""The scanpath picture: the scene with its numbered looks, what each of them saw beside it, and what came of it.

Pillow only. Lines are drawn at three times their size and shrunk, so that they are smooth; every outline has a light
halo, so that it shows on any ground. Boxes are (top, left, bottom, right) in scene pixels, as everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from foveate.errors import UsageError

Picture = NDArray[np.uint8]  # [h, w, 3]
Colour = tuple[int, int, int]
Point = tuple[float, float]  # (x, y), as Pillow has it

PAPER, INK, SOFT, LINE = (255, 255, 255), (28, 32, 38), (104, 112, 122), (214, 218, 224)
RIGHT, WRONG, TRUTH = (26, 135, 84), (200, 45, 48), (0, 121, 191)
PATH_COLOURS = ((33, 102, 214), (122, 62, 200), (204, 41, 130), (232, 93, 20), (214, 150, 0))  # first to last look
SMOOTH = 3  # lines are drawn this much larger
MARGIN_PX, GAP_PX, THUMB_PX, CAPTION_PX = 20, 14, 104, 132
TEXT_PX, SMALL_PX, BADGE_PX = 17, 14, 22
SCENE_SIDE_PX = (540, 900)  # the longer side is brought between these


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Something to point at in the scene besides the looks: the truth, or the answer."""

    center_px: tuple[float, float] | None = None
    """(row, col) in scene pixels; drawn as a ring."""
    box_px: tuple[float, float, float, float] | None = None
    """(top, left, bottom, right) in scene pixels; drawn as a frame. One of the two is needed."""
    label: str = ""
    colour: Colour = TRUTH

    def __post_init__(self) -> None:
        if (self.center_px is None) == (self.box_px is None):
            raise UsageError("a mark needs either center_px or box_px")


def scanpath_picture(
    scene: Picture,
    boxes_px: NDArray[Any],
    *,
    crops: Sequence[Picture],
    crop_captions: Sequence[str],
    caption: str,
    marks: Sequence[Mark] = (),
    size_px: tuple[int, int] | None = None,
) -> Image.Image:
    """Draw one episode.

    ``boxes_px`` is ``[T, 4]``, in looking order. ``crops`` holds one picture per box, or one more: then the first is
    the glance. ``crop_captions`` has as many entries; a line break in one is kept, its first line is the heading.
    ``caption`` goes below; its first line is bold. ``size_px`` (height, width) says what pixels the boxes and marks are
    in when ``scene`` is a smaller copy.
    """
    boxes = np.asarray(boxes_px, np.float64).reshape(-1, 4)
    if len(crops) not in (len(boxes), len(boxes) + 1) or len(crops) != len(crop_captions):
        raise UsageError(
            f"{len(boxes)} boxes go with {len(boxes)} crops (or one more, the glance first) and as many captions, "
            f"not {len(crops)} and {len(crop_captions)}"
        )
    shown, scale = _fitted(scene, size_px or scene.shape[:2])
    view = with_looks(shown, boxes * scale, path_colours(len(boxes)), marks, scale)
    strip = _crop_panel(crops, crop_captions, num_looks=len(boxes), beside=view.size)
    return _page(view, strip, caption)


def _fitted(scene: Picture, size_px: tuple[int, ...]) -> tuple[Image.Image, float]:
    """The scene at the size it is shown, and shown pixels per scene pixel."""
    longest = max(size_px)
    scale = min(max(longest, SCENE_SIDE_PX[0]), SCENE_SIDE_PX[1]) / longest
    size = (max(round(size_px[1] * scale), 1), max(round(size_px[0] * scale), 1))
    return Image.fromarray(np.ascontiguousarray(scene)).convert("RGB").resize(size, Image.Resampling.LANCZOS), scale


def path_colours(count: int) -> list[Colour]:
    """From blue by way of violet to orange, in looking order."""
    ramp = np.array(PATH_COLOURS, np.float64)
    at = np.linspace(0, len(ramp) - 1, count) if count > len(ramp) else np.arange(count, dtype=np.float64)
    columns = [np.interp(at, np.arange(len(ramp)), ramp[:, band]) for band in range(3)]
    return [(round(r), round(g), round(b)) for r, g, b in zip(*columns, strict=True)]


def with_looks(
    shown: Image.Image, boxes: NDArray[np.float64], colours: list[Colour], marks: Sequence[Mark], scale: float
) -> Image.Image:
    """A scene with numbered looks, in shown pixels, and marks, in those of the scene."""
    pen = _Pen(shown.size)
    frames = [_grown(box, shown.size) for box in boxes]
    for start, end in pairwise(frames):
        if (ends := _between(start, end)) is not None:
            pen.line(ends, INK, width=1.3, halo=3.6)
    for mark in marks:
        _draw_mark(pen, mark, scale)
    for frame, colour in reversed(list(zip(frames, colours, strict=True))):  # the first look on top
        pen.frame(frame, colour)
    view = pen.onto(shown)
    draw, taken = ImageDraw.Draw(view), list[Point]()
    for number, (frame, colour) in enumerate(zip(frames, colours, strict=True), start=1):
        where = _free_corner(frame, taken, view.size)
        taken.append(where)
        view.paste(
            _badge(str(number), colour), (round(where[0] - BADGE_PX / 2), round(where[1] - BADGE_PX / 2)), _disc()
        )
    for mark in marks:
        _draw_label(draw, mark, scale, view.size)
    draw.rectangle((0, 0, view.width - 1, view.height - 1), outline=LINE)
    return view


def _grown(
    box: NDArray[np.float64], size: tuple[int, int], least_px: float = 9.0, rim_px: float = 3.0
) -> tuple[float, float, float, float]:
    """(left, top, right, bottom), at least so large that it can be seen, and with room for its frame at the border."""
    top, left, bottom, right = box
    y, x = (top + bottom) / 2, (left + right) / 2
    high, wide = max(bottom - top, least_px) / 2, max(right - left, least_px) / 2
    rim_x, rim_y = (min(rim_px, side / 2) for side in size)  # a very flat picture has less room
    return (
        max(x - wide, rim_x),
        max(y - high, rim_y),
        min(x + wide, size[0] - rim_x),
        min(y + high, size[1] - rim_y),
    )


def _between(start: Sequence[float], end: Sequence[float]) -> tuple[Point, Point] | None:
    """The line between the centres of two frames, without what lies inside them."""
    a = ((start[0] + start[2]) / 2, (start[1] + start[3]) / 2)
    b = ((end[0] + end[2]) / 2, (end[1] + end[3]) / 2)

    def share_inside(frame: Sequence[float]) -> float:
        sides = ((frame[2] - frame[0]) / 2, (frame[3] - frame[1]) / 2)
        return min((side / abs(d) for side, d in zip(sides, (b[0] - a[0], b[1] - a[1]), strict=True) if d), default=1.0)

    low, high = share_inside(start), 1 - share_inside(end)
    if low >= high:
        return None
    return _on(a, b, low), _on(a, b, high)


def _on(a: Point, b: Point, share: float) -> Point:
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


def _free_corner(frame: Sequence[float], taken: list[Point], size: tuple[int, int]) -> Point:
    """Where a frame's number goes: outside the first corner with room, else at the one with the most."""
    r = BADGE_PX / 2
    left, top, right, bottom = frame
    is_small = min(right - left, bottom - top) < 2 * BADGE_PX
    out = r if is_small else r / 2  # a number may lie on a corner, but not on all of a small frame
    corners = [
        (left - out, top - out),
        (right + out, top - out),
        (right + out, bottom + out),
        (left - out, bottom + out),
    ]
    sides = [((left + right) / 2, top - 2 * r), ((left + right) / 2, bottom + 2 * r)]
    inside = [(min(max(x, r), size[0] - r), min(max(y, r), size[1] - r)) for x, y in [*corners, *sides]]
    room = [min((math.dist(corner, other) for other in taken), default=math.inf) for corner in inside]
    return next((at for at, free in zip(inside, room, strict=True) if free > BADGE_PX), inside[int(np.argmax(room))])


def _draw_mark(pen: _Pen, mark: Mark, scale: float) -> None:
    if mark.box_px is not None:
        top, left, bottom, right = (edge * scale for edge in mark.box_px)
        pen.frame((left - 3, top - 3, right + 3, bottom + 3), mark.colour, dashed=True)
    elif mark.center_px is not None:
        pen.ring((mark.center_px[1] * scale, mark.center_px[0] * scale), 10.0, mark.colour)


def _draw_label(draw: ImageDraw.ImageDraw, mark: Mark, scale: float, size: tuple[int, int]) -> None:
    if not mark.label:
        return
    row, col = mark.center_px or (mark.box_px[2], mark.box_px[1]) if mark.box_px else mark.center_px or (0, 0)
    font = text_font(SMALL_PX, bold=True)
    width, height = font.getlength(mark.label) + 10, SMALL_PX + 6
    x = min(max(col * scale + (13 if mark.center_px else -3), 0), size[0] - width)
    y = min(max(row * scale + (-height / 2 if mark.center_px else 6), 0), size[1] - height)
    draw.rounded_rectangle((x, y, x + width, y + height), 4, fill=(*PAPER,), outline=mark.colour)
    draw.text((x + 5, y + height / 2), mark.label, fill=mark.colour, font=font, anchor="lm")


class _Pen:
    """A transparent sheet over the scene, drawn at ``SMOOTH`` times its size."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self.sheet = Image.new("RGBA", (size[0] * SMOOTH, size[1] * SMOOTH))
        self.draw = ImageDraw.Draw(self.sheet)

    def line(self, ends: tuple[Point, Point], colour: Colour, *, width: float, halo: float) -> None:
        points = [(x * SMOOTH, y * SMOOTH) for x, y in ends]
        for ink, wide in (((*PAPER, 200), halo), ((*colour, 255), width)):
            self.draw.line(points, fill=ink, width=round(wide * SMOOTH))

    def frame(self, box: Sequence[float], colour: Colour, *, dashed: bool = False) -> None:
        """A thin frame around (left, top, right, bottom); only a hair of its halo lies over what is inside."""
        for ink, outside, width in (((*PAPER, 225), 3.4, 4.6), ((*colour, 255), 2.2, 2.2)):
            left, top, right, bottom = (
                (edge + side * outside) * SMOOTH for edge, side in zip(box, (-1, -1, 1, 1), strict=True)
            )
            if dashed and ink[:3] == colour:
                half = width * SMOOTH / 2
                self._dashes((left + half, top + half, right - half, bottom - half), ink, round(width * SMOOTH))
            else:
                self.draw.rounded_rectangle(
                    (left, top, right, bottom), 3 * SMOOTH, outline=ink, width=round(width * SMOOTH)
                )

    def ring(self, center: Point, radius: float, colour: Colour) -> None:
        for ink, wide, grow in (((*PAPER, 225), 5.0, 1.4), ((*colour, 255), 2.2, 0.0)):
            r = (radius + grow) * SMOOTH
            x, y = center[0] * SMOOTH, center[1] * SMOOTH
            self.draw.ellipse((x - r, y - r, x + r, y + r), outline=ink, width=round(wide * SMOOTH))

    def onto(self, picture: Image.Image) -> Image.Image:
        sheet = self.sheet.resize(self.size, Image.Resampling.LANCZOS)
        return Image.alpha_composite(picture.convert("RGBA"), sheet).convert("RGB")

    def _dashes(self, box: Sequence[float], ink: tuple[int, ...], width: int, dash_px: float = 6.0) -> None:
        left, top, right, bottom = box
        corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        for a, b in pairwise(corners):
            count = max(round(math.dist(a, b) / (dash_px * SMOOTH)) | 1, 1)  # odd: ends on a dash
            for i in range(0, count, 2):
                self.draw.line([_on(a, b, i / count), _on(a, b, (i + 1) / count)], fill=ink, width=width)


def _crop_panel(
    crops: Sequence[Picture], captions: Sequence[str], *, num_looks: int, beside: tuple[int, int]
) -> Image.Image | None:
    """What each look saw: columns beside the scene, or rows below a wide one (the caller knows by its size)."""
    if not crops:
        return None
    cell = (THUMB_PX + 10 + CAPTION_PX, THUMB_PX + GAP_PX)
    if _is_wide(beside):
        num_cols = max((beside[0] + GAP_PX) // (cell[0] + GAP_PX), 1)
        num_rows = math.ceil(len(crops) / num_cols)
    else:
        num_rows = max((beside[1] + GAP_PX) // cell[1], 1)
        num_cols = math.ceil(len(crops) / num_rows)
        num_rows = math.ceil(len(crops) / num_cols)
    size = (num_cols * (cell[0] + GAP_PX) - GAP_PX, num_rows * cell[1] - GAP_PX)
    panel = Image.new("RGB", size, PAPER)
    names, colours = [str(number) for number in range(1, num_looks + 1)], path_colours(num_looks)
    if len(crops) > num_looks:  # the glance
        names, colours = ["", *names], [SOFT, *colours]
    for i, (crop, text) in enumerate(zip(crops, captions, strict=True)):
        down, across = divmod(i, num_cols) if _is_wide(beside) else divmod(i, num_rows)[::-1]
        _draw_cell(panel, (across * (cell[0] + GAP_PX), down * cell[1]), crop, text, names[i], colours[i])
    return panel


def _is_wide(size: tuple[int, int]) -> bool:
    return size[0] > 1.7 * size[1]


def _draw_cell(panel: Image.Image, at: tuple[int, int], crop: Picture, text: str, name: str, colour: Colour) -> None:
    height, width = crop.shape[:2]
    scale = THUMB_PX / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    how = Image.Resampling.BICUBIC if scale < 4 else Image.Resampling.NEAREST  # few pixels: show them as they are
    thumb = Image.fromarray(np.ascontiguousarray(crop)).convert("RGB").resize(size, how)
    x, y = at[0] + (THUMB_PX - size[0]) // 2, at[1]
    panel.paste(thumb, (x, y))
    draw = ImageDraw.Draw(panel)
    draw.rectangle((x, y, x + size[0] - 1, y + size[1] - 1), outline=colour, width=2)
    if name:
        panel.paste(_badge(name, colour), (x - 1, y - 1), _disc())
    heading, *rest = text.split("\n")
    left, top = at[0] + THUMB_PX + 10, at[1] + 6
    for row, line in enumerate(_wrapped(heading, CAPTION_PX, text_font(SMALL_PX, bold=True))[:2]):
        draw.text((left, top + row * 18), line, fill=INK, font=text_font(SMALL_PX, bold=True))
        bottom = top + (row + 1) * 18 + 2
    for line in [part for text in rest for part in _wrapped(text, CAPTION_PX, text_font(SMALL_PX))][:3]:
        draw.text((left, bottom), line, fill=SOFT, font=text_font(SMALL_PX))
        bottom += 18


def _page(view: Image.Image, panel: Image.Image | None, caption: str) -> Image.Image:
    below = _is_wide(view.size)
    content = [view.size, *([panel.size] if panel else [])]
    if below or panel is None:
        width, height = max(size[0] for size in content), sum(size[1] for size in content) + GAP_PX * (len(content) - 1)
    else:
        width, height = sum(size[0] for size in content) + GAP_PX, max(size[1] for size in content)
    heading, *rest = caption.split("\n")
    lines = [
        (line, text_font(TEXT_PX, bold=True), INK) for line in _wrapped(heading, width, text_font(TEXT_PX, bold=True))
    ]
    lines += [(part, text_font(SMALL_PX), SOFT) for line in rest for part in _wrapped(line, width, text_font(SMALL_PX))]
    text_height = 25 * len(lines) + GAP_PX if caption else 0
    page = Image.new("RGB", (width + 2 * MARGIN_PX, height + text_height + 2 * MARGIN_PX), PAPER)
    page.paste(view, (MARGIN_PX, MARGIN_PX))
    if panel is not None:
        offset = (0, view.height + GAP_PX) if below else (view.width + GAP_PX, 0)
        page.paste(panel, (MARGIN_PX + offset[0], MARGIN_PX + offset[1]))
    draw, y = ImageDraw.Draw(page), MARGIN_PX + height + GAP_PX
    for line, font, colour in lines:
        draw.text((MARGIN_PX, y), line, fill=colour, font=font)
        y += 25
    return page


@cache
def _disc() -> Image.Image:
    large = Image.new("L", (BADGE_PX * SMOOTH,) * 2)
    ImageDraw.Draw(large).ellipse((0, 0, BADGE_PX * SMOOTH - 1, BADGE_PX * SMOOTH - 1), fill=255)
    return large.resize((BADGE_PX, BADGE_PX), Image.Resampling.LANCZOS)


def _badge(text: str, colour: Colour) -> Image.Image:
    """A disc with a number and a light rim; to be pasted through :func:`_disc`."""
    side = BADGE_PX * SMOOTH
    large = Image.new("RGB", (side, side), PAPER)
    rim = 1.6 * SMOOTH
    ImageDraw.Draw(large).ellipse((rim, rim, side - 1 - rim, side - 1 - rim), fill=colour)
    badge = large.resize((BADGE_PX, BADGE_PX), Image.Resampling.LANCZOS)
    font = text_font(13 if len(text) < 2 else 11, bold=True)
    ImageDraw.Draw(badge).text((BADGE_PX / 2, BADGE_PX / 2), text, fill=PAPER, font=font, anchor="mm")
    return badge


def _wrapped(text: str, width: float, font: Any) -> list[str]:
    """Lines no wider than ``width``; a word that is too long alone is cut with an ellipsis."""
    lines: list[str] = []
    for word in text.split(" "):
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return [cut_line(line, width, font) for line in lines]


def cut_line(line: str, width: float, font: Any) -> str:
    """A line no wider than ``width``, cut with an ellipsis where it was."""
    while len(line) > 1 and font.getlength(line) > width:
        line = line.removesuffix("…")[:-1] + "…"
    return line


@cache
def text_font(size_px: int, *, bold: bool = False) -> Any:
    """DejaVu Sans where there is one (it knows most scripts), else the face that Pillow brings."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    for place in _font_folders():
        try:
            return ImageFont.truetype(str(place / name), size_px)
        except OSError:
            continue
    return ImageFont.load_default(size_px)


@cache
def _font_folders() -> tuple[Path, ...]:
    spec = find_spec("matplotlib")  # found, not imported
    brought = [Path(where) / "mpl-data/fonts/ttf" for where in (spec.submodule_search_locations or ())] if spec else []
    return (Path(), *brought)
