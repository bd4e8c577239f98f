"""Moments on paper: a strip of rows, one per moment, or a frame of an animation."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from foveate.answers import OUTCOMES, Appetite, Watched, in_words
from foveate.drawing import GAP_PX, INK, LINE, MARGIN_PX, PAPER, SMALL_PX, SOFT, TEXT_PX, Mark, cut_line, text_font
from foveate.exploring.answers import answer_panel
from foveate.exploring.exploration import Exploration, Moment
from foveate.exploring.panels import (
    PANEL_SIDE_PX,
    Note,
    Panel,
    Size,
    heat_panel,
    most_heat,
    panel_size,
    scene_panel,
    seen_panel,
)
from foveate.words import counted

LINE_PX, HEADING_PX, NOTE_LINES = 20, 30, 2
SWATCH_PX, NOTE_GAP_PX = 15, 12
PAGE_ASPECT = 1.3  # width to height that a strip is wrapped towards
COLUMN_GAP_PX = 44


def strip(told: Exploration) -> Image.Image:
    """All moments below each other, in as many columns as make a handy page."""
    rows = _rows(told)
    size = rows[0].size
    num_cols = _num_columns(len(rows), size)
    num_rows = math.ceil(len(rows) / num_cols)
    width = num_cols * (size[0] + COLUMN_GAP_PX) - COLUMN_GAP_PX
    header = _header(told, width)
    page = Image.new("RGB", (width + 2 * MARGIN_PX, header.height + num_rows * size[1] + 2 * MARGIN_PX), PAPER)
    page.paste(header, (MARGIN_PX, MARGIN_PX))
    for i, row in enumerate(rows):
        across, down = divmod(i, num_rows)
        at = MARGIN_PX + across * (size[0] + COLUMN_GAP_PX), MARGIN_PX + header.height + down * size[1]
        page.paste(row, at)
    return page


def frames(told: Exploration) -> list[Image.Image]:
    """One page per moment, all of one size."""
    pages = []
    for row in _rows(told):
        header = _header(told, row.width)
        page = Image.new("RGB", (row.width + 2 * MARGIN_PX, header.height + row.height + 2 * MARGIN_PX), PAPER)
        page.paste(header, (MARGIN_PX, MARGIN_PX))
        page.paste(row, (MARGIN_PX, MARGIN_PX + header.height))
        pages.append(page)
    return pages


def _num_columns(num: int, size: Size) -> int:
    """That bring the page closest to its aspect, without a column that stays empty."""

    def missed(cols: int) -> float:
        return abs(math.log(cols * size[0] / (math.ceil(num / cols) * size[1]) / PAGE_ASPECT))

    best = min(range(1, num + 1), key=missed)
    return math.ceil(num / math.ceil(num / best))


def _header(told: Exploration, width: int) -> Image.Image:
    """Which picture, by which model, and what came of it."""
    image = Image.new("RGB", (width, TEXT_PX + LINE_PX + GAP_PX), PAPER)
    draw, last = ImageDraw.Draw(image), told.moments[-1].watched
    bold, font = text_font(TEXT_PX, bold=True), text_font(SMALL_PX)
    height, wide = told.size_px
    draw.text((0, 0), cut_line(told.name, width, bold), fill=INK, font=bold)
    line = (
        f"{wide} × {height} px, looked at by {told.model}: {counted(last.num_looks, 'look')}, {OUTCOMES[told.outcome]}"
    )
    if len(told.moments) > 1:  # a model that is only asked gives its last answer, and pays for no other
        line += "; answers on the way are shown for you, and not in the cost"
    draw.text((0, TEXT_PX + 7), cut_line(line, width, font), fill=SOFT, font=font)
    return image


def _rows(told: Exploration) -> list[Image.Image]:
    panels = panel_rows(told)
    num_lines = max(len(note_lines(panel.notes, _widest(row))) for row in panels for panel in row)
    return [_row(moment, row, num_lines) for moment, row in zip(told.moments, panels, strict=True)]


def panel_rows(told: Exploration, *, side_px: int = PANEL_SIDE_PX, marks: Sequence[Mark] = ()) -> list[list[Panel]]:
    """What is shown of each moment, all of one size; ``marks`` on the scene."""
    size = panel_size(told.size_px, side_px=side_px)
    most, rows = most_heat(told, size), []
    for moment in told.moments:
        scene, heat = scene_panel(told, moment, size, marks), heat_panel(told, moment, size, most=most)
        row = [scene, seen_panel(told, moment, size), answer_panel(told, moment, size)]
        rows.append([*row, heat] if heat is not None else row)
    return rows


def _row(moment: Moment, panels: Sequence[Panel], num_lines: int) -> Image.Image:
    """The panels of a moment below its facts; below each, its notes."""
    wide, high = _widest(panels), max(panel.image.height for panel in panels)
    top = HEADING_PX + LINE_PX
    size = (len(panels) * (wide + GAP_PX) - GAP_PX, top + high + num_lines * LINE_PX + GAP_PX)
    image = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(image)
    draw.line((0, 0, size[0], 0), fill=LINE)
    _heading(draw, moment.watched, size[0])
    for i, panel in enumerate(panels):
        x = i * (wide + GAP_PX)
        draw.text((x, HEADING_PX), panel.title, fill=SOFT, font=text_font(SMALL_PX))
        image.paste(panel.image, (x, top))
        for row, line in enumerate(note_lines(panel.notes, wide)):
            _draw_notes(draw, line, (x, top + panel.image.height + 5 + row * LINE_PX))
    return image


def _widest(panels: Sequence[Panel]) -> int:
    """That each panel of a row has room for: that of a narrow picture is narrower than its notes."""
    return max(panel.image.width for panel in panels)


def _heading(draw: ImageDraw.ImageDraw, step: Watched, width: int) -> None:
    bold, font = text_font(SMALL_PX, bold=True), text_font(SMALL_PX)
    first = when(step)
    draw.text((0, 8), first, fill=INK, font=bold)
    x = bold.getlength(first) + 14
    facts = "   ·   ".join(facts_of(step))
    draw.text((x, 8), cut_line(facts, width - x, font), fill=INK, font=font)


def when(step: Watched) -> str:
    return "at first" if step.num_looks == 0 else f"after {counted(step.num_looks, 'look')}"


def answer_in_words(step: Watched, size_px: tuple[int, int], *, most_chars: int = 60) -> str:
    """On one short line; places in pixels of a picture of ``size_px``."""
    words = in_words(step.answer, size_px)
    return words if len(words) <= most_chars else words[: most_chars - 1] + "…"


def facts_of(step: Watched) -> list[str]:
    """How sure it is, what it has cost, and what would end it, or did."""
    macs = step.spent["macs"]
    cost = f"{macs / 1e9:.3g} GMAC" if macs >= 1e9 else f"{macs / 1e6:.3g} MMAC"
    return [f"{100 * step.certainty:.0f} % sure", f"{step.spent['pct_px']:.3g} % sensed", cost, what_ends_it(step)]


def what_ends_it(step: Watched) -> str:
    """Of a row that is done, what did. A threshold may be infinite: at that step the rule stops every row, or none."""
    appetite, ends = step.appetite, list[str]()
    if appetite is not None and math.isinf(appetite.threshold):
        appetite = None
    if step.outcome is not None:
        why = f", {_wish(appetite)}" if appetite else ""
        return f"{step.outcome}: {OUTCOMES[step.outcome]}{why if step.outcome == 'stopped' else ''}"
    if appetite is not None:
        ends.append(_wish(appetite))
    if step.observation.remaining is not None:
        ends.append(f"the limit ({100 * float(step.observation.remaining[0]):.0f} % left)")
    if step.most_looks is not None:
        ends.append(counted(step.most_looks, "look"))
    return f"goes on until {' or '.join(ends)}" if ends else "goes on"


def _wish(appetite: Appetite) -> str:
    return f"its wish for more, {appetite.now:.3g}, is ≤ {appetite.threshold:.3g} (rule {appetite.rule})"


def note_lines(notes: Sequence[Note], width: int) -> list[list[Note]]:
    """Notes on lines of this width; those that find no room are counted in the last one."""
    lines: list[list[Note]] = [[]]
    for i, note in enumerate(notes):
        short = Note(text=cut_line(note.text, width - SWATCH_PX, text_font(SMALL_PX)), colour=note.colour)
        rest = [Note(text=f"+{len(notes) - i}")]
        spare = rest if len(lines) == NOTE_LINES and i + 1 < len(notes) else []
        if lines[-1] and _notes_width([*lines[-1], short, *spare]) > width:
            if len(lines) == NOTE_LINES:
                return [*lines[:-1], lines[-1] + rest]
            lines.append([])
        lines[-1].append(short)
    return lines


def _notes_width(notes: Sequence[Note]) -> float:
    font = text_font(SMALL_PX)
    each = [font.getlength(note.text) + (SWATCH_PX if note.colour else 0) for note in notes]
    return float(sum(each)) + NOTE_GAP_PX * (len(each) - 1)


def _draw_notes(draw: ImageDraw.ImageDraw, notes: Sequence[Note], at: tuple[float, float]) -> None:
    x, y = at
    for note in notes:
        start = x
        if note.colour is not None:
            draw.rounded_rectangle((x, y + 3, x + 10, y + 13), 2, fill=note.colour)
            start += SWATCH_PX
        draw.text((start, y), note.text, fill=SOFT, font=text_font(SMALL_PX))
        x += _notes_width([note]) + NOTE_GAP_PX
