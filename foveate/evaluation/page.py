"""The report as one page of HTML, in the order in which a person asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from string import Template

from foveate.evaluation import captions, cost_figures, figures, units
from foveate.evaluation.headlines import Headline, headlines, run_time
from foveate.evaluation.markup import Html, el, join
from foveate.evaluation.pictures import data_uris
from foveate.evaluation.report_data import Report, SceneSection
from foveate.evaluation.series import POLICIES, POLICY_NOTES, styles
from foveate.evaluation.step_by_step import step_by_step
from foveate.evaluation.tables import accuracy_table, check_table, cost_table, fact_table

WIDE_PX, NARROW_PX = 520, 350  # figures are drawn twice; the style sheet shows the one that fits

INTRO = (
    "A foveate model glances at the whole picture, chooses where to look closely, and stops when it knows enough. "
    "This page shows what one run did. Every number was computed in this run; accuracies are on scenes that were held "
    "out of training and of calibration, and targets that were missed are shown as missed."
)


def page(report: Report, *, numbers: str) -> str:
    """The whole file. ``numbers`` is metrics.json, shown at the end."""
    uris = data_uris(report)
    body = join(
        _header(report),
        _in_short(report),
        *(_section(section, uris) for section in report.sections),
        _run(report, numbers),
    )
    return document(report.title, body)


def document(title: str, body: Html) -> str:
    """A whole file of HTML, with the style of every page."""
    parts = files("foveate.evaluation")
    template, style = (parts.joinpath(name).read_text("utf-8") for name in ("page.html", "page.css"))
    return Template(template).substitute(title=join(title), style=style, body=body)


def _header(report: Report) -> Html:
    anchors = [(section.name, section.title) for section in report.sections] + [("run", "This run")]
    links = join(*(el("a", title, href=f"#{name}") for name, title in anchors))
    return el("header", el("p", "foveate", class_="mark"), el("h1", report.title), el("p", INTRO), el("nav", links))


def _in_short(report: Report) -> Html:
    rows: list[Html] = []
    for index, section in enumerate(report.sections):
        found = headlines(section) + ([run_time(report)] if index == 0 else [])
        rows.append(el("h3", section.title))
        rows.append(el("div", *(card(headline) for headline in found), class_="cards"))
    return el("section", el("h2", "In short"), *rows, class_="short")


def card(headline: Headline) -> Html:
    return el(
        "div",
        el("p", headline.value, class_="big"),
        el("p", headline.meaning, class_="meaning"),
        el("p", headline.beside, class_="beside"),
        class_="card",
    )


def _section(section: SceneSection, uris: Mapping[bytes, str]) -> Html:
    return el(
        "section",
        el("h2", section.title),
        el("p", section.what_the_task_is, class_="lead"),
        _scanpaths(section, uris),
        step_by_step(section, uris),
        _figures(section),
        el(
            "div",
            el("div", _costs(section)),
            el("div", _sentences("What was learned", section.learned_in_words), _not_working(section)),
            class_="after",
        ),
        _targets(section),
        id=section.name,
    )


def _scanpaths(section: SceneSection, uris: Mapping[bytes, str]) -> Html:
    if not section.scanpaths:
        return Html()
    num_wrong = sum(picture.is_failure for picture in section.scanpaths)
    num_right = len(section.scanpaths) - num_wrong
    note = f"{num_right} right, {num_wrong} wrong; a click enlarges. {section.scanpaths_chosen}".strip()
    shown = []
    for index, picture in enumerate(section.scanpaths):
        mark = ("wrong", "✗ wrong") if picture.is_failure else ("right", "✓ right")
        box = f"{section.name}-{index}"
        enlarge = el("input", type="checkbox", id=box, aria_label="enlarge")
        shot = el("img", src=uris[picture.image], alt=picture.caption, loading="lazy")
        image = el("label", shot, for_=box, title="click to enlarge")
        text = el("figcaption", el("b", mark[1]), " ", picture.caption)
        shown.append(el("figure", enlarge, image, text, class_=f"scanpath {mark[0]}"))
    return join(el("h3", "Where it looked"), el("p", note, class_="note"), el("div", *shown, class_="scanpaths"))


def _figures(section: SceneSection) -> Html:
    has_costs = bool(section.stop_curves or section.stop_rules)
    curves = section.accuracy_by_glimpse
    style = styles(list(curves), POLICIES, section.policy_labels)
    notes = {name: section.policy_notes.get(name, POLICY_NOTES.get(name)) for name in curves}
    told = [
        el("li", el("b", style[name].label, class_=style[name].colour), f": {note}.")
        for name, note in notes.items()
        if note
    ]
    beneath = join(el("ul", *told, class_="key"), _details("The numbers", accuracy_table(section)))
    shown = [
        _figure("Does learning where to look help?", figures.accuracy_by_looks, captions.accuracy, section, beneath)
    ]
    if has_costs:
        shown.append(_figure("When is it enough?", cost_figures.accuracy_by_mean_looks, captions.stopping, section))
        title = "Does looking pay against reading everything?" if section.static_nets else "What does it cost?"
        shown.append(_figure(title, cost_figures.accuracy_by_macs, captions.cost, section))
    if section.value_vs_loss:
        shown.append(_figure("Does the value mean anything?", figures.value_against_truth, captions.value, section))
    if section.exit_histograms:
        shown.append(_figure("How many looks did scenes take?", figures.exits, captions.exits, section))
    if section.training_curve:
        shown.append(_figure("How fast did it learn?", figures.training, captions.training, section))
    return el("div", *shown, class_="figures")


def _figure(
    title: str,
    draw: Callable[[SceneSection, int], Html],
    caption: Callable[[SceneSection], str],
    section: SceneSection,
    beneath: Html | None = None,
) -> Html:
    return plot(title, caption(section), lambda width_px: draw(section, width_px), beneath)


def plot(title: str, caption: str, draw: Callable[[int], Html], beneath: Html | None = None) -> Html:
    """A figure that ``draw`` makes for a width, with words beside it."""
    wide = el("div", draw(WIDE_PX), class_="wide")
    narrow = el("div", draw(NARROW_PX), class_="narrow")
    words = el("div", el("h3", title), el("figcaption", caption), class_="words")
    more = el("div", beneath, class_="more") if beneath else Html()
    return el("figure", words, wide, narrow, more, class_="plot")


def _costs(section: SceneSection) -> Html:
    if not section.stop_rules and not section.static_nets:
        return Html()
    note = "Each row was executed on the held-out scenes. Time is the measured mean of whole episodes on this machine."
    return join(el("h3", "Measured costs"), el("p", note, class_="note"), cost_table(section))


def _sentences(title: str, sentences: Sequence[str]) -> Html:
    return join(el("h3", title), el("ul", *(el("li", one) for one in sentences))) if sentences else Html()


def _not_working(section: SceneSection) -> Html:
    """Missed targets first, in words."""
    missed = [
        f"{check.claim}: {check.measured}, short of {check.target}."
        for check in section.checks
        if check.is_met is False
    ]
    return _sentences("What did not work", [*missed, *section.did_not_work])


def _targets(section: SceneSection) -> Html:
    return join(el("h3", "Targets"), check_table(section.checks)) if section.checks else Html()


def _run(report: Report, numbers: str) -> Html:
    seconds = {name: units.duration(value) for name, value in report.seconds.items()}
    return el(
        "section",
        el("h2", "This run"),
        el("p", "Made by", class_="note"),
        el("pre", el("code", report.command), tabindex="0"),
        el("div", _facts("Time", seconds), _facts("Environment", report.environment), class_="facts"),
        _details("All numbers of this page (metrics.json)", el("pre", el("code", numbers), tabindex="0")),
        id="run",
    )


def _facts(title: str, facts: Mapping[str, object]) -> Html:
    return el("div", el("h3", title), fact_table(facts))


def _details(title: str, content: Html) -> Html:
    return el("details", el("summary", title), content)
