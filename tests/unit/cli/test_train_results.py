"""What follows training: rows that say what was played, for any policy and family, and a model that is never lost."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import foveate
from foveate.cli import train_results
from foveate.cli.train_results import calibrated, finish, measured
from foveate.evaluation.interval import half_width
from foveate.model_folder import CARD, load_system
from foveate.models import MODELS
from foveate.recipes.recipe import Recipe
from foveate.scenes.memory import ArrayScenes
from foveate.system import PartSpec, System, SystemSpec, build
from foveate.training.sources import Batch
from foveate.training.trainer import TrainResult
from tests.unit.training.tiny import Bars, tiny_config, tiny_system

SNIPPETS = Path(foveate.__file__).parent.parent / "docs" / "snippets"
DONE = TrainResult(finished=True, steps=6, kept_step=6, seconds=0.2, metrics=[])


class ColourBars(Bars):
    """As many scenes with as many labels, of three bands."""

    def batch(self, indices: np.ndarray, epoch_seed: int) -> Batch:
        batch = super().batch(indices, epoch_seed)
        shades = np.random.default_rng(epoch_seed).integers(0, 255, (len(indices), 3, 24, 32), dtype=np.uint8)
        return Batch(scenes=ArrayScenes(shades), target=batch.target, indices=batch.indices)


def recipe_for(system: System, source: type[Bars] = Bars) -> Recipe:
    return Recipe(
        name="bars", system=system.spec, train=tiny_config(), source=source(12), calibration=source(12), test=source(9)
    )


def finished(system: System, folder: Path, *, source: type[Bars] = Bars) -> dict[str, Any]:
    return finish(recipe_for(system, source), system, DONE, folder, device="cpu", max_scenes=12)


def rows_of(system: System) -> list[Any]:
    recipe = recipe_for(system)
    stop = calibrated(system, recipe.calibration, num_looks=2, num_scenes=12).stopper("1 looks")
    return measured(recipe, system, stop, num_scenes=9, budget="1 looks")


@pytest.fixture
def retina(monkeypatch: pytest.MonkeyPatch) -> System:
    """The family of docs/extend.md, whose config knows nothing of a glance."""
    monkeypatch.setattr(MODELS, "_entries", dict(MODELS._entries))
    monkeypatch.syspath_prepend(str(SNIPPETS))
    monkeypatch.delitem(sys.modules, "add_model", raising=False)
    importlib.import_module("add_model")
    torch.manual_seed(0)
    return build(
        SystemSpec(
            model=PartSpec(name="retina", config={"num_outputs": 3}),
            policy=PartSpec(name="spatial"),
            critic=PartSpec(name="spatial_value"),
            task=PartSpec(name="classification", config={"class_names": ("a", "b", "c")}),
        )
    )


def test_looks_that_nobody_learned_are_not_called_learned() -> None:
    rows = rows_of(tiny_system(policy="random"))
    assert [row.name for row in rows[:3]] == [
        "the model's random looks, all 2",
        "the model's random looks, budget 1 looks",
        "random looks, all 2",
    ]
    assert rows[0].accuracy == rows[2].accuracy  # the same draws: the control is the same policy
    assert [row.name for row in rows_of(tiny_system())[:2]] == ["learned looks, all 2", "learned looks, budget 1 looks"]


def test_what_a_recipe_says_of_its_measures_stands_below_the_table() -> None:
    recipe = replace(recipe_for(tiny_system()), remarks=("crops of the same photographs",))
    assert "crops of the same photographs" in train_results.remarks(recipe, 9, DONE, None)


def test_a_model_without_a_glance_has_seen_nothing_without_looks() -> None:
    assert rows_of(tiny_system())[-1].name == "glance only"
    assert rows_of(tiny_system(family="elastic_tokens"))[-1].name == "nothing seen"


def test_any_family_has_a_plain_net_beside_it(retina: System, tmp_path: Path) -> None:
    results = finished(retina, tmp_path, source=ColourBars)
    assert results["rows"][-1].name == "plain net on 16 x 16 px"
    assert load_system(tmp_path).budgets is not None


def test_the_plain_net_answers_with_places_where_the_model_does(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(train_results, "train_static", lambda *_, **options: asked.update(options))
    spec = tiny_system().spec
    searcher = build(
        SystemSpec(
            model=PartSpec(
                name=spec.model.name, config={**spec.model.config, "readout": {"name": "map", "grid": (4, 5)}}
            ),
            policy=PartSpec(name="spatial"),
            task=PartSpec(name="search", config={"target_names": ("a", "b", "c")}),
        )
    )
    for system, places in ((searcher, (4, 5)), (tiny_system(), None)):
        train_results.opponent(recipe_for(system), system, seconds=1, num_scenes=9, device="cpu")
        assert asked["input_px"] == (12, 16)
        assert asked["places"] == places


def test_a_prediction_that_no_plain_net_gives_has_none_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_results, "blind_prediction", lambda _: {"logits": None})
    results = finished(tiny_system(), tmp_path)
    assert [row.name for row in results["rows"]][-1] == "glance only"
    assert any("no plain net" in line for line in results["remarks"])


def test_a_model_is_kept_and_then_told_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr(train_results, "train_static", broken)
        with pytest.raises(RuntimeError, match="no memory"):
            finished(tiny_system(), tmp_path)
    kept = load_system(tmp_path)
    assert kept.budgets is not None
    assert not kept.manifest.metrics
    finished(tiny_system(), tmp_path)
    assert "learned looks, all 2" in load_system(tmp_path).manifest.metrics
    assert "learned looks, all 2.accuracy" in (tmp_path / "model" / CARD).read_text("utf-8")


class SomeBroken(Bars):
    """Of every batch, the scenes whose number divides by four are skipped, as broken files are."""

    def batch(self, indices: np.ndarray, epoch_seed: int) -> Batch:
        return super().batch(np.array([index for index in indices if index % 4]), epoch_seed)


def test_scenes_that_were_skipped_are_not_counted(tmp_path: Path) -> None:
    results = finished(tiny_system(), tmp_path, source=SomeBroken)
    assert results["num_scenes"] == 6
    assert {row.num_scenes for row in results["rows"]} == {6}
    assert results["rows"][0].half_width == half_width(results["rows"][0].accuracy, 6)
    assert any("measured on 6 scenes" in line for line in results["remarks"])
