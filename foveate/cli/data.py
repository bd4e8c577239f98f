"""What a command is given as data: a folder of pictures, a label file, or a recipe, as NAME or NAME:FOLDER."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from foveate.errors import UsageError, suggest
from foveate.recipes import RECIPES
from foveate.recipes.recipe import Recipe
from foveate.training.config import ENDLESS

MINUTES = 10.0  # of training on a folder, if nothing else was said


def recipe_of(data: str, *, minutes: float | None = None, steps: int | None = None, **settings: Any) -> Recipe:
    """The run that ``data`` names. ``settings`` that the recipe does not take, or that are None, are left out.

    A folder wins over a recipe of the same name; with a model to ``start`` from, it is fine-tuned on. Raises UsageError
    for a name that is neither, and for a start that the recipe cannot have, or lacks.
    """
    on_folder = "picture_folder" if settings.get("start") is None else "finetune"
    name, _, place = (on_folder, ":", data) if Path(data).exists() else data.partition(":")
    if name not in RECIPES:
        raise UsageError(
            f"{data!r} is neither a folder of pictures nor a recipe.{suggest(name, RECIPES)} "
            f"Recipes: {', '.join(RECIPES)}"
        )
    if bool(place) != bool(RECIPES.facts(name).get("needs_folder")):
        remedy = "has its own scenes: give its name alone" if place else f"needs a folder: write {name}:FOLDER"
        raise UsageError(f"the recipe {name!r} {remedy}")
    if (settings.get("start") is not None) != bool(RECIPES.facts(name).get("needs_start")):
        remedy = f"trains a model further: say which, as in foveate train {data} --from MODEL"
        if settings.get("start") is not None:
            remedy = "starts from scratch: leave out --from, or give --from with a folder of pictures"
        raise UsageError(f"the recipe {name!r} {remedy}")
    function = RECIPES.get(name)
    bounds: dict[str, Any] = {} if steps is None else {"steps": steps}
    if "minutes" in inspect.signature(function).parameters:
        bounds |= {"minutes": minutes or MINUTES}
    elif minutes is not None:
        bounds = {"steps": steps or ENDLESS, "seconds": 60 * minutes}
    recipe: Recipe = function(*([place] if place else []), **_taken(function, {**bounds, **settings}))
    return recipe


def _taken(function: Any, settings: dict[str, Any]) -> dict[str, Any]:
    known = inspect.signature(function).parameters
    return {name: value for name, value in settings.items() if name in known and value is not None}
