"""A comparison as one page of HTML: what the search is worth in a line, curves, what is missed by size, all numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from foveate.comparing import READERS
from foveate.comparing.verdict import CONTROL
from foveate.evaluation import units
from foveate.evaluation.figures import axes, end_label_px, panel_of
from foveate.evaluation.headlines import Headline
from foveate.evaluation.markup import Html, el, join
from foveate.evaluation.page import card, document, plot
from foveate.evaluation.plot import Series
from foveate.evaluation.tables import table

OURS = "search"
STYLES: Mapping[str, Series] = {
    OURS: Series(label="search", colour="blue", is_ours=True),
    CONTROL: Series(label="every tile", colour="red", dash="1 5"),
    "one_shot": Series(label="one-shot filter", colour="orange"),
    "saliency": Series(label="saliency first", colour="gold", dash="8 4"),
    "coarse_to_fine": Series(label="coarse to fine", colour="purple", dash="10 3 2 3"),
    "raster": Series(label="raster", colour="green", dash="6 3"),
    "random": Series(label="random", colour="grey", dash="2 4"),
}
SPARE = Series(label="", colour="grey")
COSTS = (("tiles", "looks", "{:.0f}"), ("GMAC", "macs", "{:.2f}"), ("file tiles", "file_tiles", "{:.0f}"))
SCALE = {"macs": 1e-9}

Told = Mapping[str, Any]


def page(told: Told, *, model: str, data: str) -> str:
    """The whole file, of what :func:`foveate.comparing.verdict.verdict` gives."""
    title = f"Searching and reading everything: {data}"
    scenes = f"{told['num_scenes']} scenes, thresholds chosen on {told['num_calibration']} others; model {model}."
    body = join(
        el("header", el("p", "foveate", class_="mark"), el("h1", title), el("p", scenes)),
        el("section", el("h2", "In short"), el("div", *_cards(told), class_="cards"), class_="short"),
        el("section", el("div", *_figures(told), class_="figures")),
        el("section", el("h2", "Costs"), _costs(told), _readers(told)),
        el("section", el("h2", "What is missed, by size"), _by_area(told)) if _has_areas(told) else Html(),
        el("section", el("details", el("summary", "All numbers"), el("pre", el("code", json.dumps(told, indent=1))))),
    )
    return document(title, body)


def _style(name: str) -> Series:
    return STYLES.get(name, Series(label=name.replace("_", " "), colour=SPARE.colour))


def _cards(told: Told) -> list[Html]:
    ours, every = told["readers"].get(OURS), told["readers"].get(CONTROL)
    if ours is None:
        return []
    found = [
        Headline(
            value=units.percent(ours["balanced"][-1]),
            meaning="balanced accuracy of the search",
            beside=f"after {ours['looks'][-1]:.0f} tiles; who always says none has 50 %",
        )
    ]
    if every is not None:
        gain = ours["minus"][CONTROL]
        tiles, seconds = (units.times(every[fact][-1] / ours[fact][-1]) for fact in ("looks", "seconds"))
        found += [
            Headline(
                value=f"{100 * gain['mean']:+.1f} points",
                meaning="against reading every tile",
                beside=f"{100 * gain['low']:+.1f} to {100 * gain['high']:+.1f} (95 %, paired scenes); every tile: "
                f"{units.percent(every['balanced'][-1])}",
            ),
            Headline(
                value=tiles,
                meaning="fewer tiles",
                beside=f"{every['looks'][-1]:.0f} in all; {seconds} fewer seconds",
            ),
        ]
    return [card(one) for one in found]


def _figures(told: Told) -> list[Html]:
    shown = [
        _figure(
            "What is a tile worth?", "Balanced accuracy of presence and class after each number of tiles, the overview "
            "alone first. The dotted line reads every tile.", told, "balanced", "% right, balanced",
        )
    ]  # fmt: skip
    if all(one["recall"] is not None for one in told["readers"].values()):
        shown.append(
            _figure(
                "How soon are targets seen?", "Share of all targets that were looked at as closely as can be.", told,
                "recall", "% of the targets",
            )
        )  # fmt: skip
    return shown


def _figure(title: str, caption: str, told: Told, fact: str, y_title: str) -> Html:
    return plot(title, caption, lambda width_px: _curves(told, fact, y_title, width_px))


def _curves(told: Told, fact: str, y_title: str, width_px: int) -> Html:
    readers, most = told["readers"], max(told["looks"])
    ends = [(one[fact][-1], units.percent(one[fact][-1], decimals=0), _style(name)) for name, one in readers.items()]
    panel = panel_of(width_px, x=(0, max(most, 1)), y=(0, 1), label_px=end_label_px(ends))
    parts = [axes(panel, x_title="tiles after the overview", y_title=y_title)]
    for name, one in list(readers.items())[::-1]:
        style = _style(name)
        if len(one[fact]) == 1:  # known at its end only
            parts.append(panel.line([(0, one[fact][0]), (most, one[fact][0])], style, width_px=1.5))
            continue
        points = list(zip(one["looks"], one[fact], strict=True))
        parts.append(panel.line(points, style))
        parts += [panel.dot(at, style, f"{style.label}, {at[0]:.0f} tiles: {units.percent(at[1])}") for at in points]
    parts.append(panel.end_labels(ends))
    return panel.figure(*parts, description=f"{y_title} by number of tiles, for each reader")


def _costs(told: Told) -> Html:
    head = ["reader", "balanced", f"minus {_style(CONTROL).label}", *(title for title, _, _ in COSTS), "seconds"]
    note = "File tiles are those of 256 px, on all levels, that a pyramid file would decode: as good as bytes."
    rows = table(head, [_cost_row(name, one) for name, one in told["readers"].items()])
    return join(el("p", note, class_="note"), rows)


def _cost_row(name: str, one: Told) -> list[str]:
    gain = one["minus"].get(CONTROL)
    told = "–" if gain is None else points(gain)
    costs = [text.format(one[fact][-1] * SCALE.get(fact, 1)) for _, fact, text in COSTS]
    return [_style(name).label, units.percent(one["balanced"][-1]), told, *costs, units.duration(one["seconds"][-1])]


def points(gain: Mapping[str, float]) -> str:
    """A difference with its interval, in percentage points."""
    return f"{100 * gain['mean']:+.1f} ({100 * gain['low']:+.1f} to {100 * gain['high']:+.1f})"


def _readers(told: Told) -> Html:
    notes = [
        el("li", el("b", _style(name).label, class_=_style(name).colour), f": {READERS.facts(name)['summary']}.")
        for name in told["readers"]
    ]
    return el("ul", *notes, class_="key")


def _has_areas(told: Told) -> bool:
    return any(one["missed_by_area"] for one in told["readers"].values())


def _by_area(told: Told) -> Html:
    """Rows are sizes, columns readers."""
    first: Sequence[Told] = next(one["missed_by_area"] for one in told["readers"].values() if one["missed_by_area"])
    rows = [
        [
            f"{100 * size['from']:g} to {100 * size['to']:g} %",
            str(size["targets"]),
            *(units.percent(one["missed_by_area"][i]["missed"]) for one in told["readers"].values()),
        ]
        for i, size in enumerate(first)
    ]
    return table(["target's share of the scene", "scenes", *(_style(name).label for name in told["readers"])], rows)
