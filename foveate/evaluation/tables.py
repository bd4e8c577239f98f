"""The page's tables: the numbers behind the figures, in rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from foveate.evaluation import units
from foveate.evaluation.markup import Html, el, join
from foveate.evaluation.report_data import Check, SceneSection
from foveate.evaluation.series import POLICIES, RULES, styles

_STATUS = {True: ("met", "✓ met"), False: ("missed", "✗ missed"), None: ("not-run", "– not measured")}


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, num_text_columns: int = 1) -> Html:
    """Text columns first, then numbers aligned right; scrolls by itself where it is too wide."""

    def cells(kind: str, row: Sequence[str]) -> Html:
        return join(*(el(kind, cell, class_=None if i < num_text_columns else "num") for i, cell in enumerate(row)))

    body = join(*(el("tr", cells("td", row)) for row in rows))
    whole = el("table", el("thead", el("tr", cells("th", head))), el("tbody", body))
    return el("div", whole, class_="scroll", tabindex="0")


def accuracy_table(section: SceneSection) -> Html:
    curves = section.accuracy_by_glimpse
    style = styles(list(curves), POLICIES, section.policy_labels)
    num = max(len(curve) for curve in curves.values())
    rows = [[style[name].label, *(units.percent(share) for share in curve)] for name, curve in curves.items()]
    return table(["policy", *(units.looks(looks) for looks in range(num))], rows)


def cost_table(section: SceneSection) -> Html:
    """Every executed stop rule and every static net: looks, accuracy, arithmetic, measured time."""
    style = styles([row.rule for row in section.stop_rules], RULES)
    rows = [
        [
            style[row.rule].label,
            f"{row.mean_glimpses:.2f}",
            units.percent(row.accuracy),
            units.macs(row.macs),
            units.duration(row.seconds_per_scene),
        ]
        for row in section.stop_rules
    ]
    rows += [
        [
            f"static {net.name}",
            "–",
            units.percent(net.accuracy),
            units.macs(net.macs),
            units.duration(net.seconds_per_scene),
        ]
        for net in section.static_nets
    ]
    return table(["", "mean looks", "accuracy", "MACs per scene", "time per scene"], rows)


def check_table(checks: Sequence[Check]) -> Html:
    """Targets, missed ones included, each marked by a word and not by colour alone."""
    rows = []
    for check in checks:
        style, word = _STATUS[check.is_met]
        rows.append([check.claim, check.target, check.measured, el("span", word, class_=f"status {style}")])
    return table(["claim", "target", "measured", ""], rows, num_text_columns=4)


def fact_table(facts: Mapping[str, object]) -> Html:
    rows = [[key.replace("_", " "), "–" if value is None else str(value)] for key, value in facts.items()]
    return table(["", ""], rows, num_text_columns=2)
