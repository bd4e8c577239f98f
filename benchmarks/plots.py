"""Small plots as plain SVG files: no dependency, readable on light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from foveate.atomic import make_folder, write_text

WIDTH_PX, HEIGHT_PX = 720, 380
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 60, 500, 30, 330
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # told apart by colour-blind people too
DASHES = ("", "7 4", "2 3", "9 3 2 3", "4 2", "1 2")


@dataclass(frozen=True, kw_only=True)
class Line:
    """Points ``(x, y)`` that are joined, or only marked."""

    label: str
    points: Sequence[tuple[float, float]]
    is_joined: bool = True


def line_plot(path: Path, lines: Sequence[Line], *, x_title: str, y_title: str, is_log_x: bool = False) -> None:
    """Write one plot with a legend. Lines differ by colour and dash, or by the marker's shape."""
    xs = [math.log10(x) if is_log_x else x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    x_range, y_range = _padded(xs), _padded(ys)

    def place(point: tuple[float, float]) -> tuple[float, float]:
        x = math.log10(point[0]) if is_log_x else point[0]
        across = (x - x_range[0]) / (x_range[1] - x_range[0])
        up = (point[1] - y_range[0]) / (y_range[1] - y_range[0])
        return LEFT_PX + across * (RIGHT_PX - LEFT_PX), BOTTOM_PX - up * (BOTTOM_PX - TOP_PX)

    parts = [_axes(x_range, y_range, x_title=x_title, y_title=y_title, is_log_x=is_log_x)]
    for number, line in enumerate(lines):
        parts.append(_drawn(line, [place(point) for point in sorted(line.points)], number))
    style = "font-family: sans-serif; font-size: 12px; background: #fff"
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH_PX} {HEIGHT_PX}" style="{style}">'
    make_folder(path.parent)
    white = '<rect width="100%" height="100%" fill="#fff"/>'
    write_text(path, "\n".join([svg, white, *parts, "</svg>"]) + "\n")


def _padded(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = 0.05 * (high - low) or 0.5
    return low - margin, high + margin


def _axes(
    x_range: tuple[float, float], y_range: tuple[float, float], *, x_title: str, y_title: str, is_log_x: bool
) -> str:
    parts = []
    for value in _ticks(*y_range):
        y = BOTTOM_PX - (value - y_range[0]) / (y_range[1] - y_range[0]) * (BOTTOM_PX - TOP_PX)
        parts.append(f'<line x1="{LEFT_PX}" x2="{RIGHT_PX}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(_text(LEFT_PX - 8, y + 4, f"{value:g}", anchor="end"))
    for value in _ticks(*x_range):
        x = LEFT_PX + (value - x_range[0]) / (x_range[1] - x_range[0]) * (RIGHT_PX - LEFT_PX)
        parts.append(_text(x, BOTTOM_PX + 18, _amount(10**value) if is_log_x else f"{value:g}", anchor="middle"))
    line = f'<line x1="{LEFT_PX}" x2="{RIGHT_PX}" y1="{BOTTOM_PX}" y2="{BOTTOM_PX}" stroke="#333"/>'
    titles = _text((LEFT_PX + RIGHT_PX) / 2, BOTTOM_PX + 38, x_title, anchor="middle") + _text(4, 16, y_title)
    return "\n".join([*parts, line, titles])


def _ticks(low: float, high: float) -> list[float]:
    """About five round values inside."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= 0.7 * rough)
    first = math.ceil(low / step)
    return [round(k * step, 10) for k in range(first, math.floor(high / step) + 1)]


def _amount(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.3g}"


def _drawn(line: Line, placed: Sequence[tuple[float, float]], number: int) -> str:
    colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
    key_y = TOP_PX + 14 + 20 * number
    parts = []
    if line.is_joined:
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        stroke = f'fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"'
        parts.append(f'<polyline points="{points}" {stroke}/>')
        parts.append(f'<polyline points="{RIGHT_PX + 14},{key_y - 4} {RIGHT_PX + 38},{key_y - 4}" {stroke}/>')
    dots = placed if line.is_joined else [*placed, (RIGHT_PX + 26, key_y - 4)]
    parts += [_marker(x, y, colour, number) for x, y in dots]
    return "\n".join([*parts, _text(RIGHT_PX + 46, key_y, line.label)])


def _marker(x: float, y: float, colour: str, number: int) -> str:
    if number % 2:
        return f'<rect x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7" fill="{colour}"/>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'


def _text(x: float, y: float, content: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#333">{escape(content)}</text>'
