"""Asking a model: pictures of every form, budgets and limits, steps as they happen, and pictures that are broken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import foveate
from foveate.answers import Answer, Failure
from foveate.asking import Asked
from foveate.episode import Player
from foveate.errors import BudgetError, FoveateError, IncompatibleError, SceneError, UsageError
from foveate.evaluation.record import here
from foveate.looker import Looker
from foveate.model_folder import save
from foveate.rollout import rollout
from foveate.scenes.memory import ArrayScenes
from foveate.stopping.budgets import BudgetTable
from foveate.stopping.traces import Traces
from foveate.system import PartSpec, System, SystemSpec, build

TASK = PartSpec(name="classification", config={"class_names": ("cat", "dog", "newt")})


def system(**settings: Any) -> System:
    torch.manual_seed(2)
    model = {"num_outputs": 3, "glance_px": (24, 32), "focus_px": (16, 16), "state_grid": (3, 4), "max_looks": 3}
    built = build(
        SystemSpec(
            model=PartSpec(name="glance_focus", config={**model, **settings}),
            policy=PartSpec(name="spatial"),
            critic=PartSpec(name="spatial_value"),
            task=TASK,
        )
    )
    for module in built.modules().values():  # fresh heads answer nearly alike; spread them
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    return built


def pictures(count: int, *, size: tuple[int, int] = (90, 130)) -> list[Any]:
    rng = np.random.default_rng(5)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(count)]


def calibrated(parts: System) -> BudgetTable:
    """A table of the model's own signals on some pictures, with scores that rise with every look."""
    scenes = ArrayScenes(np.stack(pictures(40)).transpose(0, 3, 1, 2).copy())
    player = Player(model=parts.model, policy=parts.policy, critic=parts.critic, task=parts.task,
                    ask=frozenset({"value", "certainty", "prediction"}))  # fmt: skip
    with torch.inference_mode():
        events = rollout(scenes, player, keep_events=True).events
    looks = np.tile(np.arange(4.0), (40, 1))
    rng = np.random.default_rng(0)
    traces = Traces(
        scores=np.tile([0.1, 0.4, 0.6, 0.7], (40, 1)),
        costs={"looks": looks, "px": 24 * 32 + 256 * looks},
        values=np.stack([event.step.value for event in events], axis=1).astype(np.float64),
        certainty={"confidence": np.stack([event.step.certainty["confidence"] for event in events], 1).astype(float)},
        noise=rng.random((40, 4)),
        scene_noise=rng.random(40),
    )
    return BudgetTable.build(traces, rules=("value", "confidence", "count"))


@pytest.fixture(scope="module")
def looker() -> Looker:
    parts = system().train(False)
    return Looker(parts, budgets=calibrated(parts), name="MODEL")


@pytest.fixture(scope="module")
def plain_looker() -> Looker:
    return Looker(system(), name="MODEL")


def test_load_gives_what_was_saved(tmp_path: Path, looker: Looker) -> None:
    save(looker.system, tmp_path / "run" / "model", provenance={"command": "x"}, budgets=looker.budgets)
    loaded = foveate.load(tmp_path / "run")
    assert loaded.manifest is not None
    picture = pictures(1)[0]
    ours, theirs = looker.look(picture, budget="1.5 looks"), loaded.look(picture, budget="1.5 looks")
    assert (ours.answer, ours.looks, ours.certainty) == (theirs.answer, theirs.looks, theirs.certainty)


def test_an_answer_says_everything(plain_looker: Looker) -> None:
    answer = plain_looker.look(pictures(1)[0], trail=True)
    assert answer.answer["label"] in ("cat", "dog", "newt")
    assert answer.certainty == pytest.approx(answer.answer["probability"])
    assert (answer.num_looks, answer.outcome, answer.size_px) == (3, "truncated", (90, 130))
    for top, left, bottom, right in answer.looks:
        assert 0 <= top < bottom <= 90
        assert 0 <= left < right <= 130
        assert (bottom - top, right - left) == pytest.approx((16, 16))
    cost, price = answer.cost, plain_looker.system.model.price()
    assert (cost.looks, cost.sensed_px) == (3, 24 * 32 + 3 * 256)
    assert cost.sensed_pct == pytest.approx(100 * cost.sensed_px / (90 * 130))
    assert cost.macs == price.open_macs + 3 * price.look_macs + price.predict_macs + 3 * _policy_macs(plain_looker)
    assert cost.seconds > 0
    assert [facts.num_looks for facts in answer.steps] == [0, 1, 2, 3]
    assert answer.steps[-1].answer == answer.answer
    assert all(facts.value is not None for facts in answer.steps)
    assert answer.to_plain()["num_looks"] == 3
    assert "3 looks" in str(answer)


