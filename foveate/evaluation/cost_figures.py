"""Accuracy against cost for every stop rule: in looks, and in arithmetic with static nets beside it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence

from foveate.evaluation import units
from foveate.evaluation.figures import axes, panel_of
from foveate.evaluation.markup import Html
from foveate.evaluation.plot import Panel, Point, Series, round_range, text_px
from foveate.evaluation.report_data import CostPoint, SceneSection, StaticNet
from foveate.evaluation.series import RULES, STATIC, styles


def accuracy_by_mean_looks(section: SceneSection, width_px: int) -> Html:
    """Accuracy against mean looks for every stop rule: lines are solved on traces, rings were executed."""
    executed = [(row.rule, (row.mean_glimpses, row.accuracy)) for row in section.stop_rules]
    xs = [point.mean_glimpses for point in _points(section)] + [x for _, (x, _) in executed]
    panel = panel_of(width_px, x=(0, max(1.0, max(xs))), y=_zoom(section, with_static=False), label_px=_key_px(section))
    parts = [axes(panel, x_title="mean looks per scene", y_title="% of scenes right")]
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
    panel = panel_of(width_px, x=limits, y=y_limits, label_px=_key_px(section), is_log=is_log)
    parts = [axes(panel, x_title="MACs per scene" + (" (logarithmic)" if is_log else ""), y_title="% of scenes right")]
    parts += _curves(section, panel, lambda p: p.macs, lambda p: units.macs(p.macs))
    parts += _executed(section, panel, executed)
    parts += _static(section, panel, lambda p: p.macs)
    parts.append(_rule_key(section, panel, with_static=bool(section.static_nets)))
    return panel.figure(*parts, description="Accuracy against multiply-adds, for each stop rule and for static nets")


def pareto(nets: Iterable[StaticNet]) -> list[StaticNet]:
    """The nets that no cheaper one equals, by rising cost."""
    best: list[StaticNet] = []
    for net in sorted(nets, key=lambda net: (net.macs, -net.accuracy)):
        if not best or net.accuracy > best[-1].accuracy:
            best.append(net)
    return best


def _points(section: SceneSection) -> list[CostPoint]:
    return [point for curve in section.stop_curves.values() for point in curve]


def _rule_styles(section: SceneSection) -> dict[str, Series]:
    names = dict.fromkeys([*section.stop_curves, *(row.rule for row in section.stop_rules)])
    return styles(list(names), RULES)


def _key_px(section: SceneSection) -> int:
    """Room for the key of the stop rules."""
    widest = max(text_px(series.label, is_bold=series.is_ours) for series in [*_rule_styles(section).values(), STATIC])
    return math.ceil(widest) + 42


def _zoom(section: SceneSection, *, with_static: bool) -> tuple[float, float]:
    """From the worst that was executed to the best: where rules differ. Curves leave it at the bottom."""
    shares = [row.accuracy for row in section.stop_rules] or [point.accuracy for point in _points(section)]
    shares.append(max((point.accuracy for point in _points(section)), default=shares[0]))
    shares += [net.accuracy for net in section.static_nets] if with_static else []
    low, high = round_range(shares)
    return max(0.0, low), min(1.0, high)


def _curves(
    section: SceneSection, panel: Panel, cost: Callable[[CostPoint], float], text: Callable[[CostPoint], str]
) -> list[Html]:
    style = _rule_styles(section)
    lines: list[Html] = []
    for rule, curve in list(section.stop_curves.items())[::-1]:
        ordered = sorted(curve, key=cost)
        lines.append(panel.line([(cost(point), point.accuracy) for point in ordered], style[rule]))
        for point in ordered:
            hover = f"{style[rule].label}: {units.percent(point.accuracy)} at {text(point)}"
            lines.append(panel.dot((cost(point), point.accuracy), style[rule], hover, radius_px=3, kind="hidden"))
    return [panel.clipped(*lines)]


def _executed(section: SceneSection, panel: Panel, rows: Sequence[tuple[str, Point]]) -> list[Html]:
    style = _rule_styles(section)
    return [
        panel.dot(
            point, style[rule], f"{style[rule].label}, executed: {units.percent(point[1])}", radius_px=5, kind="open"
        )
        for rule, point in rows[::-1]
    ]


def _static(section: SceneSection, panel: Panel, cost: Callable[[CostPoint], float]) -> list[Html]:
    """Squares; the best are joined, and named where there is room."""
    nets, best = section.static_nets, pareto(section.static_nets)
    if not nets:
        return []
    parts = [panel.line([(net.macs, net.accuracy) for net in best], STATIC, width_px=1.25)]
    for net in nets:
        hover = f"static net {net.name}: {units.percent(net.accuracy)} at {units.macs(net.macs)}"
        parts.append(panel.square((net.macs, net.accuracy), STATIC, hover))
    taken = [
        point for curve in section.stop_curves.values() for point in _along([(cost(p), p.accuracy) for p in curve])
    ]
    taken += [(net.macs, net.accuracy) for net in nets] + _along([(net.macs, net.accuracy) for net in best])
    names = [(net.name, (net.macs, net.accuracy)) for net in best[::-1]]  # the most accurate matter most
    return [*parts, panel.names(names, STATIC, taken=taken)]


def _along(curve: Sequence[Point]) -> list[Point]:
    """Points close together along a curve."""
    steps = [index / 8 for index in range(9)]
    return [
        (x0 + (x1 - x0) * step, y0 + (y1 - y0) * step)
        for (x0, y0), (x1, y1) in itertools.pairwise(sorted(curve))
        for step in steps
    ]


def _rule_key(section: SceneSection, panel: Panel, *, with_static: bool = False) -> Html:
    """Rules from the best to the worst, by the mean of their curve."""
    style = _rule_styles(section)

    def mean(rule: str) -> float:
        shares = [p.accuracy for p in section.stop_curves.get(rule, ())] or [0.0]
        return sum(shares) / len(shares)

    ordered = [style[rule] for rule in sorted(style, key=mean, reverse=True)]
    return panel.key(ordered + [STATIC] * with_static)
