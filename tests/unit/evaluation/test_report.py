"""The report: a page that parses and needs no network, numbers that are all there, and clear refusals."""

from __future__ import annotations

import base64
import io
import json
import math
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from foveate.errors import DataError, OutputError
from foveate.evaluation import units
from foveate.evaluation.cost_figures import pareto
from foveate.evaluation.headlines import headlines
from foveate.evaluation.interval import interval
from foveate.evaluation.pictures import fair_share
from foveate.evaluation.plot import Scale, spread
from foveate.evaluation.report import write_report
from foveate.evaluation.report_data import (
    Check,
    CostPoint,
    EpisodeExample,
    EpisodeStep,
    ExitHistogram,
    PanelPicture,
    Report,
    ScanpathPicture,
    SceneSection,
    StaticNet,
    StopRuleRow,
    TrainingPoint,
    ValueBin,
)

VOID = {"br", "col", "hr", "img", "input", "link", "meta"}
GLANCE_MACS, LOOK_MACS = 1.1e6, 0.62e6
RULES = {"value": 0.09, "confidence": 0.075, "entropy": 0.068, "margin": 0.07, "count": 0.0, "random": -0.06}


def picture(side_px: int = 48, seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (side_px, side_px, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def curve(rule: str) -> list[CostPoint]:
    """From the glance's 2 % to 95 % after five looks; better rules bulge in between."""
    full = (0.02, 0.40, 0.65, 0.80, 0.90, 0.95)
    points = []
    for looks in np.arange(0, 5.01, 0.25):
        share = float(np.interp(looks, range(6), full)) + RULES[rule] * math.sin(math.pi * looks / 5)
        macs = GLANCE_MACS + looks * (LOOK_MACS + (0.12e6 if rule in ("confidence", "entropy", "margin") else 0))
        points.append(CostPoint(mean_glimpses=float(looks), macs=macs, accuracy=min(share, 0.953)))
    return points


def example(kind: str = "✓ right", *, is_right: bool | None = True, num_steps: int = 2) -> EpisodeExample:
    steps = [
        EpisodeStep(
            heading=f"after {i} looks",
            facts=["cat", "97 % sure"],
            panels=[
                PanelPicture(
                    title="seen", image=picture(seed=100 + 4 * i + j), alt=f"seen {i}-{j}", notes=[("all", None)]
                )
                for j in range(3)
            ]
            + [
                PanelPicture(title="odds", image=picture(seed=103 + 4 * i), alt="odds", notes=[("much", (165, 15, 40))])
            ],
        )
        for i in range(num_steps)
    ]
    return EpisodeExample(kind=kind, caption="it said cat", is_right=is_right, steps=steps)


def section(name: str = "search", **changes: Any) -> SceneSection:
    stop_curves = {rule: curve(rule) for rule in RULES}
    rows = [
        StopRuleRow(
            rule=rule,
            mean_glimpses=points[at].mean_glimpses + 0.013,
            accuracy=points[at].accuracy - 0.003,
            macs=points[at].macs,
            seconds_per_scene=0.0011 + 0.0006 * points[at].mean_glimpses,
        )
        for rule, points in stop_curves.items()
        for at in (8, 16)
    ]
    whole = SceneSection(
        name=name,
        title="Where is the digit?",
        what_the_task_is="A canvas of 224² holds 6–10 digits; one is asked for. Right: within 7 px.",
        num_scenes=2000,
        accuracy_by_glimpse={
            "heatmap": [0.02, 0.40, 0.65, 0.80, 0.90, 0.95],
            "gaussian": [0.02, 0.31, 0.45, 0.52, 0.56, 0.58],
            "random": [0.02, 0.05, 0.08, 0.10, 0.12, 0.14],
            "random_trained": [0.02, 0.06, 0.10, 0.13, 0.16, 0.19],
            "centre_corners": [0.02, 0.07, 0.09, 0.11, 0.13, 0.15],
            "raster": [0.02, 0.03, 0.05, 0.08, 0.10, 0.13],
        },
        chance=0.02,
        stop_rules=rows,
        stop_curves=stop_curves,
        static_nets=[
            StaticNet(
                name=f"{side}² × {width}", macs=side**2 * width * 45.0, seconds_per_scene=side * 4e-5, accuracy=share
            )
            for side, width, share in (
                (42, 16, 0.55),
                (42, 32, 0.71),
                (42, 64, 0.74),
                (84, 16, 0.79),
                (84, 32, 0.88),
                (84, 64, 0.91),
                (168, 16, 0.86),
                (168, 32, 0.935),
                (168, 64, 0.957),
            )
        ],
        value_vs_loss=[
            ValueBin(
                num_looks=t,
                predicted=v,
                measured=v * 0.9 + 0.02 * math.sin(9 * v + t),
                count=int(500 * (1 - v) ** (t + 0.3)) + 9,
            )
            for t in range(5)
            for v in np.linspace(0.04, 0.85 - 0.12 * t, 7).tolist()
        ],
        value_rank_correlation=0.71,
        exit_histograms=[
            ExitHistogram(budget=1.0, fractions=[0.22, 0.55, 0.13, 0.07, 0.03, 0.0]),
            ExitHistogram(budget=2.0, fractions=[0.004, 0.48, 0.226, 0.12, 0.09, 0.08]),
            ExitHistogram(budget=3.0, fractions=[0.0, 0.17, 0.25, 0.2, 0.17, 0.21]),
        ],
        training_curve=[
            TrainingPoint(
                seconds=s, accuracy=0.96 - 0.9 * math.exp(-s / 22), random_accuracy=0.13 - 0.1 * math.exp(-s / 40)
            )
            for s in (2.0, 10.0, 20.0, 35.0, 50.0, 70.0, 90.0, 117.0)
        ],
        scanpaths=[
            ScanpathPicture(
                image=picture(seed=i), caption=f"Asked for {i % 10}, answered {(i + (i > 8)) % 10}.", is_failure=i > 8
            )
            for i in range(12)
        ],
        scanpaths_chosen="The first nine right and the first three wrong scenes of the test split.",
        learned_in_words=[
            "The first look goes to the asked digit in 40 % of scenes.",
            "Sevens draw looks meant for ones.",
        ],
        did_not_work=["With ten digits the third look still repeats the second in 6 % of scenes."],
        checks=[
            Check(claim="Right within 7 px", target="≥ 92 %", measured="95.0 %", is_met=True),
            Check(claim="Fewer MACs than an equal static net", target="≥ 20 ×", measured="13 ×", is_met=False),
            Check(claim="On the 28 px lattice", target="≥ 97 %", measured="not run", is_met=None),
        ],
    )
    return replace(whole, **changes)


def report(**changes: Any) -> Report:
    sign = section("small_sign", title="A small sign in a street", training_curve=(), value_same_unit=False)
    whole = Report(
        title="foveate demo",
        sections=[section(), sign],
        seconds={"train": 117.4, "evaluate": 61.2, "total": 318.0},
        environment={"python": "3.11.9", "torch": "2.12.1+cpu", "cores": 2, "seed": 0, "gpu": None},
        command="foveate demo --out report",
    )
    return replace(whole, **changes)


BROKEN = PanelPicture(title="", image=b"GIF89a", alt="")


class Balanced(HTMLParser):
    """Every element is closed in order; collects text, attributes and addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = {key: value or "" for key, value in attrs}
        self.addresses += [found[key] for key in ("src", "href", "action", "xlink:href", "srcset") if key in found]
        self.ids += [found["id"]] if "id" in found else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(path: Path) -> Balanced:
    parser = Balanced()
    parser.feed(path.read_text("utf-8"))
    parser.close()
    assert parser.open == []
    return parser


def numbers_in(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [number for item in value.values() for number in numbers_in(item)]
    if isinstance(value, list):
        return [number for item in value for number in numbers_in(item)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


def test_the_page_is_whole_and_needs_no_network(tmp_path: Path) -> None:
    paths = write_report(report(), tmp_path / "a" / "report")
    text = paths.index_html.read_text("utf-8")
    found = parsed(paths.index_html)
    assert found.tags.count("img") == 24
    assert len(found.ids) == len(set(found.ids))
    assert all(address.startswith(("data:image/", "#")) for address in found.addresses)
    assert {a[1:] for a in found.addresses if a.startswith("#")} <= set(found.ids)
    assert not re.search(r"https?://|//[a-z]|url\(|@import|<script", re.sub(r"data:image/[^\"]*", "", text))
    assert paths.index_html.stat().st_size < 6e6
    assert sorted(p.name for p in paths.index_html.parent.iterdir()) == ["index.html", "metrics.json"]


def test_every_number_of_metrics_is_on_the_page(tmp_path: Path) -> None:
    paths = write_report(report(), tmp_path)
    shown = set(re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", parsed(paths.index_html).text))
    numbers = numbers_in(json.loads(paths.metrics_json.read_text("utf-8")))
    assert len(numbers) > 500
    assert {repr(number) for number in numbers} <= shown


def test_metrics_hold_what_the_issue_asks_for(tmp_path: Path) -> None:
    found = json.loads(write_report(report(), tmp_path).metrics_json.read_text("utf-8"))
    policies = {"heatmap", "gaussian", "random", "random_trained", "centre_corners", "raster"}
    assert policies <= set(found["accuracy_by_glimpse"])
    assert set(found["stop_rules"][0]) == {"rule", "mean_glimpses", "accuracy", "macs", "seconds_per_scene"}
    assert found["seconds"] == {"train": 117.4, "evaluate": 61.2, "total": 318.0}
    assert found["environment"]["torch"] == "2.12.1+cpu"
    assert list(found["sections"]) == ["search", "small_sign"]
    assert found["sections"]["search"]["accuracy_by_glimpse"] == found["accuracy_by_glimpse"]
    assert found["accuracy_by_glimpse"]["heatmap"] == [0.02, 0.40, 0.65, 0.80, 0.90, 0.95]


def test_text_is_escaped_and_dollars_stay(tmp_path: Path) -> None:
    nasty = '<script>alert("$x & y")</script>'
    shot = ScanpathPicture(image=picture(), caption=nasty, is_failure=True)
    changed = section(scanpaths=[shot], title=nasty, learned_in_words=[nasty], policy_notes={"heatmap": nasty})
    paths = write_report(report(sections=[changed], title=nasty, environment={nasty: nasty}, command=nasty), tmp_path)
    found = parsed(paths.index_html)
    assert "script" not in found.tags
    assert found.text.count(nasty) >= 6


def test_missed_targets_and_failures_are_shown_as_such(tmp_path: Path) -> None:
    text = parsed(write_report(report(), tmp_path).index_html).text
    assert "✗ missed" in text
    assert "Fewer MACs than an equal static net: 13 ×, short of ≥ 20 ×." in text
    assert text.count("✗ wrong") == 6
    assert "9 right, 3 wrong" in text


def test_a_section_with_accuracies_only_is_enough(tmp_path: Path) -> None:
    bare = SceneSection(
        name="bare", title="Bare", what_the_task_is="Something.", num_scenes=1, accuracy_by_glimpse={"mine": [0.5]}
    )
    parsed(write_report(report(sections=[bare]), tmp_path).index_html)


def test_extreme_numbers_draw(tmp_path: Path) -> None:
    same = [CostPoint(mean_glimpses=0.0, macs=0.0, accuracy=1.0)] * 2
    flat = section(
        stop_curves={"value": same},
        stop_rules=(),
        static_nets=(),
        accuracy_by_glimpse={"heatmap": [0.0, 1.0], "x": [1.0]},
        value_vs_loss=[ValueBin(num_looks=0, predicted=0.0, measured=0.0, count=1)],
        training_curve=[TrainingPoint(seconds=0.0, accuracy=0.0, random_accuracy=0.0)],
    )
    path = write_report(report(sections=[flat]), tmp_path).index_html
    parsed(path)
    assert not re.search(r'"[^"]*\b(nan|inf)\b[^"]*"', path.read_text("utf-8"))


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        (
            {"accuracy_by_glimpse": {"heatmap": [0.1, math.nan]}},
            "sections.search.accuracy_by_glimpse.heatmap[1] is nan",
        ),
        ({"chance": math.inf}, "sections.search.chance is inf"),
        ({"accuracy_by_glimpse": {"heatmap": [2.0, 40.0]}}, "holds 2: shares lie between 0 and 1"),
        ({"accuracy_by_glimpse": {}}, "accuracy_by_glimpse is empty"),
        ({"num_scenes": 0}, "num_scenes is 0"),
        (
            {"scanpaths": [ScanpathPicture(image=b"", caption="", is_failure=False)]},
            r"scanpaths[0]: give an encoded PNG",
        ),
        (
            {"examples": [replace(example(), steps=[EpisodeStep(heading="", facts=[], panels=[BROKEN])])]},
            r"sections.search.examples[0].steps[0].panels[0]: give an encoded PNG",
        ),
    ],
)
def test_what_cannot_be_shown_is_refused_by_its_place(tmp_path: Path, changes: dict[str, Any], place: str) -> None:
    with pytest.raises(DataError, match=re.escape(place)):
        write_report(report(sections=[section(**changes)]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_missing_seconds_and_twice_the_same_section_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="total"):
        write_report(report(seconds={"train": 1.0, "evaluate": 1.0}), tmp_path)
    with pytest.raises(DataError, match="different names"):
        write_report(report(sections=[section(), section()]), tmp_path)


def test_numpy_numbers_become_plain(tmp_path: Path) -> None:
    shares = np.array([0.25, 0.5], np.float32)
    changed = section(accuracy_by_glimpse={"heatmap": shares}, chance=np.float32(0.5))
    found = json.loads(write_report(report(sections=[changed]), tmp_path).metrics_json.read_text("utf-8"))
    assert found["accuracy_by_glimpse"]["heatmap"] == [0.25, 0.5]
    assert found["chance"] == 0.5


def test_an_unwritable_place_is_an_output_error_and_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="file"):
        write_report(report(), tmp_path / "file")
    with pytest.raises(OutputError):
        write_report(report(), tmp_path / "file" / "below")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_an_output_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError):
        write_report(report(), tmp_path)


def test_heavy_pictures_are_made_smaller(tmp_path: Path) -> None:
    heavy = [ScanpathPicture(image=picture(700, seed), caption="noise", is_failure=False) for seed in range(4)]
    assert sum(len(one.image) for one in heavy) > 5e6
    path = write_report(report(sections=[section(scanpaths=heavy)]), tmp_path).index_html
    assert path.stat().st_size < 6e6


def test_small_pictures_keep_their_size_beside_heavy_ones(tmp_path: Path) -> None:
    heavy = [ScanpathPicture(image=picture(700, seed), caption="noise", is_failure=False) for seed in range(4)]
    small = example(num_steps=6)
    page = write_report(report(sections=[section(scanpaths=heavy, examples=[small])]), tmp_path).index_html
    text = page.read_text("utf-8")
    assert page.stat().st_size < 6e6
    for panel in (panel for step in small.steps for panel in step.panels):
        assert base64.b64encode(panel.image).decode() in text
    assert fair_share([1, 1, 10], 20) is None
    assert fair_share([1, 1, 10, 30], 22) == 10
    assert fair_share([5, 5], 4) == 2
    assert fair_share([], 4) is None


def test_examples_are_shown_step_by_step(tmp_path: Path) -> None:
    shown = [example(), example("✗ wrong", is_right=False), example("the worst", is_right=None)]
    changed = section(examples=shown, examples_chosen="Chosen by lot.")
    paths = write_report(report(sections=[changed, section("other")]), tmp_path)
    text = paths.index_html.read_text("utf-8")
    said = parsed(paths.index_html).text
    assert text.count("Step by step") == 1  # where there are none, nothing is said of them
    assert re.findall(r'<details class="(episode[^"]*)"( open="")?', text) == [
        ("episode right", ' open=""'), ("episode wrong", ""), ("episode", ""),
    ]  # fmt: skip
    assert "Chosen by lot." in said
    assert said.count("after 1 looks") == 3
    assert text.count("background:rgb(165, 15, 40)") == 6
    assert all(f'alt="seen {i}-{j}"' in text for i in range(2) for j in range(3))
    told = json.loads(paths.metrics_json.read_text("utf-8"))["sections"]["search"]["examples"]
    assert told[1] == {"kind": "✗ wrong", "caption": "it said cat", "is_right": False}


def test_headlines_compare_honestly() -> None:
    looking, stopping, paying = headlines(section())
    assert looking.value == units.percent(0.95)
    assert units.percent(0.14) in looking.beside
    assert "fixed count" in stopping.beside
    assert "fewer MACs" in paying.meaning
    weak = [StaticNet(name="s", macs=1e3, seconds_per_scene=1e-5, accuracy=1.0)]
    assert "more MACs" in headlines(section(static_nets=weak))[2].meaning
    assert "slower" in headlines(section(static_nets=weak))[2].beside
    poor = [StaticNet(name="s", macs=1e9, seconds_per_scene=1.0, accuracy=0.1)]
    assert "no static net got there" in headlines(section(static_nets=poor))[2].beside


def test_units() -> None:
    assert [units.macs(x).replace("\u202f", " ") for x in (950, 12.34e6, 1.077e9)] == [
        "950 MACs",
        "12.3 MMACs",
        "1.08 GMACs",
    ]
    shown = [units.duration(x).replace("\u202f", " ") for x in (4.2e-5, 0.00423, 61.2, 119.98, 317.0)]
    assert shown == ["42.0 µs", "4.23 ms", "61.2 s", "120 s", "5 min 17 s"]
    assert [units.looks(x).replace("\u202f", " ") for x in (1, 2, 2.04)] == ["1 look", "2 looks", "2.0 looks"]


def test_labels_are_spread_and_ticks_are_round() -> None:
    placed = spread([100.0, 101.0, 20.0, 102.0], gap=15, low=0, high=105)
    assert placed == [75.0, 90.0, 20.0, 105.0]
    assert Scale(low=0, high=5, start_px=0, end_px=1).ticks(6) == [0, 1, 2, 3, 4, 5]
    assert Scale(low=9e5, high=1.2e8, start_px=0, end_px=1, is_log=True).ticks(5) == [1e6, 3e6, 1e7, 3e7, 1e8]


def test_interval_and_pareto() -> None:
    low, high = interval(0.95, 2000)
    assert 0.939 < low < 0.9405 < 0.958 < high < 0.96
    assert interval(1.0, 10)[1] == 1.0
    assert [net.name for net in pareto(section().static_nets)] == [
        "42² × 16",
        "42² × 32",
        "84² × 16",
        "84² × 32",
        "84² × 64",
        "168² × 32",
        "168² × 64",
    ]