def _policy_macs(looker: Looker) -> int:
    model = looker.system.model
    seen = model.observe(model.open(np.zeros((1, 1, 3, 24, 32), np.uint8), torch.tensor([[90, 130]])))
    return int(looker.system.policy.macs(seen))


def test_every_form_of_a_picture_gives_the_same(tmp_path: Path, plain_looker: Looker) -> None:
    pixels = pictures(1)[0]
    Image.fromarray(pixels).save(tmp_path / "a.png")
    forms = [pixels, Image.fromarray(pixels), tmp_path / "a.png", str(tmp_path / "a.png"),
             torch.from_numpy(pixels).permute(2, 0, 1), pixels.astype(np.float32) / 255]  # fmt: skip
    answers = [plain_looker.look(form) for form in forms]
    for answer in answers[1:]:
        assert answer.answer["label"] == answers[0].answer["label"]
        # Glimpses of integers are rounded to whole grey levels, those of floats (the last form) are not; a pooled
        # answer gives every fixation its full weight, so half a level per pixel shows in the second decimal.
        assert answer.certainty == pytest.approx(answers[0].certainty, abs=3e-2 if answer is answers[-1] else 1e-5)
    assert [answer.cost.read_bytes > 0 for answer in answers] == [False, False, True, True, False, False]


def test_grey_and_colour_are_converted_to_the_models_bands(plain_looker: Looker) -> None:
    grey = pictures(1)[0][..., 0]
    expected = plain_looker.look(np.repeat(grey[..., None], 3, axis=2)).answer
    assert plain_looker.look(grey).answer == expected
    assert plain_looker.look(Image.fromarray(grey)).answer == expected
    alpha = np.concatenate([np.repeat(grey[..., None], 3, axis=2), np.full((90, 130, 1), 255, np.uint8)], axis=2)
    assert plain_looker.look(alpha).answer == expected
    one_band = Looker(system(num_bands=1))
    assert one_band.look(pictures(1)[0]).answer == one_band.look(Image.fromarray(pictures(1)[0])).answer
    multi = Looker(system(num_bands=5, value_range=(0.0, 1.0)))
    assert multi.look(np.random.default_rng(0).random((60, 70, 5))).num_looks == 3
    with pytest.raises(IncompatibleError, match="wants 5 bands"):
        multi.look("x.png")


def test_rows_do_not_depend_on_each_other(looker: Looker, tmp_path: Path) -> None:
    given: list[Any] = pictures(3) + pictures(2, size=(60, 61))
    for i, pixels in enumerate(pictures(2)):
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
        given.insert(2 * i, tmp_path / f"{i}.png")
    alone = [looker.look(picture, budget="1.3 looks") for picture in given]
    for batch_size in (2, 16):
        for one, many in zip(alone, looker.look_many(given, batch_size=batch_size, budget="1.3 looks"), strict=True):
            assert isinstance(many, Answer)
            assert (one.answer["label"], one.outcome, one.num_looks) == (
                many.answer["label"], many.outcome, many.num_looks
            )  # fmt: skip
            # Another batch size rounds a location differently by 1e-6 px, which can turn single pixels of an integer
            # glimpse by one grey level of 255: 1e-3 is one level in a few of its 16 x 16 pixels.
            assert one.certainty == pytest.approx(many.certainty, abs=1e-3)
            np.testing.assert_allclose(one.looks, many.looks, atol=1e-2)


@pytest.mark.parametrize("rule", [None, "value", "confidence", "count"])
def test_a_budget_is_a_mean(looker: Looker, rule: str | None) -> None:
    for budget in (0.5, 1.5, 2.5):
        answers = list(looker.look_many(pictures(40), budget=f"{budget} looks", stop_rule=rule))
        mean = np.mean([answer.num_looks for answer in answers if isinstance(answer, Answer)])
        assert mean == pytest.approx(budget, abs=0.4 if rule == "count" else 0.06)
    assert {answer.outcome for answer in answers if isinstance(answer, Answer)} <= {"stopped", "truncated"}


