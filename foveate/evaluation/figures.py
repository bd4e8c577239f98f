"""The figures of a section. Each is drawn for a given width, so that its text stays legible on a phone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from foveate.evaluation import units
from foveate.evaluation.markup import Html, el, join
from foveate.evaluation.plot import Panel, Point, Scale, Series, round_range
from foveate.evaluation.report_data import CostPoint, ExitHistogram, SceneSection, StaticNet
from foveate.evaluation.series import CHANCE, POLICIES, RULES, STATIC, styles

_LEFT_PX, _TOP_PX, _BOTTOM_PX = 46, 28, 44
_DEPTH_COLOURS = ("depth0", "depth1", "depth2", "depth3", "depth4")


def accuracy_by_looks(section: SceneSection, width_px: int) -> Html:
    """Accuracy after each number of looks, for every policy; bands are 95 % intervals over scenes."""
    curves = section.accuracy_by_glimpse
    style = styles(list(curves), POLICIES, section.policy_labels)
    max_looks = max(len(curve) for curve in curves.values()) - 1
    panel = _panel(width_px, x=(0, max(max_looks, 1)), y=(0, 1), label_px=142)
    parts = [_axes(panel, x_title="looks after the glance", y_title="% of scenes right", whole_x=True)]
    if section.chance is not None:
        parts.append(panel.line([(0, section.chance), (max_looks, section.chance)], CHANCE, width_px=1.5))
        parts.append(
            el("text", "chance", x=panel.x(0) + 4, y=panel.y(section.chance) - 5, class_="tick", text_anchor="start")
        )
    for name, curve in list(curves.items())[::-1]:
        bounds = [interval(share, section.num_scenes) for share in curve]
        parts.append(panel.band(range(len(curve)), [b[0] for b in bounds], [b[1] for b in bounds], style[name]))
        parts.append(panel.line(list(enumerate(curve)), style[name]))
        parts += [
            panel.dot((x, y), style[name], f"{style[name].label}, {units.looks(x)}: {units.percent(y)}")
            for x, y in enumerate(curve)
        ]
    parts.append(panel.end_labels([(c[-1], units.percent(c[-1], decimals=0), style[n]) for n, c in curves.items()]))
    return panel.figure(*parts, description="Accuracy by number of looks, for each policy")


def accuracy_by_mean_looks(section: SceneSection, width_px: int) -> Html:
    """Accuracy against mean looks for every stop rule: lines are solved on traces, rings were executed."""
    executed = [(row.rule, (row.mean_glimpses, row.accuracy)) for row in section.stop_rules]
    xs = [point.mean_glimpses for point in _points(section)] + [x for _, (x, _) in executed]
    panel = _panel(width_px, x=(0, max(1.0, max(xs))), y=_zoom(section, with_static=False), label_px=128)
    parts = [_axes(panel, x_title="mean looks per scene", y_title="% of scenes right")]
    parts += _curves(section, panel, lambda p: p.mean_glimpses, lambda p: units.looks(p.mean_glimpses))
    parts += _executed(section, panel, executed)
    parts.append(_rule_key(section, panel))
    return panel.figure(*parts, description="Accuracy against mean number of looks, for each stop rule")


def accuracy_by_macs(section: SceneSection, width_px: int) -> Html:
    """The same against arithmetic, with static nets: squares, the best of them joined."""
    executed = [(row.rule, (row.macs, row.accuracy)) for row in section.stop_rules]
    xs = [p.macs for p in _points(section)] + [x for _, (x, _) in executed] + [net.macs for net in section.static_nets]
    is_log = max(xs) > 8 * min(xs) > 0
    limits = (min(xs) / 1.25, max(xs) * 1.4) if is_log else (0.0, max(xs) * 1.08)
    y_limits = _zoom(section, with_static=True)
    panel = _panel(width_px, x=limits, y=y_limits, label_px=128, is_log=is_log)
    parts = [_axes(panel, x_title="MACs per scene" + (" (logarithmic)" if is_log else ""), y_title="% of scenes right")]
    parts += _curves(section, panel, lambda p: p.macs, lambda p: units.macs(p.macs))
    parts += _executed(section, panel, executed)
    parts += _static(section.static_nets, panel)
    parts.append(_rule_key(section, panel, with_static=bool(section.static_nets)))
    return panel.figure(*parts, description="Accuracy against multiply-adds, for each stop rule and for static nets")


def value_against_truth(section: SceneSection, width_px: int) -> Html:
    """The critic's value against what really came; areas are numbers of scenes."""
    bins = section.value_vs_loss
    depths = sorted({one.num_looks for one in bins})
    x_range = round_range([one.predicted for one in bins] + [0.0])
    y_range = round_range([one.measured for one in bins] + [0.0])
    if section.value_same_unit:
        x_range = y_range = (min(x_range[0], y_range[0]), max(x_range[1], y_range[1]))
    panel = _panel(width_px, x=x_range, y=y_range, label_px=118)
    parts = [_axes(panel, x_title="value the critic gave", y_title=section.value_measured, as_percent=False)]
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
            radius = 2.5 + 6 * math.sqrt(one.count / most)
            parts.append(
                panel.dot((one.predicted, one.measured), series, f"{hover}, {one.count} scenes", radius_px=radius)
            )
    parts.append(panel.key(key, title="state after"))
    return panel.figure(*parts, description="Value of the critic against what further looking really gave")


