"""What a command is given as data: a folder of pictures, a label file, or the name of a recipe."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from foveate.errors import UsageError, suggest
from foveate.recipes import RECIPES
from foveate.recipes.recipe import Recipe

MINUTES = 10.0  # of training on a folder, if nothing else was said
ENDLESS = 1_000_000  # steps of a run that is bounded by time


def recipe_of(data: str, *, minutes: float | None = None, steps: int | None = None, **settings: Any) -> Recipe:
    """The run that ``data`` names. ``settings`` that the recipe does not take, or that are None, are left out.

    A folder wins over a recipe of the same name. Raises UsageError for a name that is neither.
    """
    if Path(data).exists():
        from foveate.recipes.picture_folder import picture_folder

        return picture_folder(data, minutes=minutes or MINUTES, steps=steps, **_taken(picture_folder, settings))
    if data not in RECIPES:
        raise UsageError(
            f"{data!r} is neither a folder of pictures nor a recipe.{suggest(data, RECIPES)} "
            f"Recipes: {', '.join(RECIPES)}"
        )
    function = RECIPES.get(data)
    bounds: dict[str, Any] = {} if steps is None else {"steps": steps}
    if minutes is not None:
        bounds = {"steps": steps or ENDLESS, "seconds": 60 * minutes}
    try:
        recipe: Recipe = function(**_taken(function, {**bounds, **settings}))
    except TypeError as error:
        raise UsageError(f"the recipe {data!r} needs more than its name ({error}): call it from Python") from error
    return recipe


def _taken(function: Any, settings: dict[str, Any]) -> dict[str, Any]:
    known = inspect.signature(function).parameters
    return {name: value for name, value in settings.items() if name in known and value is not None}