def test_without_a_budget_a_calibrated_model_keeps_its_accuracy(looker: Looker) -> None:
    assert looker.look(pictures(1)[0]).num_looks == 3
    assert looker.look(pictures(1)[0], stop_rule="none", max_looks=1).num_looks == 1


def test_a_limit_is_never_exceeded(plain_looker: Looker) -> None:
    opening = 24 * 32
    for cap, looks in ((opening, 0), (opening + 255, 0), (opening + 256, 1), (10**6, 3)):
        answer = plain_looker.look(pictures(1)[0], limit=f"{cap}px")
        assert (answer.num_looks, answer.outcome) == (looks, "truncated")
        assert answer.cost.sensed_px <= cap
    with pytest.raises(BudgetError, match="lowest possible limit"):
        plain_looker.look(pictures(1)[0], limit=f"{opening - 1}px")
    with pytest.raises(BudgetError, match="lowest possible limit"):
        plain_looker.look(pictures(1)[0], limit="1%px")
    with pytest.raises(BudgetError, match="lowest possible limit"):
        plain_looker.look(pictures(1)[0], limit=["2 looks", "1 kMAC"])
    assert plain_looker.look(pictures(1)[0], limit=["2 looks", "1 GMAC"]).num_looks == 2


def test_one_small_picture_over_the_limit_does_not_stop_the_others(plain_looker: Looker) -> None:
    given = [pictures(1)[0], pictures(1, size=(20, 20))[0], pictures(1)[0]]
    answers = list(plain_looker.look_many(given, limit="15%px", on_error="give"))
    assert [type(answer) for answer in answers] == [Answer, Failure, Answer]


@pytest.mark.parametrize("size", [(10, 12), (1, 1), (1, 300), (24, 5)])
def test_a_scene_smaller_than_a_glimpse_is_enlarged(plain_looker: Looker, size: tuple[int, int]) -> None:
    """Looks are clamped into the scene: at most all of it, enlarged to the glimpse's size."""
    answer = plain_looker.look(pictures(1, size=size)[0])
    assert answer.num_looks == 3
    for top, left, bottom, right in answer.looks:
        assert (bottom - top, right - left) == pytest.approx((min(16, size[0]), min(16, size[1])), abs=0.02)
        assert 0 <= top < bottom <= size[0]
        assert 0 <= left < right <= size[1]


def test_deferral_is_for_what_is_not_sure_enough(looker: Looker) -> None:
    picture = pictures(1)[0]
    sure = looker.look(picture, stop_rule="none").certainty
    assert looker.look(picture, stop_rule="none", defer_below=sure + 1e-3).outcome == "deferred"
    assert looker.look(picture, stop_rule="none", defer_below=sure - 1e-3).outcome == "truncated"
    assert looker.look(picture, budget=0, defer_below=1.0).outcome == "deferred", "what was enough for a budget"
    assert looker.look(picture, budget=0, defer_below=0.0).outcome == "stopped"


def test_watching_shows_every_step(looker: Looker) -> None:
    picture = pictures(1)[0]
    seen = list(looker.watch(picture, stop_rule="none"))
    answer = looker.look(picture, stop_rule="none", trail=True)
    assert [step.num_looks for step in seen] == [0, 1, 2, 3]
    assert [step.outcome for step in seen] == [None, None, None, "truncated"]
    assert tuple(box for step in seen for box in step.boxes_px) == answer.looks
    assert [step.certainty for step in seen] == [facts.certainty for facts in answer.steps]
    for step in seen:
        assert step.state_map is not None
        assert step.heatmap is not None
        assert step.state_map.shape == (3, 4, 48)
        assert step.heatmap.shape == (3, 4)
        assert step.heatmap.sum() == pytest.approx(1, abs=1e-5)
        assert step.prediction.shape == (1, 3)
        assert step.value is not None
    assert not torch.is_inference_mode_enabled()
    iterator = looker.watch(picture)
    next(iterator)
    assert not torch.is_inference_mode_enabled()  # nor while it waits
    iterator.close()