def exits(section: SceneSection, width_px: int) -> Html:
    """One row of bars per budget: the share of scenes that left after each number of looks."""
    histograms = section.exit_histograms
    num = max(len(histogram.fractions) for histogram in histograms)
    row_px, left_px = 58, 82
    height_px = _TOP_PX + row_px * len(histograms) + _BOTTOM_PX
    bar_px = (width_px - left_px - 8) / num
    parts = [el("text", "% of scenes that stopped there", x=4, y=14, class_="axis-title")]
    for index, histogram in enumerate(histograms):
        parts += _exit_row(histogram, left_px=left_px, bar_px=bar_px, bottom_px=_TOP_PX + row_px * (index + 1))
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
    panel = _panel(width_px, x=(0, max(point.seconds for point in curve) or 1.0), y=(0, 1), label_px=118)
    ours = Series(label="learned looks", colour="blue", is_ours=True)
    control = Series(label="random looks", colour="grey", dash="2 4")
    xs = [point.seconds for point in curve]
    learned, random = [point.accuracy for point in curve], [point.random_accuracy for point in curve]
    parts = [_axes(panel, x_title="seconds of training", y_title="% of scenes right")]
    parts.append(panel.band(xs, random, learned, ours))
    for series, values in ((control, random), (ours, learned)):
        parts.append(panel.line(list(zip(xs, values, strict=True)), series))
        parts += [
            panel.dot((x, y), series, f"{series.label} after {units.duration(x)}: {units.percent(y)}", radius_px=3)
            for x, y in zip(xs, values, strict=True)
        ]
    ends = [
        (values[-1], units.percent(values[-1], decimals=0), s) for s, values in ((ours, learned), (control, random))
    ]
    parts.append(panel.end_labels(ends))
    return panel.figure(*parts, description="Accuracy by seconds of training")


def interval(share: float, num: int, *, z: float = 1.96) -> tuple[float, float]:
    """Wilson's 95 % interval of a share that was counted over so many scenes."""
    centre = (share + z * z / (2 * num)) / (1 + z * z / num)
    half = z / (1 + z * z / num) * math.sqrt(share * (1 - share) / num + z * z / (4 * num * num))
    return max(0.0, centre - half), min(1.0, centre + half)


def pareto(nets: Iterable[StaticNet]) -> list[StaticNet]:
    """The nets that no cheaper one equals, by rising cost."""
    best: list[StaticNet] = []
    for net in sorted(nets, key=lambda net: (net.macs, -net.accuracy)):
        if not best or net.accuracy > best[-1].accuracy:
            best.append(net)
    return best


