"""What a command is given as data: a folder of pictures, a label file, or a recipe, as NAME or NAME:FOLDER."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from foveate.cli.settings import checked
from foveate.errors import UsageError, suggest
from foveate.recipes import RECIPES
from foveate.recipes.recipe import Recipe
from foveate.registry import resolve
from foveate.training.config import ENDLESS

HINTS = ("looks", "processes")  # what a recipe may know, and need not: they are kept in any case


def recipe_name(data: str, *, is_started: bool = False) -> str:
    """The registered recipe that ``data`` means. UsageError for what is neither a folder nor a recipe's name."""
    return _named(data, is_started=is_started)[0]


def _named(data: str, *, is_started: bool) -> tuple[str, str]:
    """A recipe's name, and the folder that it is to run on; a folder wins over a recipe of the same name."""
    name, _, place = (_for_place(data, is_started), ":", data) if Path(data).exists() else data.partition(":")
    if name not in RECIPES:
        raise UsageError(
            f"{data!r} is neither a folder of pictures nor a recipe.{suggest(name, RECIPES)} "
            f"Recipes: {', '.join(RECIPES)}"
        )
    return name, place


def _for_place(place: str, is_started: bool) -> str:
    """The recipe for what lies at a place."""
    if is_started:
        return "finetune"
    claims = {name: RECIPES.facts(name)["claims"] for name in RECIPES if "claims" in RECIPES.facts(name)}
    return next((name for name, claim in claims.items() if resolve(claim)(place)), "picture_folder")


def recipe_of(
    data: str,
    *,
    minutes: float | None = None,
    steps: int | None = None,
    settings: Mapping[str, Any] | None = None,
    **options: Any,
) -> Recipe:
    """The run that ``data`` names. ``settings``: the recipe's own, as plain values; ``options`` that are None or False
    are left out.

    With a model to ``start`` from, a folder is fine-tuned on. Raises UsageError for a name that is neither a folder nor
    a recipe, for a start that the recipe cannot have, or lacks, and for an option or a setting that it has not.
    """
    is_started = options.get("start") is not None
    name, place = _named(data, is_started=is_started)
    if bool(place) != bool(RECIPES.facts(name).get("needs_folder")):
        remedy = "has its own scenes: give its name alone" if place else f"needs a folder: write {name}:FOLDER"
        raise UsageError(f"the recipe {name!r} {remedy}")
    if is_started != bool(RECIPES.facts(name).get("needs_start")):
        remedy = f"trains a model further: say which, as in foveate train {data} --from MODEL"
        if is_started:
            remedy = "starts from scratch: leave out --from, or give --from with a folder of pictures"
        raise UsageError(f"the recipe {name!r} {remedy}")
    function = RECIPES.get(name)
    known = inspect.signature(function).parameters
    bounds: dict[str, Any] = {"steps": steps, "minutes": minutes}
    if "minutes" not in known and minutes is not None:
        bounds = {"steps": steps or ENDLESS, "seconds": 60 * minutes}
    asked = {key: value for key, value in {**bounds, **options}.items() if value is not None and value is not False}
    if strange := [key for key in asked if key not in known and key not in HINTS]:
        raise UsageError(
            f"the recipe {name!r} has no --{strange[0].replace('_', '-')} (its settings are {', '.join(known)}): "
            "leave it out"
        )
    chosen = {key: value for key, value in asked.items() if key in known} | checked(name, settings or {})
    recipe: Recipe = function(*([place] if place else []), **chosen)
    return replace(recipe, settings=dict(settings or {}))
