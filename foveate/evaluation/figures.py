"""The figures about looking and learning. Each is drawn for a given width: its text stays legible on a phone."""

from __future__ import annotations

import math
from collections.abc import Sequence

from foveate.evaluation import units
from foveate.evaluation.interval import interval
from foveate.evaluation.markup import Html, el, join
from foveate.evaluation.plot import Panel, Scale, Series, round_range, text_px
from foveate.evaluation.report_data import ExitHistogram, SceneSection
from foveate.evaluation.series import CHANCE, POLICIES, styles

_LEFT_PX, _TOP_PX, _BOTTOM_PX = 46, 28, 44
_DEPTH_COLOURS = ("depth0", "depth1", "depth2", "depth3", "depth4")


def accuracy_by_looks(section: SceneSection, width_px: int) -> Html:
    """Accuracy after each number of looks, for every policy; bands are 95 % intervals over scenes."""
    curves = section.accuracy_by_glimpse
    style = styles(list(curves), POLICIES, section.policy_labels)
    max_looks = max(len(curve) for curve in curves.values()) - 1
    ends = [(curve[-1], units.percent(curve[-1], decimals=0), style[name]) for name, curve in curves.items()]
    if section.chance is not None:
        ends.append((section.chance, units.percent(section.chance, decimals=0), CHANCE))
    panel = panel_of(width_px, x=(0, max(max_looks, 1)), y=(0, 1), label_px=end_label_px(ends))
    parts = [axes(panel, x_title="looks after the glance", y_title="% of scenes right", whole_x=True)]
    if section.chance is not None:
        parts.append(panel.line([(0, section.chance), (max_looks, section.chance)], CHANCE, width_px=1.5))
    for name, curve in list(curves.items())[::-1]:
        bounds = [interval(share, section.num_scenes) for share in curve]
        parts.append(panel.band(range(len(curve)), [b[0] for b in bounds], [b[1] for b in bounds], style[name]))
        parts.append(panel.line(list(enumerate(curve)), style[name]))
        parts += [
            panel.dot((x, y), style[name], f"{style[name].label}, {units.looks(x)}: {units.percent(y)}")
            for x, y in enumerate(curve)
        ]
    parts.append(panel.end_labels(ends))
    return panel.figure(*parts, description="Accuracy by number of looks, for each policy")


def value_against_truth(section: SceneSection, width_px: int) -> Html:
    """The critic's value against what really came; areas are numbers of scenes."""
    bins = section.value_vs_loss
    depths = sorted({one.num_looks for one in bins})
    x_range = round_range([one.predicted for one in bins] + [0.0])
    y_range = round_range([one.measured for one in bins] + [0.0])
    if section.value_same_unit:
        x_range = y_range = (min(x_range[0], y_range[0]), max(x_range[1], y_range[1]))
    panel = panel_of(width_px, x=x_range, y=y_range, label_px=92)
    parts = [axes(panel, x_title="value the critic gave", y_title=section.value_measured, as_percent=False)]
    if section.value_same_unit:
        parts.append(panel.line([(x_range[0], x_range[0]), (x_range[1], x_range[1])], CHANCE, width_px=1.5))
    most = max(one.count for one in bins)
    key = [
        Series(label=units.looks(depth), colour=_DEPTH_COLOURS[min(i, len(_DEPTH_COLOURS) - 1)])
        for i, depth in enumerate(depths)
    ]
    for depth, series in zip(depths, key, strict=True):
        chosen = sorted((one for one in bins if one.num_looks == depth), key=lambda one: one.predicted)
        parts.append(panel.line([(one.predicted, one.measured) for one in chosen], series, width_px=1.25))
        for one in chosen:
            hover = (
                f"after {units.looks(depth)}: value {one.predicted:.3f}, {section.value_measured} {one.measured:.3f}"
            )
            radius = 2 + 5 * math.sqrt(one.count / most)
            parts.append(
                panel.dot((one.predicted, one.measured), series, f"{hover}, {one.count} scenes", radius_px=radius)
            )
    parts.append(panel.key(key, title="state after"))
    return panel.figure(*parts, description="Value of the critic against what further looking really gave")


