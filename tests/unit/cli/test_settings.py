"""--set NAME=VALUE: what a recipe has by keyword, typed by its annotations, each wrong use refused in words."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from foveate.cli import train as command
from foveate.cli.data import recipe_of
from foveate.cli.held_out import held_out
from foveate.cli.main import main
from foveate.cli.settings import OPTIONS, checked, described, from_texts, settings_of
from foveate.cli.train import check_run, more_help, recipe_for
from foveate.cli.train_results import provenance
from foveate.errors import DataError, UsageError
from foveate.model_folder import load_system, save
from foveate.plain import plain
from foveate.recipes import RECIPES
from foveate.training.trainer import TrainResult


def everything(
    folder: str = "here",
    *,
    word: str = "a",
    maybe: str | None = None,
    count: int = 1,
    rate: float = 0.5,
    kind: Literal["one", "two"] = "one",
    is_on: bool = False,
    pair: tuple[int, int] = (1, 2),
    names: tuple[str, ...] = ("a",),
    span: tuple[float, float] | Literal["usual"] | None = "usual",
    options: dict[str, Any] | None = None,
    untyped=3,  # type: ignore[no-untyped-def]
    seed: int = 0,
) -> None:
    """A recipe with settings of every type."""


@pytest.fixture(autouse=True, scope="module")
def registered() -> Iterator[None]:
    RECIPES.register("everything", everything)
    yield
    del RECIPES._entries["everything"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("word=b", "b"),
        ("word=3", "3"),
        ("word=a,b", "a,b"),
        ("word=a=b", "a=b"),
        ("word=", ""),
        ("maybe=null", None),
        ("maybe=b", "b"),
        ("count=-3", -3),
        ("rate=1e-4", 1e-4),
        ("rate=2", 2),
        ("kind=two", "two"),
        ("is_on=true", True),
        ("pair=3,4", (3, 4)),
        ("pair=[3, 4]", (3, 4)),
        ("names=3", ("3",)),
        ("names=3, b", ("3", "b")),
        ("names=[]", ()),
        ("span=0.2,1", (0.2, 1)),
        ("span=usual", "usual"),
        ("span=null", None),
        ('options={"x": [1]}', {"x": [1]}),
        ("untyped=b", "b"),
        ("untyped=4", 4),
    ],
)
def test_texts_are_typed_by_the_annotation(text: str, value: Any) -> None:
    found = from_texts("everything", [text])
    name = text.partition("=")[0]
    assert json.loads(json.dumps(found)) == found == {name: plain(value)}
    assert checked("everything", found) == {name: value}
    assert type(checked("everything", found)[name]) is type(value)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["kind=three"], r"--set kind is 'three'; it must be 'one' or 'two'"),
        (["count=1.5"], r"--set count is '1.5'; it must be int"),
        (["count=true"], r"--set count is 'true'; it must be int"),
        (["rate=nan"], r"--set rate is 'nan'; it must be float"),
        (["is_on=1"], r"--set is_on is '1'; it must be bool"),
        (["pair=1,2,3"], r"--set pair is '1,2,3'; it must be \(int, int\)"),
        (["options=3"], r"--set options is '3'; it must be dict or None"),
        (["wrod=b"], r"'everything' has no such setting. Did you mean 'word'\? Its settings: word, maybe, count"),
        (["folder=b"], r"'everything' has no such setting"),
        (["seed=1"], r"--set seed: that has an option of its own: give --seed"),
        (["seconds=1"], r"give --minutes"),
        (["word"], r"--set is 'word': write NAME=VALUE, as in --set word=VALUE"),
        (["word=a", "word=b"], r"--set gives word twice"),
    ],
)
def test_wrong_uses_are_refused_in_words(texts: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        from_texts("everything", texts)


def test_a_recipe_without_settings_says_so() -> None:
    assert settings_of("small_sign") == {}
    with pytest.raises(UsageError, match=r"'small_sign' has no such setting. It has none"):
        from_texts("small_sign", ["things=signs"])


@pytest.mark.parametrize("name", [name for name in RECIPES if name != "everything"])
def test_every_recipe_takes_its_own_settings_as_they_are(name: str) -> None:
    """Each default is one of the values that its annotation allows, and is read again from what is shown of it."""
    for setting, told in zip(settings_of(name).values(), described(name), strict=True):
        assert told.startswith(f"{setting.name}: ")
        assert setting.name not in OPTIONS
        text = setting.default if isinstance(setting.default, str) else json.dumps(plain(setting.default))
        assert checked(name, from_texts(name, [f"{setting.name}={text}"])) == {setting.name: setting.default}


def test_what_a_partial_binds_makes_the_recipe_and_is_no_setting() -> None:
    settings = settings_of("ade20k_segmentation")
    assert not {"name", "dataset", "target"} & set(settings)
    assert settings["glimpse_grid"].default == 3


def test_options_of_the_command_are_no_settings() -> None:
    """So that there is one way to say each thing."""
    options = set(inspect.signature(command.train).parameters) - {"data", "out", "resume", "device", "as_json"}
    assert options - {"settings_given"} <= set(OPTIONS)


def test_settings_reach_the_recipe_and_are_written_down(tmp_path: Path) -> None:
    settings = {"data": "tiny_classification", "minutes": None, "steps": 2, "seed": 0, "policy": None, "looks": None}
    settings |= dict.fromkeys(("flip", "amp", "freeze", "size", "start", "teacher", "teacher_weights"))
    settings["set"] = from_texts("tiny_classification", ["things=signs", "family=glance_focus", "learner=sac"])
    recipe = recipe_for(settings, processes=1)
    assert (recipe.system.model.name, recipe.train.learner) == ("glance_focus", "sac")
    assert recipe.settings == {"things": "signs", "family": "glance_focus", "learner": "sac"}
    assert provenance(recipe, RESULT)["settings"] == recipe.settings
    assert "settings" not in provenance(recipe_for({**settings, "set": None}, processes=1), RESULT)


RESULT = TrainResult(steps=2, seconds=1.0, finished=True, metrics=(), kept_step=2)


def test_a_run_is_resumed_with_the_same_settings_only(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"data": "x", "set": {"pair": [1, 2]}}))
    same = from_texts("everything", ["pair=1,2"])
    check_run(tmp_path, {"data": "x", "set": same}, resume=True)
    for other in (None, from_texts("everything", ["pair=1,3"])):
        with pytest.raises(UsageError, match=r"set was \{'pair': \[1, 2\]\}, not"):
            check_run(tmp_path, {"data": "x", "set": other}, resume=True)
    (tmp_path / "run.json").write_text(json.dumps({"data": "x"}))  # from before there were settings
    check_run(tmp_path, {"data": "x", "set": None}, resume=True)


@pytest.mark.parametrize(("text", "expected"), [("{", "does not say what"), ("[1]", r"holds no settings but \[1\]")])
def test_a_run_whose_settings_are_lost_is_not_resumed(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(DataError, match=rf"run\.json: {expected}.*start anew with another --out"):
        check_run(tmp_path, {"data": "x"}, resume=True)


def test_a_model_is_evaluated_on_the_scenes_that_its_settings_made(tmp_path: Path) -> None:
    settings = {"things": "signs"}
    recipe = recipe_of("tiny_classification", steps=1, settings=settings)
    told = {"recipe": recipe.name, "settings": settings, "test_data": recipe.test.fingerprint}
    saved = load_system(save(recipe.build(), tmp_path / "model", provenance=told))
    found = held_out(saved, "tiny_classification", part="test")
    assert found.warning is None
    assert found.source.fingerprint == recipe.test.fingerprint
    with pytest.raises(UsageError, match="do not have the same names"):
        held_out(saved, "cluttered_classification", part="test")


def test_help_shows_them(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["train", "tiny_classification", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Settings of the recipe tiny_classification" in shown
    assert "things: 'digits' or 'signs'; digits when left out" in " ".join(shown.split())
    assert main(["train", "--help"]) == 0
    assert "Settings of the recipe" not in capsys.readouterr().out
    assert more_help(["small_sign", "-h"]) == ["The recipe small_sign has no settings of its own."]
    assert "picture_folder" in more_help([str(tmp_path), "--help"])[0]
    assert "finetune" in more_help([str(tmp_path), "--from", "x", "--help"])[0]


def test_a_mistake_is_told_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "tiny_classification", "--set", "things=animals"]) == 2
    assert "--set things is 'animals'; it must be 'digits' or 'signs'" in capsys.readouterr().err
    assert main(["train", "visual_search", "--set", "targets=3,x"]) == 2
    assert "targets is ('3', 'x'); needed are different ones of 0, 1," in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