def _panel(
    width_px: int, *, x: tuple[float, float], y: tuple[float, float], label_px: int, is_log: bool = False
) -> Panel:
    height_px = 330 if width_px > 420 else 290
    return Panel(
        width_px=width_px,
        height_px=height_px,
        x=Scale(low=x[0], high=x[1], start_px=_LEFT_PX, end_px=width_px - label_px, is_log=is_log),
        y=Scale(low=y[0], high=y[1], start_px=height_px - _BOTTOM_PX, end_px=_TOP_PX),
    )


def _axes(panel: Panel, *, x_title: str, y_title: str, whole_x: bool = False, as_percent: bool = True) -> Html:
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
        y_text=(lambda share: f"{100 * share:g}"[:5]) if as_percent else _short,
    )


def _short(value: float) -> str:
    """Tick text: 12e6 -> 12M."""
    for factor, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:g}{suffix}"
    return f"{value:.3g}" if abs(value) > 1e-12 else "0"


def _points(section: SceneSection) -> list[CostPoint]:
    return [point for curve in section.stop_curves.values() for point in curve]


def _rule_styles(section: SceneSection) -> dict[str, Series]:
    names = dict.fromkeys([*section.stop_curves, *(row.rule for row in section.stop_rules)])
    return styles(list(names), RULES)


def _zoom(section: SceneSection, *, with_static: bool) -> tuple[float, float]:
    shares = [point.accuracy for point in _points(section)] + [row.accuracy for row in section.stop_rules]
    shares += [net.accuracy for net in section.static_nets] if with_static else []
    low, high = round_range(shares)
    return max(0.0, low), min(1.0, high)


def _curves(
    section: SceneSection, panel: Panel, cost: Callable[[CostPoint], float], text: Callable[[CostPoint], str]
) -> list[Html]:
    style = _rule_styles(section)
    parts = []
    for rule, curve in list(section.stop_curves.items())[::-1]:
        ordered = sorted(curve, key=cost)
        parts.append(panel.line([(cost(point), point.accuracy) for point in ordered], style[rule]))
        for point in ordered:
            hover = f"{style[rule].label}: {units.percent(point.accuracy)} at {text(point)}"
            parts.append(panel.dot((cost(point), point.accuracy), style[rule], hover, radius_px=1.75))
    return parts


def _executed(section: SceneSection, panel: Panel, rows: Sequence[tuple[str, Point]]) -> list[Html]:
    style = _rule_styles(section)
    return [
        panel.dot(
            point, style[rule], f"{style[rule].label}, executed: {units.percent(point[1])}", radius_px=5, is_open=True
        )
        for rule, point in rows
    ]


def _static(nets: Sequence[StaticNet], panel: Panel) -> list[Html]:
    best = pareto(nets)
    parts = [panel.line([(net.macs, net.accuracy) for net in best], STATIC, width_px=1.25)] if best else []
    for net in nets:
        hover = f"static net {net.name}: {units.percent(net.accuracy)} at {units.macs(net.macs)}"
        parts.append(panel.square((net.macs, net.accuracy), STATIC, hover))
    for net in best:
        x, y = panel.x(net.macs), panel.y(net.accuracy)
        parts.append(el("text", net.name, x=x + 7, y=y + 14, class_="point-name red"))
    return parts


def _rule_key(section: SceneSection, panel: Panel, *, with_static: bool = False) -> Html:
    """Rules from the best to the worst, by the mean of their curve."""
    style = _rule_styles(section)

    def mean(rule: str) -> float:
        shares = [p.accuracy for p in section.stop_curves.get(rule, ())] or [0.0]
        return sum(shares) / len(shares)

    ordered = [style[rule] for rule in sorted(style, key=mean, reverse=True)]
    return panel.key(ordered + [STATIC] * with_static)


def _exit_row(histogram: ExitHistogram, *, left_px: float, bar_px: float, bottom_px: float) -> list[Html]:
    full_px = 36.0
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
