"""What follows training: rows that say what was played, for any policy and family, and a model that is never lost."""

from __future__ import annotations

from typing import Any

from foveate.cli.train_results import calibrated, measured
from foveate.recipes.recipe import Recipe
from foveate.system import System
from tests.unit.training.tiny import Bars, tiny_config, tiny_system


def recipe_for(system: System, *, test: Any = None) -> Recipe:
    return Recipe(
        name="bars", system=system.spec, train=tiny_config(), source=Bars(12), calibration=Bars(12), test=test or Bars(9)
    )  # fmt: skip


def rows_of(system: System) -> list[Any]:
    recipe = recipe_for(system)
    stop = calibrated(system, recipe.calibration, num_looks=2, num_scenes=12).stopper("1 looks")
    return measured(recipe, system, stop, num_scenes=9, budget="1 looks")


def test_looks_that_nobody_learned_are_not_called_learned() -> None:
    rows = rows_of(tiny_system(policy="random"))
    assert [row.name for row in rows[:3]] == [
        "the model's random looks, all 2",
        "the model's random looks, budget 1 looks",
        "random looks, all 2",
    ]
    assert rows[0].accuracy == rows[2].accuracy  # the same draws: the control is the same policy
    assert [row.name for row in rows_of(tiny_system())[:2]] == ["learned looks, all 2", "learned looks, budget 1 looks"]