def test_adaptivenn_answers_too() -> None:
    torch.manual_seed(0)
    parts = build(
        SystemSpec(
            model=PartSpec(name="adaptivenn_tiny", config={"num_outputs": 3}),
            policy=PartSpec(name="gaussian"), critic=PartSpec(name="map_value"), task=TASK,
        )
    )  # fmt: skip
    looker = Looker(parts)
    assert looker.look(pictures(1)[0], max_looks=1, trail=True).num_looks == 1
    steps = list(looker.watch(pictures(1)[0]))
    assert [step.num_looks for step in steps] == [0, 1, 2]
    assert steps[0].heatmap is None
    assert steps[0].state_map is not None


@pytest.mark.parametrize(
    ("asked", "error", "expected"),
    [
        ({"budget": "2 looks"}, BudgetError, "run `foveate calibrate MODEL --data FOLDER`"),
        ({"stop_rule": "value"}, BudgetError, "foveate calibrate MODEL"),
        ({"stop_rule": "valeu"}, UsageError, "Did you mean 'value'"),
        ({"budget": "2 looks", "stop_rule": "none"}, UsageError, "a budget needs a stop rule"),
        ({"budgett": 2}, UsageError, "Did you mean 'budget'"),
        ({"limit": "2 loks"}, UsageError, "unknown unit"),
        ({"limit": "5 ms"}, IncompatibleError, "limit in ms cannot be kept"),
        ({"max_looks": -1}, UsageError, "at least 0"),
        ({"max_looks": 1.5}, UsageError, "whole number"),
        ({"max_looks": 99}, UsageError, "has room for 3: give 0 to 3"),
        ({"defer_below": 2.0}, UsageError, "between 0 and 1"),
        ({"batch_size": 0}, UsageError, "at least 1"),
        ({"on_error": "ignore"}, UsageError, "'raise' and 'give'"),
    ],
)
def test_wrong_questions(plain_looker: Looker, asked: dict[str, Any], error: type[FoveateError], expected: str) -> None:
    with pytest.raises(error, match=expected):
        list(plain_looker.look_many(pictures(1), **asked))


def test_advice_to_calibrate_names_data_of_the_task_and_rules_that_the_model_can_follow() -> None:
    parts = system()
    spec = replace(parts.spec, task=PartSpec(name="reconstruction"), critic=None)
    blind = Looker(replace(parts, spec=spec, critic=None), name="MODEL")
    with pytest.raises(BudgetError, match="calibrate MODEL --data image_folder_reconstruction:FOLDER"):
        blind.look(pictures(1)[0], budget="2 looks")
    with pytest.raises(UsageError, match=r"'value' needs a critic, .* lacks: choose one of confidence, "):
        blind.look(pictures(1)[0], stop_rule="value")


def test_a_budget_above_all_that_was_calibrated_is_remarked(looker: Looker) -> None:
    assert looker.budgets is not None
    _, most = looker.budgets.extremes("looks")
    for asked in ({}, {"budget": str(most)}, {"stop_rule": "none"}, {"max_looks": 200}):
        assert looker.planner.remark(Asked.of(asked)) is None
    told = looker.planner.remark(Asked.of({"budget": "200 looks"}))
    assert told is not None
    assert f"budgets of up to {most}; 200 looks buys no more" in told
    assert "foveate calibrate MODEL --data FOLDER --looks N" in told


def test_impossible_budgets_name_the_nearest(looker: Looker) -> None:
    with pytest.raises(BudgetError, match="lowest possible") as caught:
        looker.look(pictures(1)[0], budget="100 px")
    assert caught.value.nearest == pytest.approx(24 * 32)
    with pytest.raises(BudgetError, match="not calibrated"):
        looker.look(pictures(1)[0], budget="2 looks", stop_rule="margin")


BROKEN: list[tuple[Any, type[FoveateError], str]] = [
    (np.zeros((0, 5, 3), np.uint8), UsageError, "shape"),
    (np.zeros((5, 5, 2), np.uint8), UsageError, "2 bands"),
    (np.zeros((2, 5, 5, 3), np.uint8), UsageError, "shape"),
    (np.zeros((5, 5, 3), np.int64), UsageError, "int64"),
    (np.full((5, 5, 3), np.nan), SceneError, "NaN"),
    (np.full((5, 5, 3), 17.0), SceneError, r"floats must be in \[0, 1\]"),
    (object(), UsageError, "is no picture"),
    (None, UsageError, "is no picture"),
    ("missing.png", SceneError, "no such file"),
]


