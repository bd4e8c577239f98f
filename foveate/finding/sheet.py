"""What was found in one picture, as a page: the picture, shrunk, with what was found and where it was looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from foveate.answers import OUTCOMES, Cost, in_words
from foveate.drawing import (
    GAP_PX,
    INK,
    LINE,
    MARGIN_PX,
    PAPER,
    SMALL_PX,
    SOFT,
    TEXT_PX,
    WRONG,
    Colour,
    cut_line,
    text_font,
)
from foveate.finding import Searched
from foveate.finding.closeups import closeups
from foveate.finding.marks import KIND_COLOURS, LOOK_COLOUR, MANY, Mark, marks_of, with_looks, with_marks
from foveate.finding.overview import overview
from foveate.findings import Found
from foveate.scenes.scene import Scene
from foveate.words import counted

NOBODYS = ("none",)
LEAST_WIDTH_PX = 640  # of the page
LINE_PX, SQUARE_PX, SWATCH_PX = 23, 17, 26


@dataclass(frozen=True, kw_only=True)
class LegendEntry:
    """Of the legend."""

    text: str
    colour: Colour
    kind: str
    """frame, ring or look"""


def found_sheet(scene: Scene, searched: Searched, *, labels: Sequence[str] = NOBODYS) -> Image.Image:
    """The page of a searched picture; ``scene`` is that picture, read again at the size that is shown.

    ``labels`` are all that the model knows: then each has one colour on the pages of all pictures."""
    found = searched.found
    shown, scale = overview(scene)
    colours = _colours(found, labels)
    marks = marks_of(found.findings, colours, scale=scale, within_px=shown.size)
    view, num_bare = with_marks(with_looks(shown, searched.looks, scale=scale), marks)
    ImageDraw.Draw(view).rectangle((0, 0, view.width - 1, view.height - 1), outline=LINE)
    parts = [view]
    if found.findings:
        parts.append(closeups(scene, found.findings, colours, width_px=max(view.width, LEAST_WIDTH_PX)))
    return _page(parts, searched, _legend(searched, marks, colours, num_bare))


def _colours(found: Found, labels: Sequence[str]) -> dict[str, Colour]:
    """Of the labels that were found."""
    own = sorted({each.label for each in found.findings})
    numbers = {label: number for number, label in enumerate(dict.fromkeys([*labels, *own]))}
    return {label: KIND_COLOURS[numbers[label] % len(KIND_COLOURS)] for label in own}


def _legend(searched: Searched, marks: Sequence[Mark], colours: dict[str, Colour], num_bare: int) -> list[LegendEntry]:
    count = Counter(each.label for each in searched.found.findings)
    entries = [
        LegendEntry(text=f"{label}: {count[label]}", colour=colour, kind="frame") for label, colour in colours.items()
    ]
    if any(mark.is_ring for mark in marks):
        entries.append(LegendEntry(text="too small to be framed", colour=SOFT, kind="ring"))
    if searched.looks:
        how = ", the last ones tile by tile" if searched.is_scanned else ""
        entries.append(
            LegendEntry(text=f"{counted(len(searched.looks), 'look')}{how}", colour=LOOK_COLOUR, kind="look")
        )
    if len(marks) > MANY:
        entries.append(LegendEntry(text="numbers: score in %", colour=SOFT, kind=""))
    if num_bare:
        entries.append(LegendEntry(text=f"{num_bare} without room for a score", colour=SOFT, kind=""))
    return entries


def _page(parts: Sequence[Image.Image], searched: Searched, legend: Sequence[LegendEntry]) -> Image.Image:
    width = max(parts[0].width, LEAST_WIDTH_PX)
    rows, lines = _in_rows(legend, width), _caption(searched)
    height = sum(part.height + GAP_PX for part in parts) + GAP_PX + LINE_PX * (1 + len(rows) + len(lines))
    page = Image.new("RGB", (width + 2 * MARGIN_PX, height + 2 * MARGIN_PX), PAPER)
    draw, y = ImageDraw.Draw(page), MARGIN_PX
    _draw_title(draw, searched.found, (MARGIN_PX, y), width)
    y += LINE_PX + GAP_PX // 2
    for part in parts:
        page.paste(part, (MARGIN_PX, y))
        y += part.height + GAP_PX
    for row in rows:
        _draw_entries(page, row, (MARGIN_PX, y))
        y += LINE_PX
    y += GAP_PX // 2
    for text, size_px, colour in lines:
        font = text_font(size_px, bold=size_px == TEXT_PX)
        draw.text((MARGIN_PX, y), cut_line(text, width, font), fill=colour, font=font)
        y += LINE_PX
    return page


def _draw_title(draw: ImageDraw.ImageDraw, found: Found, at: tuple[int, int], width: int) -> None:
    bold, font = text_font(TEXT_PX, bold=True), text_font(SMALL_PX)
    high, wide = found.size_px
    size = f"{wide:,} × {high:,} px".replace(",", " ")
    name = cut_line(found.picture, width - font.getlength(size) - GAP_PX, bold)
    draw.text(at, name, fill=INK, font=bold)
    draw.text((at[0] + width, at[1] + 2), size, fill=SOFT, font=font, anchor="ra")


def _caption(searched: Searched) -> list[tuple[str, int, Colour]]:
    """(line, size of its letters, colour) of each."""
    found = searched.found
    best = f", the best at {100 * found.findings[0].score:.0f} %" if found.findings else ""
    heading = f"{counted(len(found.findings), 'finding')}{best}  ·  answer: {in_words(found.answer, found.size_px)}"
    cost = str(Cost(**found.cost)).replace(" of the pixels", " of its pixels read").replace(", ", "  ·  ")
    lines = [(heading, TEXT_PX, INK), (f"{cost}  ·  {found.outcome}: {OUTCOMES[found.outcome]}", SMALL_PX, SOFT)]
    return [*lines, *((remark, SMALL_PX, WRONG) for remark in searched.remarks)]


def _in_rows(entries: Sequence[LegendEntry], width: int) -> list[list[LegendEntry]]:
    rows: list[list[LegendEntry]] = [[]]
    for entry in entries:
        if rows[-1] and sum(map(_entry_width, [*rows[-1], entry])) > width:
            rows.append([])
        rows[-1].append(entry)
    return rows if entries else []


def _entry_width(entry: LegendEntry) -> float:
    return float(text_font(SMALL_PX).getlength(entry.text)) + (SWATCH_PX if entry.kind else 0) + 2 * GAP_PX


def _draw_entries(page: Image.Image, entries: Sequence[LegendEntry], at: tuple[int, int]) -> None:
    draw, (x, y) = ImageDraw.Draw(page), at
    for entry in entries:
        if entry.kind:
            page.paste(_swatch(entry), (x, y + 2))
        start = x + (SWATCH_PX if entry.kind else 0)
        draw.text((start, y + 1), entry.text, fill=SOFT, font=text_font(SMALL_PX))
        x += round(_entry_width(entry))


def _swatch(entry: LegendEntry) -> Image.Image:
    side = 4 * SQUARE_PX  # shrunk, so that it is smooth
    large = Image.new("RGB", (side, side), PAPER)
    shape = ImageDraw.Draw(large).ellipse if entry.kind == "ring" else ImageDraw.Draw(large).rectangle
    shape((2, 2, side - 3, side - 3), outline=entry.colour, width=6 if entry.kind == "look" else 10)
    return large.resize((SQUARE_PX, SQUARE_PX), Image.Resampling.LANCZOS)
