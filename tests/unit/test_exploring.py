"""Seeing a model at work: the canvas is exact, every answer has its picture, every step its frame and its numbers."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from foveate.answers import Appetite, Watched
from foveate.errors import OutputError, UsageError
from foveate.exploring.answers import CLASS_COLOURS, answer_panel, class_colours
from foveate.exploring.exploration import Exploration, explore
from foveate.exploring.heat import Heat
from foveate.exploring.panels import EMBERS, Note, heat_panel, panel_size, seen_panel
from foveate.exploring.saving import LAST_MS, STEP_MS, check_place, save
from foveate.exploring.seen import CANVAS_SIDE_PX, Sight, seen_so_far
from foveate.exploring.sheets import _num_columns, facts_of, frames, note_lines, strip, what_ends_it
from foveate.looker import Looker
from foveate.system import PartSpec, SystemSpec, build
from tests.unit.test_looker import calibrated
from tests.unit.test_looker import system as calibrated_system
from tests.unit.training.tiny import ELASTIC, GLANCE_FOCUS

NAMES = ("ground", "a", "b")
DENSE = {"relevance": "doubt", "glimpse_grid": 2}
PIXELS = {**DENSE, "answer": {"name": "pixels"}}
SEGMENTS = {**DENSE, "answer": {"name": "segments", "widths": (8, 8)}}


def looker(family: str, task: str, config: dict[str, Any], *, policy: str = "spatial", **settings: Any) -> Looker:
    torch.manual_seed(0)
    base = {"elastic_tokens": ELASTIC, "glance_focus": {**GLANCE_FOCUS, "num_bands": 1, "relevance": "none"}}[family]
    spec = SystemSpec(
        model=PartSpec(name=family, config={**base, **settings}), policy=PartSpec(name=policy),
        task=PartSpec(name=task, config=config),
    )  # fmt: skip
    return Looker(build(spec), name="MODEL")


def picture(height: int = 48, width: int = 64) -> Any:
    return np.random.default_rng(3).integers(0, 256, (height, width), dtype=np.uint8)


LOOKERS = {
    "reconstruction": lambda: looker("elastic_tokens", "reconstruction", {}, **PIXELS),
    "segmentation": lambda: looker("elastic_tokens", "segmentation", {"class_names": NAMES}, **SEGMENTS),
    "classification": lambda: looker(
        "elastic_tokens", "classification", {"class_names": NAMES}, importance="rollout", opening="glance"
    ),
    "search": lambda: looker(
        "glance_focus", "search", {"target_names": ("cup", "key", "pen")}, policy="raster", max_looks=2,
        readout={"name": "map", "grid": (6, 8)},
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=LOOKERS)
def told(request: pytest.FixtureRequest) -> Exploration:
    return explore(LOOKERS[request.param](), picture())


# -- what was seen -----------------------------------------------------------------------------------------------------


def sight(box: tuple[float, ...], size: tuple[int, int], value: int | None = None) -> Sight:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    return Sight(box_px=box, pixels=pixels if value is None else np.full_like(pixels, value))  # type: ignore[arg-type]


def test_a_look_at_native_resolution_is_there_pixel_by_pixel() -> None:
    one = sight((5.0, 7.0, 21.0, 19.0), (16, 12))
    seen = seen_so_far([one], (40, 50))
    assert (seen.pixels[5:21, 7:19] == one.pixels).all()
    assert seen.mask.sum() == 16 * 12
    assert seen.mask[5:21, 7:19].all()
    assert seen.share == 16 * 12 / (40 * 50)
    assert one.step_px == 1


@pytest.mark.parametrize("order", [1, -1])
def test_the_finest_is_on_top_whenever_it_was_seen(order: int) -> None:
    coarse, fine = sight((0, 0, 40, 40), (4, 4), 10), sight((8, 8, 16, 16), (8, 8), 200)
    seen = seen_so_far([coarse, fine][::order], (40, 40))
    assert (seen.pixels[8:16, 8:16] == 200).all()
    assert (seen.pixels[:8] == 10).all()
    assert seen.mask.all()


def test_coarse_samples_stay_squares_and_fine_ones_are_averaged() -> None:
    coarse = sight((0, 0, 8, 8), (2, 2))
    pixels = seen_so_far([coarse], (8, 8)).pixels
    assert (pixels == coarse.pixels.repeat(4, 0).repeat(4, 1)).all()
    fine = sight((0, 0, 2, 2), (8, 8))
    shrunk = seen_so_far([fine], (2, 2)).pixels.astype(float)
    assert shrunk[0, 0] == pytest.approx(fine.pixels[:4, :4].mean((0, 1)), abs=1)


@pytest.mark.parametrize("size", [(1, 400), (400, 1), (1, 1), (3, 500)])
@pytest.mark.parametrize("name", ["classification", "search"])
def test_very_flat_pictures_are_drawn_too(name: str, size: tuple[int, int]) -> None:
    page = strip(explore(LOOKERS[name](), picture(*size)))
    assert min(page.size) > 30


def test_a_large_scene_is_seen_on_a_smaller_canvas_and_nothing_gets_lost() -> None:
    seen = seen_so_far([sight((100.0, 100.0, 101.0, 101.0), (8, 8), 77)], (4 * CANVAS_SIDE_PX, 2 * CANVAS_SIDE_PX))
    assert seen.mask.shape == (CANVAS_SIDE_PX, CANVAS_SIDE_PX // 2)
    assert seen.mask.sum() == 1
    assert (seen.pixels[seen.mask] == 77).all()
    assert not seen_so_far([], (9, 9)).mask.any()


def test_what_a_model_saw_at_native_resolution_is_the_scene() -> None:
    asked = looker("glance_focus", "classification", {"class_names": NAMES}, policy="raster", max_looks=3)
    given = picture()
    told = explore(asked, given)
    assert (told.scene == given[..., None]).all()
    last = told.moments[-1]
    assert len(last.looks) == 3
    for top, left, bottom, right in np.array(last.looks).astype(int):
        assert (bottom - top, right - left) == (8, 8)
        assert (last.seen.pixels[top:bottom, left:right] == given[top:bottom, left:right, None]).all()
    assert last.seen.mask.all()  # the glance
    assert (last.seen.pixels != told.scene).any()  # which is coarse


# -- what is told ------------------------------------------------------------------------------------------------------


def test_there_is_a_moment_before_every_look_and_one_at_the_end(told: Exploration) -> None:
    num_looks = told.moments[-1].watched.num_looks
    assert [len(moment.looks) for moment in told.moments] == list(range(num_looks + 1))
    assert [moment.watched.outcome for moment in told.moments[:-1]] == [None] * num_looks
    assert told.outcome == "truncated"
    shares = [moment.seen.share for moment in told.moments]
    assert shares == sorted(shares)
    assert told.moments[0].last is None
    assert (shares[0] == 0) == (told.opening == "free")
    spent = [moment.watched.spent["macs"] for moment in told.moments]
    assert spent == sorted(set(spent))
    for moment in told.moments[1:]:
        before = told.moments[len(moment.looks) - 1]
        assert moment.looks == (*before.looks, *before.watched.boxes_px)


def test_costs_are_those_of_a_look() -> None:
    asked, given = LOOKERS["reconstruction"](), picture()
    cost, spent = asked.look(given).cost, explore(asked, given).moments[-1].watched.spent
    assert (cost.macs, cost.sensed_px, cost.sensed_pct) == (spent["macs"], spent["px"], spent["pct_px"])


def test_a_reconstruction_is_compared_with_the_picture() -> None:
    told = explore(LOOKERS["reconstruction"](), picture())
    said = told.moments[-1].watched.prediction["pixels"][0].numpy().clip(0, 1) * 255
    shown = Image.fromarray(picture()).resize((said.shape[2], said.shape[1]), Image.Resampling.BILINEAR)
    rmse = np.sqrt(np.square(said[0] - np.asarray(shown, float)).mean())
    assert told.moments[-1].rmse == pytest.approx(rmse, rel=0.01)
    assert all(moment.rmse is None for moment in explore(LOOKERS["search"](), picture()).moments)


def test_numbers_survive_json(told: Exploration, tmp_path: Path) -> None:
    save(told, tmp_path / "out.json")
    values = json.loads((tmp_path / "out.json").read_text())
    assert values == told.to_plain()
    assert len(values["steps"]) == values["num_looks"] + 1
    assert (values["model"], values["size_px"]) == ("MODEL", [48, 64])
    assert values["looks_px"] == [box for step in values["steps"] for box in step["next_px"]]
    for step in values["steps"]:
        assert set(step["spent"]) >= {"looks", "macs", "px", "bytes"}
        if step["heat"]:
            assert len(step["heat"]["boxes_px"]) == len(step["heat"]["values"])


def test_a_drawn_exploration_is_the_same_each_time() -> None:
    one, other = (strip(explore(LOOKERS["segmentation"](), picture())).tobytes() for _ in range(2))
    assert one == other


# -- what is drawn -----------------------------------------------------------------------------------------------------


def test_a_frame_per_step_and_the_last_one_stays(told: Exploration, tmp_path: Path) -> None:
    num = told.moments[-1].watched.num_looks + 1
    pages = frames(told)
    assert len(pages) == num
    assert len({page.size for page in pages}) == 1
    for name in ("out.webp", "out.GIF"):
        save(told, tmp_path / name)
        with Image.open(tmp_path / name) as shown:
            assert shown.n_frames == num  # type: ignore[attr-defined]
            durations = []
            for i in range(num):
                shown.seek(i)
                shown.load()
                durations.append(shown.info["duration"])
        assert durations == [STEP_MS] * (num - 1) + [LAST_MS]


def test_a_strip_holds_every_step_in_handy_columns(told: Exploration, tmp_path: Path) -> None:
    save(told, tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as shown:
        assert shown.width > 700
        assert 0.3 < shown.width / shown.height < 3
    assert [_num_columns(num, (1200, 350)) for num in (1, 4, 9, 15, 60)] == [1, 1, 2, 2, 5]


@pytest.mark.parametrize("size", [(1, 1), (30, 900), (900, 30), (9, 700)])
def test_any_scene_can_be_shown(size: tuple[int, int]) -> None:
    for name in ("segmentation", "classification"):
        page = strip(explore(LOOKERS[name](), picture(*size)))
        assert max(page.size) < 6000


def test_every_answer_has_its_picture() -> None:
    titles = {}
    for name, make in LOOKERS.items():
        told = explore(make(), picture(), max_looks=1)
        panel = answer_panel(told, told.moments[-1], (96, 72))
        assert min(panel.image.size) >= 72
        titles[name] = panel.title
    assert len(set(titles.values())) == 4
    odd = replace(told.moments[-1].watched, answer={"num_things": 3, "weight": 0.123456}, prediction=np.zeros((1, 1)))
    assert answer_panel(told, replace(told.moments[-1], watched=odd), (96, 72)).title == "what it answers"


def test_a_map_of_classes_has_their_colours_and_names() -> None:
    told = explore(LOOKERS["segmentation"](), picture(), max_looks=1)
    logits = torch.zeros(1, 3, 6, 8)
    logits[:, 1, :, :4] = logits[:, 2, :, 4:] = 1
    answer = {"shares": {"a": 0.5, "b": 0.499, "gone": 0.001}}
    watched = replace(told.moments[-1].watched, prediction=logits, answer=answer)
    panel = answer_panel(told, replace(told.moments[-1], watched=watched), (80, 60))
    assert [(note.text, note.colour) for note in panel.notes] == [
        ("a: 50 %", CLASS_COLOURS[1]),
        ("b: 50 %", CLASS_COLOURS[2]),
    ]
    pixels = np.asarray(panel.image).astype(int)
    left, right = pixels[5:55, 5:35].mean((0, 1)), pixels[5:55, 45:75].mean((0, 1))
    assert left[2] > left[0] + 40  # blue
    assert right[0] > right[2] + 40  # orange
    assert len(set(class_colours(40))) == 40


def test_what_was_not_seen_is_hatched_and_a_tiny_look_is_enlarged() -> None:
    told = explore(LOOKERS["reconstruction"](), picture())
    size = panel_size((48, 64))
    empty = np.asarray(seen_panel(told, told.moments[0], size).image)[1:-1, 1:-1]
    assert empty.min() > 200
    assert len(np.unique(empty)) > 2
    tiny = replace(told.moments[-1], last=sight((1, 1, 3, 3), (8, 8), 0))
    plain, large = (np.asarray(seen_panel(told, one, size).image) for one in (told.moments[-1], tiny))
    assert (plain != large).mean() > 0.05


def test_heat_is_painted_by_its_kind() -> None:
    views = np.array([[0, 0, 1, 1], [-0.5, -0.5, 0.5, 0.5]], np.float32)
    for kind, inside in (("importance", 0.25), ("odds", 1.0), ("relevance", 0.75)):
        heat = Heat(kind=kind, viewpoints=views, values=np.array([0.75, 0.25], np.float32))  # type: ignore[arg-type]
        canvas = heat.painted((10, 20))
        assert (canvas[:5, :10] == inside).all()
        assert (canvas[5:] == 0.75).all()


def test_the_first_kind_of_heat_that_there_is() -> None:
    kinds = {name: explore(make(), picture(), max_looks=1).moments[-1].heat for name, make in LOOKERS.items()}
    assert kinds["classification"] is not None
    assert kinds["classification"].kind == "importance"
    assert kinds["classification"].values.sum() > 0
    assert kinds["reconstruction"] is not None
    assert kinds["reconstruction"].kind == "odds"
    assert kinds["reconstruction"].values.sum() == pytest.approx(1, abs=1e-5)
    assert kinds["search"] is None
    told = explore(looker("elastic_tokens", "reconstruction", {}, policy="random", **PIXELS), picture(), max_looks=1)
    assert told.moments[0].heat is not None
    assert told.moments[0].heat.kind == "relevance"
    panel = heat_panel(told, told.moments[0], (64, 48), most=0.0)
    assert panel is not None
    assert panel.title == "what seems relevant"


def coloured(values: list[float], kind: Any = "importance", most: float = 1.0) -> tuple[np.ndarray, Note]:
    """The heat panel of a left and a right half, as pixels, and what is said of it."""
    told = explore(LOOKERS["classification"](), np.full((48, 64), 128, np.uint8))
    views = np.array([[0, -0.5, 1, 0.5], [0, 0.5, 1, 0.5]], np.float32)
    heat = Heat(kind=kind, viewpoints=views, values=np.array(values, np.float32))
    panel = heat_panel(told, replace(told.moments[-1], heat=heat), (64, 48), most=most)
    assert panel is not None
    return np.asarray(panel.image).astype(int)[4:-4], panel.notes[0]


def test_importance_that_hardly_differs_looks_alike_and_one_that_does_differs() -> None:
    """Else 0.036 and 0.038 look like nothing and everything."""
    alike, note = coloured([0.036, 0.038])
    assert note.text == "0.036 to 0.038"
    assert 0 <= alike[:, 4:28].mean() - alike[:, 36:60].mean() < 25
    assert alike[:, 4:28, 0].mean() > alike[:, 4:28, 2].mean() + 5  # but it was seen
    apart, _ = coloured([0.2, 0.6])
    assert apart[:, 4:28].mean() > apart[:, 36:60].mean() + 60


@pytest.mark.parametrize("kind", ["odds", "relevance"])
def test_the_colour_beside_a_number_is_the_one_that_it_has(kind: str) -> None:
    assert coloured([0.1, 0.8], kind, most=0.8)[1].colour == EMBERS[-1]
    faint = coloured([0.1, 0.2], kind, most=0.8)[1].colour
    assert faint not in (None, EMBERS[-1])


def test_without_heat_there_is_one_panel_less() -> None:
    with_heat, without = (frames(explore(LOOKERS[name](), picture()))[0] for name in ("reconstruction", "search"))
    assert with_heat.width > 1.2 * without.width


# -- in words ----------------------------------------------------------------------------------------------------------


def test_what_would_stop_it_is_said() -> None:
    parts = calibrated_system().train(False)
    asked = Looker(parts, budgets=calibrated(parts), name="MODEL")
    given = np.random.default_rng(1).integers(0, 256, (90, 130, 3), dtype=np.uint8)
    steps = list(asked.watch(given, budget="1.5 looks", limit="3 looks"))
    assert steps[0].appetite is not None
    assert steps[0].appetite.rule == "value"
    sure = replace(steps[0], appetite=replace(steps[0].appetite, threshold=0.25))
    assert what_ends_it(sure).startswith("goes on until its wish for more, ")
    assert what_ends_it(sure).endswith(", is ≤ 0.25 (rule value) or the limit (100 % left) or 3 looks")
    assert steps[-1].outcome in ("stopped", "truncated")
    if steps[-1].appetite is not None:
        assert (steps[-1].outcome == "stopped") == (steps[-1].appetite.now <= steps[-1].appetite.threshold)
    free = next(asked.watch(given, stop_rule="none"))
    assert (free.appetite, what_ends_it(free)) == (None, "goes on until 3 looks")


def test_facts_are_short() -> None:
    step: Watched = explore(LOOKERS["search"](), picture()).moments[-1].watched
    ended = replace(step, outcome="stopped", appetite=Appetite(rule="value", now=0.125, threshold=0.5))
    assert what_ends_it(ended) == "stopped: sure enough, its wish for more, 0.125, is ≤ 0.5 (rule value)"
    assert what_ends_it(step) == "truncated: all looks or the limit used up"
    everyone = replace(ended, appetite=Appetite(rule="value", now=0.125, threshold=math.inf))
    assert what_ends_it(everyone) == "stopped: sure enough"
    nobody = Appetite(rule="value", now=0.125, threshold=-math.inf)
    assert what_ends_it(replace(step, outcome=None, appetite=nobody, most_looks=3)) == "goes on until 3 looks"
    assert facts_of(replace(step, spent={**step.spent, "macs": 2.5e9, "pct_px": 12.345}, certainty=0.5))[:3] == [
        "50 % sure", "12.3 % sensed", "2.5 GMAC",
    ]  # fmt: skip


def test_notes_that_find_no_room_are_counted() -> None:
    notes = [Note(text=f"class {i}: 10 %", colour=(1, 2, 3)) for i in range(12)]
    lines = note_lines(notes, 260)
    assert len(lines) == 2
    shown = [note for line in lines for note in line]
    assert shown[-1].text == f"+{12 - (len(shown) - 1)}"
    assert note_lines(notes[:2], 260) == [notes[:2]]
    assert note_lines([Note(text="x" * 200)], 100)[0][0].text.endswith("…")
    assert note_lines([], 100) == [[]]


# -- saving ------------------------------------------------------------------------------------------------------------


def test_an_ending_that_says_nothing_is_refused(tmp_path: Path) -> None:
    for name, expected in (
        ("out.jpg", "ends in '.jpg'"),
        ("out", "has no ending"),
        ("out.webm", "Did you mean '.webp'"),
    ):
        with pytest.raises(UsageError, match=expected):
            check_place(tmp_path / name)
    (tmp_path / "out.png").mkdir()
    with pytest.raises(OutputError, match="there is a folder of this name"):
        check_place(tmp_path / "out.png")
    check_place(tmp_path / "out.GIF")
