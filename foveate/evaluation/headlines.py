"""The few numbers a person should remember, each beside the number it has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foveate.evaluation import units
from foveate.evaluation.report_data import Report, SceneSection, StaticNet, StopRuleRow
from foveate.evaluation.series import POLICIES, styles

REFERENCE_LOOKS = 2.0
_SAME_LOOKS = 0.15  # rows whose mean looks differ by more are not compared


@dataclass(frozen=True, kw_only=True)
class Headline:
    """One big number."""

    value: str
    meaning: str
    beside: str
    """The honest comparison."""


def headlines(section: SceneSection) -> list[Headline]:
    """What learning to look, stopping and looking instead of reading everything each gave."""
    found = (_looking(section), _stopping(section), _paying(section))
    return [headline for headline in found if headline is not None]


def run_time(report: Report) -> Headline:
    """How long it took."""
    train, total = (units.duration(report.seconds[key]) for key in ("train", "total"))
    return Headline(
        value=train,
        meaning="of training, from scratch",
        beside=f"with every control and evaluation, the whole run took {total}",
    )


def value_and_count(rows: Sequence[StopRuleRow]) -> tuple[StopRuleRow, StopRuleRow] | None:
    """The value rule's row nearest to two mean looks, and the fixed-count row at the same looks."""
    value = min(
        (r for r in rows if r.rule == "value"), key=lambda r: abs(r.mean_glimpses - REFERENCE_LOOKS), default=None
    )
    if value is None:
        return None
    count = min(
        (r for r in rows if r.rule == "count"), key=lambda r: abs(r.mean_glimpses - value.mean_glimpses), default=None
    )
    if count is None or abs(count.mean_glimpses - value.mean_glimpses) > _SAME_LOOKS:
        return None
    return value, count


def equal_static(section: SceneSection) -> tuple[StopRuleRow, StaticNet | None] | None:
    """Our best executed row, and the cheapest static net at least as accurate, if there is one."""
    rows = [row for row in section.stop_rules if row.rule == "value"]
    if not rows or not section.static_nets:
        return None
    ours = max(rows, key=lambda row: (row.accuracy, -row.macs))
    equal = [net for net in section.static_nets if net.accuracy >= ours.accuracy]
    return ours, min(equal, key=lambda net: net.macs, default=None)


def _looking(section: SceneSection) -> Headline:
    curves = section.accuracy_by_glimpse
    name, curve = next(iter(curves.items()))
    control = "random" if "random" in curves and name != "random" else None
    label = styles([name], POLICIES, section.policy_labels)[name].label.removesuffix(" (ours)")
    return Headline(
        value=units.percent(curve[-1]),
        meaning=f"of scenes right after {units.looks(len(curve) - 1)} ({label})",
        beside=f"the same reader with random looks: {units.percent(curves[control][-1])}"
        if control
        else "no control given",
    )


def _stopping(section: SceneSection) -> Headline | None:
    pair = value_and_count(section.stop_rules)
    if pair is None:
        return None
    value, count = pair
    return Headline(
        value=units.percent(value.accuracy),
        meaning=f"with {units.looks(value.mean_glimpses)} on average, stopped by value",
        beside=f"a fixed count of {units.looks(count.mean_glimpses)} for every scene: {units.percent(count.accuracy)}",
    )


def _paying(section: SceneSection) -> Headline | None:
    pair = equal_static(section)
    if pair is None:
        return None
    ours, net = pair
    if net is None:
        best = max(section.static_nets, key=lambda net: net.accuracy)
        return Headline(
            value=units.macs(ours.macs),
            meaning=f"per scene for {units.percent(ours.accuracy)}",
            beside=f"no static net got there; the best: {units.percent(best.accuracy)} at {units.macs(best.macs)}",
        )
    ratio, seconds = net.macs / ours.macs, net.seconds_per_scene / ours.seconds_per_scene
    return Headline(
        value=units.times(ratio) if ratio >= 1 else units.times(1 / ratio),
        meaning=f"{'fewer' if ratio >= 1 else 'more'} MACs than the cheapest static net as accurate",
        beside=(
            f"{units.macs(ours.macs)} against {units.macs(net.macs)} ({net.name}, {units.percent(net.accuracy)}); "
            f"in measured seconds {units.times(max(seconds, 1 / seconds))} {'faster' if seconds >= 1 else 'slower'}"
        ),
    )
