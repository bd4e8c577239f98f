"""What a command is given as data: a folder of pictures, a label file, or a recipe, as NAME or NAME:FOLDER."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from foveate.errors import UsageError, suggest
from foveate.recipes import RECIPES
from foveate.recipes.recipe import Recipe
from foveate.training.config import ENDLESS

HINTS = ("looks", "processes")  # what a recipe may know, and need not: they are kept in any case


def recipe_of(data: str, *, minutes: float | None = None, steps: int | None = None, **settings: Any) -> Recipe:
    """The run that ``data`` names. ``settings`` that are None or False are left out.

    A folder wins over a recipe of the same name; with a model to ``start`` from, it is fine-tuned on. Raises UsageError
    for a name that is neither, for a start that the recipe cannot have, or lacks, and for a setting that it has not.
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
    known = inspect.signature(function).parameters
    bounds: dict[str, Any] = {"steps": steps, "minutes": minutes}
    if "minutes" not in known and minutes is not None:
        bounds = {"steps": steps or ENDLESS, "seconds": 60 * minutes}
    asked = {key: value for key, value in {**bounds, **settings}.items() if value is not None and value is not False}
    if strange := [key for key in asked if key not in known and key not in HINTS]:
        raise UsageError(
            f"the recipe {name!r} has no --{strange[0].replace('_', '-')} (its settings are {', '.join(known)}): "
            "leave it out"
        )
    recipe: Recipe = function(
        *([place] if place else []), **{key: value for key, value in asked.items() if key in known}
    )
    return recipe
