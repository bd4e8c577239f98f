"""Episodes on the page, step by step: pictures beside each other where there is room, two by two on a phone.

All words are the page's own, so that they follow its colours and stay legible at any width.
"""

from __future__ import annotations

from collections.abc import Mapping

from foveate.evaluation.markup import Html, el, join
from foveate.evaluation.report_data import EpisodeExample, EpisodeStep, PanelPicture, SceneSection

HOW_TO_READ = (
    "What the model knew after each look: where it had looked, what it had really seen by then (as coarse as it was "
    "sensed, hatched where it saw nothing), what it then answered and, where a model tells it, what drew its "
    "attention. Follow the answer from look to look, and see which one settles it. The line above the pictures says "
    "how sure the model was, what that had cost, and what ends the episode."
)


def step_by_step(section: SceneSection, uris: Mapping[bytes, str]) -> Html:
    """All examples of a section, the first one open; empty where there are none."""
    if not section.examples:
        return Html()
    shown = (_example(example, uris, is_open=i == 0) for i, example in enumerate(section.examples))
    said = [HOW_TO_READ, section.examples_chosen]
    return join(el("h3", "Step by step"), el("p", " ".join(filter(None, said)), class_="note"), *shown)


def _example(example: EpisodeExample, uris: Mapping[bytes, str], *, is_open: bool) -> Html:
    verdict = {True: " right", False: " wrong", None: ""}[example.is_right]
    head = el("summary", el("b", example.kind), " ", example.caption)
    steps = (_step(step, uris) for step in example.steps)
    return el("details", head, *steps, class_=f"episode{verdict}", open="" if is_open else None)


def _step(step: EpisodeStep, uris: Mapping[bytes, str]) -> Html:
    said = el("p", el("b", step.heading), *(el("span", fact) for fact in step.facts), class_="moment")
    return join(said, el("div", *(_panel(panel, uris) for panel in step.panels), class_="panels"))


def _panel(panel: PanelPicture, uris: Mapping[bytes, str]) -> Html:
    notes = (
        el("span", *([el("i", style=f"background:rgb{colour}")] if colour else []), text)
        for text, colour in panel.notes
    )
    image = el("img", src=uris[panel.image], alt=panel.alt, loading="lazy")
    return el("figure", el("p", panel.title), image, el("figcaption", *notes))