@pytest.mark.parametrize(("picture", "error", "expected"), BROKEN)
def test_what_is_no_picture(plain_looker: Looker, picture: Any, error: type[FoveateError], expected: str) -> None:
    with pytest.raises(error, match=expected):
        plain_looker.look(picture)
    given = [pictures(1)[0], picture, pictures(1)[0]]
    first, broken, last = plain_looker.look_many(given, on_error="give")
    assert isinstance(broken, Failure)
    assert isinstance(broken.error, error)
    assert isinstance(first, Answer)
    assert isinstance(last, Answer)
    assert first.answer == last.answer


def test_broken_files_are_named_and_the_others_answered(plain_looker: Looker, tmp_path: Path) -> None:
    good = tmp_path / "good.png"
    Image.fromarray(pictures(1)[0]).save(good)
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "cut.png").write_bytes(good.read_bytes()[: len(good.read_bytes()) // 2])  # its header is whole
    (tmp_path / "text.png").write_text("hello")
    names = ["good.png", "cut.png", "empty.png", "good.png", "text.png", "."]
    answers = list(plain_looker.look_many([tmp_path / name for name in names], on_error="give"))
    assert [isinstance(answer, Answer) for answer in answers] == [True, False, False, True, False, False]
    for name, answer in zip(names, answers, strict=True):
        if isinstance(answer, Failure):
            assert isinstance(answer.error, SceneError)
            assert str(tmp_path / name) in str(answer)
    with pytest.raises(SceneError, match=r"cut\.png"):
        list(plain_looker.look_many([good, tmp_path / "cut.png"]))


def test_answers_come_as_soon_as_a_batch_is_done(plain_looker: Looker) -> None:
    taken = []

    def endless() -> Any:
        while True:
            taken.append(1)
            yield pictures(1)[0]

    answers = plain_looker.look_many(endless(), batch_size=2)
    next(answers)
    assert len(taken) == 2


def test_budgets_in_ms_hold_on_their_machine_only(looker: Looker) -> None:
    assert looker.budgets is not None
    rng = np.random.default_rng(0)
    looks = np.tile(np.arange(4.0), (40, 1))

    def table(**origin: Any) -> BudgetTable:
        traces = Traces(
            scores=np.tile([0.1, 0.4, 0.6, 0.7], (40, 1)), costs={"looks": looks, "ms": 1 + looks},
            values=rng.random((40, 4)), noise=rng.random((40, 4)), scene_noise=rng.random(40),
            origin=replace(here("", 1, looker.system), **origin),
        )  # fmt: skip
        return BudgetTable.build(traces, rules=("value",))

    picture = pictures(1)[0]
    assert Looker(looker.system, budgets=table()).look(picture, budget="1ms").num_looks == 0
    with pytest.raises(BudgetError, match="measured with device 'abacus'"):
        Looker(looker.system, budgets=table(device="abacus")).look(picture, budget="2ms")
    with pytest.raises(BudgetError, match="batch size"):
        list(Looker(looker.system, budgets=table()).look_many([picture], budget="2ms", batch_size=4))


def test_a_search_is_answered_in_pixels() -> None:
    torch.manual_seed(0)
    model = {
        "num_outputs": 2,
        "glance_px": (24, 32),
        "focus_px": (16, 16),
        "max_looks": 1,
        "readout": {"name": "map", "grid": (6, 8)},
    }
    parts = build(
        SystemSpec(
            model=PartSpec(name="glance_focus", config=model),
            policy=PartSpec(name="spatial"), critic=PartSpec(name="spatial_value"),
            task=PartSpec(name="search", config={"target_names": ("3", "7")}),
        )
    )  # fmt: skip
    answer = Looker(parts).look(pictures(1)[0])
    found = answer.to_plain()["places_px"]
    assert set(found) == {"3", "7"}
    assert all(0 <= row <= 90 and 0 <= col <= 130 for row, col in found.values())
    assert "3 at row" in str(answer)
