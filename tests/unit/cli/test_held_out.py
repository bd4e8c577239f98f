"""Calibrating and evaluating on what training set aside: found again however it was trained, and missed aloud."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from foveate.cli.calibrate import store
from foveate.cli.held_out import held_out, set_aside
from foveate.errors import UsageError
from foveate.model_folder import SavedSystem, load_system, save
from foveate.recipes.finetune import finetune
from foveate.recipes.picture_folder import picture_folder
from foveate.recipes.recipe import Recipe
from foveate.recipes.tiny_reconstruction import tiny_reconstruction
from foveate.stopping.budgets import BudgetTable
from foveate.system import build
from tests.support.traces import classification
from tests.unit.recipes.test_finetune import trained
from tests.unit.recipes.test_picture_folder import fill


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty pictures in two classes, and twelve that are smaller than a fixation."""
    root = fill(tmp_path_factory.mktemp("pictures"), 40)
    rng = np.random.default_rng(1)
    for i in range(12):
        tiny = Image.fromarray(rng.integers(0, 255, (6, 6, 3), dtype=np.uint8))
        tiny.save(root / "ab"[i % 2] / f"tiny{i}.png")
    return root


def saved_of(recipe: Recipe, folder: Path) -> SavedSystem:
    """A model folder as `foveate train` leaves it."""
    told = {
        "seed": recipe.train.seed,
        "calibration_data": recipe.calibration.fingerprint,
        "test_data": recipe.test.fingerprint,
    }
    return load_system(save(build(recipe.system), folder, provenance=told))


@pytest.fixture(scope="module", params=["scratch", "finetuned"])
def model(request: Any, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> SavedSystem:
    place = tmp_path_factory.mktemp(request.param)
    if request.param == "scratch":
        return saved_of(picture_folder(pictures, steps=1), place / "model")
    return saved_of(finetune(pictures, start=trained(place / "base"), steps=1), place / "model")


@pytest.mark.parametrize("part", ["calibration", "test"])
def test_it_is_what_training_set_aside(model: SavedSystem, pictures: Path, part: Any, tmp_path: Path) -> None:
    moved = shutil.copytree(pictures, tmp_path / "elsewhere")
    for place in (pictures, moved):
        found = held_out(model, str(place), part=part)
        assert found.source.fingerprint == model.manifest.provenance[f"{part}_data"]
        assert found.warning is None


@pytest.mark.parametrize("part", ["calibration", "test"])
def test_a_folder_that_has_grown_is_warned_of(model: SavedSystem, pictures: Path, part: Any, tmp_path: Path) -> None:
    grown = shutil.copytree(pictures, tmp_path / "pictures")
    rng = np.random.default_rng(2)
    for i in range(20):
        Image.fromarray(rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)).save(grown / "a" / f"new{i}.png")
    found = held_out(model, str(grown), part=part)
    assert found.warning is not None
    for fact in (f"the {part} part of {grown}", found.source.fingerprint, model.manifest.provenance[f"{part}_data"]):
        assert fact in found.warning


def test_calibrating_twice_on_other_pictures_is_warned_of_twice(
    model: SavedSystem, pictures: Path, tmp_path: Path
) -> None:
    budgets = BudgetTable.build(classification(20, 3, seed=0), rules=["count"], num_points=5)
    copied = load_system(store(model, budgets, "other pictures", tmp_path / "model"))
    assert copied.manifest.provenance["calibration_data"] == "other pictures"
    assert set_aside(copied, "calibration") == model.manifest.provenance["calibration_data"]
    again = load_system(store(copied, budgets, "third pictures", None))
    assert set_aside(again, "calibration") == model.manifest.provenance["calibration_data"]
    assert held_out(again, str(pictures), part="calibration").warning is None


def test_nothing_is_said_where_no_training_is_on_record(pictures: Path, tmp_path: Path) -> None:
    system = build(picture_folder(pictures, steps=1).system)
    imported = load_system(save(system, tmp_path / "model", provenance={"calibration_data": "something"}))
    found = held_out(imported, str(pictures), part="calibration")
    assert found.warning is None
    assert len(found.source)


def test_other_names_are_refused(model: SavedSystem, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"same names in the same order \(b, c differs\)"):
        held_out(model, str(fill(tmp_path, 24, classes="ac")), part="test")


def test_data_of_another_task_is_refused_as_such(model: SavedSystem, pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"visual_search is there to search, .* to classify: .* --data FOLDER"):
        held_out(model, "visual_search", part="test")
    recipe = tiny_reconstruction(steps=1)
    rebuilds = load_system(save(recipe.build(), tmp_path / "model", provenance={}))
    with pytest.raises(UsageError, match=r"to classify, .* to reconstruct: .* image_folder_reconstruction:FOLDER"):
        held_out(rebuilds, str(pictures), part="test")
