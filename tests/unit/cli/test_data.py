"""What a command is given as data, and with which settings, becomes a recipe, or is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from foveate.cli.data import recipe_of
from foveate.errors import UsageError
from foveate.recipes import RECIPES
from foveate.training.config import ENDLESS, TrainConfig
from tests.unit.recipes import test_adaglimpse, test_big_pictures
from tests.unit.recipes.test_picture_folder import fill

LAYOUTS = {**test_adaglimpse.LAYOUTS, "big_pictures": test_big_pictures.write}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("data"), 24)


@pytest.mark.parametrize("on_folder", [True, False])
@pytest.mark.parametrize(
    ("asked", "steps", "seconds"),
    [
        ({"steps": 20}, 20, None),
        ({"minutes": 2.0}, ENDLESS, 120.0),
        ({"steps": 20, "minutes": 2.0}, 20, 120.0),
    ],
)
def test_both_bounds_are_kept(
    folder: Path, on_folder: bool, asked: dict[str, float], steps: int, seconds: float | None
) -> None:
    train = recipe_of(str(folder) if on_folder else "visual_search", **asked).train  # type: ignore[arg-type]
    assert (train.steps, train.seconds) == (steps, seconds)


def test_a_folder_takes_ten_minutes_and_a_recipe_its_own_steps(folder: Path) -> None:
    assert recipe_of(str(folder)).train.seconds == 600
    train = recipe_of("visual_search").train
    assert train.steps < ENDLESS
    assert train.seconds is None


@pytest.mark.parametrize("name", [name for name in RECIPES if not RECIPES.facts(name).get("needs_start")])
def test_every_recipe_takes_what_each_command_asks(folder: Path, tmp_path: Path, name: str) -> None:
    """A bound and a seed; one that goes by keyword only would refuse them all."""
    place = (
        f":{LAYOUTS[name](tmp_path) if name in LAYOUTS else folder}" if RECIPES.facts(name).get("needs_folder") else ""
    )
    recipe = recipe_of(name + place, steps=3, seed=5)
    assert (recipe.train.steps, recipe.train.seed) == (3, 5)


def test_a_setting_that_a_recipe_does_not_have_is_refused(folder: Path) -> None:
    assert recipe_of(str(folder), flip=True).source.augment.flip  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match=r"'visual_search' has no --flip .*seed.*: leave it out"):
        recipe_of("visual_search", flip=True)
    with pytest.raises(UsageError, match=r"'imagenet_deit_small' has no --flip"):
        recipe_of(f"imagenet_deit_small:{folder}", flip=True)
    assert recipe_of("visual_search", flip=False, freeze=None, processes=2, looks=3).name == "visual_search"


def test_a_seed_is_not_negative() -> None:
    with pytest.raises(UsageError, match=r"seed is -1; it must be at least 0"):
        TrainConfig(steps=1, seed=-1)