def exits(section: SceneSection, width_px: int) -> Html:
    """One row of bars per budget: the share of scenes that left after each number of looks."""
    histograms = section.exit_histograms
    num = max(len(histogram.fractions) for histogram in histograms)
    most = max(share for histogram in histograms for share in histogram.fractions)
    row_px, left_px = max(52, min(84, 258 // len(histograms))), 82
    height_px = _TOP_PX + row_px * len(histograms) + _BOTTOM_PX
    bar_px = (width_px - left_px - 8) / num
    parts = [el("text", "% of scenes that stopped there", x=4, y=14, class_="axis-title")]
    for index, histogram in enumerate(histograms):
        parts += _exit_row(
            histogram,
            left_px=left_px,
            bar_px=bar_px,
            bottom_px=_TOP_PX + row_px * (index + 1),
            full_px=(row_px - 24) / most,
        )
    bottom_px = height_px - _BOTTOM_PX
    for looks in range(num):
        at = left_px + bar_px * (looks + 0.5)
        parts.append(el("text", str(looks), x=at, y=bottom_px + 18, class_="tick", text_anchor="middle"))
    middle = left_px + bar_px * num / 2
    parts.append(el("text", "looks taken", x=middle, y=bottom_px + 36, class_="axis-title", text_anchor="middle"))
    return el(
        "svg",
        *parts,
        viewBox=f"0 0 {width_px} {height_px}",
        role="img",
        aria_label="Looks that scenes took, per budget",
    )


def training(section: SceneSection, width_px: int) -> Html:
    """Accuracy during training, learned looks and random looks with the same reader."""
    curve = section.training_curve
    ours = Series(label="learned looks", colour="blue", is_ours=True)
    control = Series(label="random looks", colour="grey", dash="2 4")
    xs = [point.seconds for point in curve]
    learned, random = [point.accuracy for point in curve], [point.random_accuracy for point in curve]
    ends = [
        (values[-1], units.percent(values[-1], decimals=0), s) for s, values in ((ours, learned), (control, random))
    ]
    panel = panel_of(width_px, x=(0, max(xs) or 1.0), y=(0, 1), label_px=end_label_px(ends))
    parts = [axes(panel, x_title="seconds of training", y_title="% of scenes right")]
    parts.append(panel.band(xs, random, learned, ours))
    for series, values in ((control, random), (ours, learned)):
        parts.append(panel.line(list(zip(xs, values, strict=True)), series))
        parts += [
            panel.dot((x, y), series, f"{series.label} after {units.duration(x)}: {units.percent(y)}", radius_px=3)
            for x, y in zip(xs, values, strict=True)
        ]
    parts.append(panel.end_labels(ends))
    return panel.figure(*parts, description="Accuracy by seconds of training")


def panel_of(
    width_px: int, *, x: tuple[float, float], y: tuple[float, float], label_px: int, is_log: bool = False
) -> Panel:
    height_px = 330 if width_px > 420 else 290
    return Panel(
        width_px=width_px,
        height_px=height_px,
        x=Scale(low=x[0], high=x[1], start_px=_LEFT_PX, end_px=width_px - label_px, is_log=is_log),
        y=Scale(low=y[0], high=y[1], start_px=height_px - _BOTTOM_PX, end_px=_TOP_PX),
    )


def axes(panel: Panel, *, x_title: str, y_title: str, whole_x: bool = False, as_percent: bool = True) -> Html:
    num = 6 if panel.width_px > 420 else 4
    x_ticks = panel.x.ticks(num)
    if whole_x:
        x_ticks = [float(value) for value in range(int(panel.x.high) + 1)]
    return panel.axes(
        x_title=x_title,
        y_title=y_title,
        x_ticks=x_ticks,
        y_ticks=panel.y.ticks(5),
        x_text=_short,
        y_text=(lambda share: f"{100 * share:g}") if as_percent else _short,
    )


def _short(value: float) -> str:
    """Tick text: 12e6 -> 12M."""
    for factor, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:g}{suffix}"
    return f"{value:.3g}" if abs(value) > 1e-12 else "0"


def end_label_px(ends: Sequence[tuple[float, str, Series]]) -> int:
    """Room for labels at the ends of lines."""
    widest = max(text_px(f"{number} {series.label}", is_bold=series.is_ours) for _, number, series in ends)
    return math.ceil(widest) + 12


def _exit_row(
    histogram: ExitHistogram, *, left_px: float, bar_px: float, bottom_px: float, full_px: float
) -> list[Html]:
    """``full_px`` is the height of a bar of 100 %."""
    parts = [
        el(
            "line",
            x1=left_px,
            x2=left_px + bar_px * len(histogram.fractions),
            y1=bottom_px,
            y2=bottom_px,
            class_="axis",
        ),
        el("text", "budget", x=4, y=bottom_px - 18, class_="tick"),
        el("text", units.looks(histogram.budget), x=4, y=bottom_px - 3, class_="label"),
    ]
    for looks, share in enumerate(histogram.fractions):
        x, height = left_px + bar_px * (looks + 0.15), full_px * share
        hover = f"budget {units.looks(histogram.budget)}: {units.percent(share)} stopped after {units.looks(looks)}"
        bar = el(
            "rect", el("title", hover), x=x, y=bottom_px - height, width=bar_px * 0.7, height=height, class_="bar blue"
        )
        number = f"{100 * share:.0f}" if share >= 0.005 or share == 0 else "<1"
        text = el("text", number, x=x + bar_px * 0.35, y=bottom_px - height - 4, class_="tick", text_anchor="middle")
        parts += [bar, text]
    return [join(*parts)]
