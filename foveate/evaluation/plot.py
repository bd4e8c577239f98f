"""Axes, lines, bands, points and labels as SVG. Colours are names that page.css defines, for light and dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from foveate.evaluation.markup import Html, el, join

Point = tuple[float, float]
_LINE_HEIGHT_PX = 15


@dataclass(frozen=True, kw_only=True)
class Series:
    """How one thing is drawn wherever it appears: colour and dash both tell it apart."""

    label: str
    colour: str
    dash: str | None = None
    is_ours: bool = False


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Values to pixels."""

    low: float
    high: float
    start_px: float
    end_px: float
    is_log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = (math.log(v) if self.is_log else v for v in (self.low, self.high, value))
        return self.start_px + (at - low) / ((high - low) or 1.0) * (self.end_px - self.start_px)

    def ticks(self, num: int) -> list[float]:
        """About so many round values inside."""
        return _log_ticks(self.low, self.high, num) if self.is_log else _ticks(self.low, self.high, num)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A plot of a given size; the right margin holds labels."""

    width_px: int
    height_px: int
    x: Scale
    y: Scale

    @property
    def right_px(self) -> float:
        return self.x.end_px

    def axes(
        self,
        *,
        x_title: str,
        y_title: str,
        x_ticks: Sequence[float],
        y_ticks: Sequence[float],
        x_text: Callable[[float], str],
        y_text: Callable[[float], str],
    ) -> Html:
        """Grid lines across, tick values, and both titles written horizontally."""
        left, right, bottom = self.x.start_px, self.x.end_px, self.y.start_px
        parts: list[Html] = []
        for value in y_ticks:
            at = self.y(value)
            parts.append(el("line", x1=left, x2=right, y1=at, y2=at, class_="grid"))
            parts.append(el("text", y_text(value), x=left - 8, y=at + 4, class_="tick", text_anchor="end"))
        for value in x_ticks:
            at = self.x(value)
            parts.append(el("line", x1=at, x2=at, y1=bottom, y2=bottom + 4, class_="axis"))
            parts.append(el("text", x_text(value), x=at, y=bottom + 18, class_="tick", text_anchor="middle"))
        parts.append(el("line", x1=left, x2=right, y1=bottom, y2=bottom, class_="axis"))
        parts.append(el("text", y_title, x=4, y=14, class_="axis-title"))
        middle = (left + right) / 2
        parts.append(el("text", x_title, x=middle, y=bottom + 36, class_="axis-title", text_anchor="middle"))
        return join(*parts)

    def line(self, points: Sequence[Point], series: Series, *, width_px: float | None = None) -> Html:
        width_px = width_px or (3.0 if series.is_ours else 1.75)
        drawn = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        return el(
            "polyline",
            points=drawn,
            class_=f"line {series.colour}",
            stroke_width=width_px,
            stroke_dasharray=series.dash,
        )

    def band(self, xs: Sequence[float], lows: Sequence[float], highs: Sequence[float], series: Series) -> Html:
        there = [(self.x(x), self.y(y)) for x, y in zip(xs, highs, strict=True)]
        back = [(self.x(x), self.y(y)) for x, y in zip(xs, lows, strict=True)]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in there + back[::-1])
        return el("polygon", points=drawn, class_=f"band {series.colour}")

    def dot(self, point: Point, series: Series, hover: str, *, radius_px: float = 3.5, kind: str = "") -> Html:
        """``kind``: ``open`` is a ring, ``hidden`` shows only its text when the pointer is over it."""
        style = f"dot {series.colour} {kind}".rstrip()
        return el("circle", el("title", hover), cx=self.x(point[0]), cy=self.y(point[1]), r=radius_px, class_=style)

    def square(self, point: Point, series: Series, hover: str) -> Html:
        x, y = self.x(point[0]) - 3.5, self.y(point[1]) - 3.5
        return el("rect", el("title", hover), x=x, y=y, width=7, height=7, class_=f"dot {series.colour}")

    def end_labels(self, labels: Sequence[tuple[float, str, Series]]) -> Html:
        """(y value, number, series) at the right end of lines, moved apart where they would collide."""
        wanted = [self.y(value) for value, _, _ in labels]
        placed = spread(wanted, gap=_LINE_HEIGHT_PX, low=8, high=self.y.start_px)
        return join(*(self._label(at, number, series) for at, (_, number, series) in zip(placed, labels, strict=True)))

    def key(self, series: Sequence[Series], *, title: str = "") -> Html:
        """A column of line samples at the right, for curves that meet where labels would stand."""
        x = self.right_px + 14
        parts = [el("text", title, x=x, y=30, class_="tick")] if title else []
        for index, one in enumerate(series):
            y = 50 + 20 * index
            sample = el(
                "line",
                x1=x,
                x2=x + 20,
                y1=y - 4,
                y2=y - 4,
                class_=f"line {one.colour}",
                stroke_width=3 if one.is_ours else 1.75,
                stroke_dasharray=one.dash,
            )
            text = el("text", one.label, x=x + 26, y=y, class_=f"label {one.colour}" + (" ours" * one.is_ours))
            parts += [sample, text]
        return join(*parts)

    def names(self, names: Sequence[tuple[str, Point]], series: Series, *, taken: Sequence[Point]) -> Html:
        """Names beside their points, at the first corner where nothing is in the way; left out where there is none."""
        blocked = [(self.x(x), self.y(y)) for x, y in taken]
        parts: list[Html] = []
        for name, point in names:
            wide = text_px(name) * 0.9
            at_x, at_y = self.x(point[0]), self.y(point[1])
            for left, base in (
                (at_x + 6, at_y + 14),
                (at_x - 6 - wide, at_y - 6),
                (at_x + 6, at_y - 6),
                (at_x - 6 - wide, at_y + 14),
            ):
                inside = self.x.start_px <= left <= self.right_px - wide and base <= self.y.start_px
                if inside and not any(left - 3 < x < left + wide + 3 and base - 11 < y < base + 3 for x, y in blocked):
                    parts.append(el("text", name, x=left, y=base, class_=f"point-name {series.colour}"))
                    blocked += [(left + wide * step / 8, base - high) for step in range(9) for high in (0, 5, 10)]
                    break
        return join(*parts)

    def clipped(self, *parts: str) -> Html:
        """What reaches beyond the axes is cut off there (a nested svg clips by itself, without ids)."""
        x, y, wide, high = (
            self.x.start_px,
            self.y.end_px,
            self.x.end_px - self.x.start_px,
            self.y.start_px - self.y.end_px,
        )
        # A little room above and at the sides, so that thick lines along an edge stay whole.
        box = (x - 6, y - 6, wide + 12, high + 6)
        view = " ".join(f"{value:g}" for value in box)
        return el("svg", *parts, x=box[0], y=box[1], width=box[2], height=box[3], viewBox=view)

    def figure(self, *parts: str, description: str) -> Html:
        return el("svg", *parts, viewBox=f"0 0 {self.width_px} {self.height_px}", role="img", aria_label=description)

    def _label(self, at_px: float, number: str, series: Series) -> Html:
        name = el("tspan", f" {series.label}")
        style = f"label {series.colour}" + (" ours" if series.is_ours else "")
        return el("text", el("tspan", number, class_="number"), name, x=self.right_px + 10, y=at_px + 4, class_=style)


def spread(wanted: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """Positions as near as possible to those wanted, at least ``gap`` apart, in the same order, within the range."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = [0.0] * len(wanted)
    previous = low - gap
    for i in order:
        placed[i] = previous = max(wanted[i], previous + gap)
    following = high + gap
    for i in reversed(order):
        placed[i] = following = min(placed[i], following - gap)
    return placed


def text_px(text: str, *, is_bold: bool = False) -> float:
    """About how wide a label is, in the widest of the usual system fonts."""
    return len(text) * (7.6 if is_bold else 6.7)


def round_range(values: Sequence[float], *, num_ticks: int = 5) -> tuple[float, float]:
    """The smallest range of round ends that holds the values."""
    low, high = min(values), max(values)
    step = _step(high - low or 1.0, num_ticks)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def _ticks(low: float, high: float, num: int) -> list[float]:
    step = _step(high - low or 1.0, num)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def _step(span: float, num: int) -> float:
    power = 10.0 ** math.floor(math.log10(span / num))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if span / (factor * power) <= num + 1e-9)


def _log_ticks(low: float, high: float, num: int) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [f * 10.0**p for p in powers for f in factors if low * 0.999 <= f * 10.0**p <= high * 1.001]
        if len(ticks) <= num:
            return ticks
    return ticks[:: math.ceil(len(ticks) / num)]
