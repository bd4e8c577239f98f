"""The pictures that a model's training set aside: found again by their content, and said aloud if they are others."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from foveate.errors import DataError, UsageError
from foveate.tasks import TASKS

if TYPE_CHECKING:
    from foveate.model_folder import SavedSystem
    from foveate.recipes.folder_parts import FolderParts

Part = Literal["calibration", "test"]
FOLDER_PARTS = {"calibration": "calibrate", "test": "test"}


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """One part of a folder or recipe."""

    source: Any
    warning: str | None
    """What to know of it before one relies on numbers; None: it is what training set aside, or nothing is known."""


def held_out(saved: SavedSystem, data: str, *, part: Part) -> HeldOut:
    """The calibration or test part of a folder or recipe, checked to ask what the model answers.

    Content decides which part a picture belongs to, so the parts are those of the training whatever files are called.
    """
    from foveate.cli.data import recipe_name, recipe_of
    from foveate.recipes import RECIPES
    from foveate.recipes.folder_parts import find_parts

    told, name = saved.manifest.provenance, recipe_name(data)
    seed = int(told.get("seed", 0) or 0)
    if Path(data).exists() and "claims" not in RECIPES.facts(name):
        _check_task(saved, data, theirs="classification")  # labels are what such a folder has
        parts = find_parts(data, seed=seed)
        _check_names(saved, parts.folder.class_names, data)
        source = _of_folder(saved, parts, part)
    else:
        is_own = told.get("recipe") == name  # then its scenes are those that it was trained with
        recipe = recipe_of(data, seed=seed, settings=told.get("settings") if is_own else None)
        _check_task(saved, data, theirs=recipe.system.task.name)
        asked = recipe.system.task.config
        _check_names(saved, tuple(asked.get("class_names", asked.get("target_names", ()))), data)
        source = getattr(recipe, part)
    return HeldOut(source=source, warning=_warning(set_aside(saved, part), source.fingerprint, data, part))


def set_aside(saved: SavedSystem, part: Part) -> str | None:
    """Fingerprint of what training kept for this part; None where no training of ours is on record."""
    told = saved.manifest.provenance
    if "test_data" not in told:  # only training writes it; what calibrated the model may have been put there since
        return None
    aside = told.get(f"{part}_data_of_training", told.get(f"{part}_data"))
    return None if aside is None else str(aside)


def _check_task(saved: SavedSystem, data: str, *, theirs: str) -> None:
    """Raises UsageError for data that asks for something else than the model's task does."""
    ours = saved.system.spec.task.name
    asked, can = (TASKS.facts(name).get("does", name) for name in (theirs, ours))
    if asked != can:
        raise UsageError(
            f"{data} is there to {asked}, and the model's task is to {can}: give data for that, as in "
            f"--data {TASKS.facts(ours).get('held_out', 'RECIPE')}"
        )


def _check_names(saved: SavedSystem, theirs: tuple[str, ...], data: str) -> None:
    if theirs != saved.manifest.labels:
        strange = sorted(set(theirs) ^ set(saved.manifest.labels))[:5]
        raise UsageError(
            f"{data} and the model do not have the same names in the same order ({', '.join(strange) or 'the order'} "
            f"differs); the model knows {', '.join(saved.manifest.labels[:20])}"
        )


def _of_folder(saved: SavedSystem, parts: FolderParts, part: Part) -> Any:
    """All pictures of the part, or those that training kept of it: from scratch it leaves out what is smaller than a
    fixation, fine-tuning does not."""
    aside, every = set_aside(saved, part), parts.sources(flip=False)[FOLDER_PARTS[part]]
    if aside is None or _same_pictures(every.fingerprint, aside):
        return every
    with suppress(DataError):  # none is large enough
        large = parts.without_small(saved.system.model.glimpse_size_px(1)).sources(flip=False)[FOLDER_PARTS[part]]
        if _same_pictures(large.fingerprint, aside):
            return large
    return every


def _same_pictures(one: str, other: str) -> bool:
    """Whether two fingerprints are of the same pictures, whatever is done to them (what follows a plus)."""
    return one.partition("+")[0] == other.partition("+")[0]


def _warning(aside: str | None, found: str, data: str, part: Part) -> str | None:
    if aside is None or _same_pictures(found, aside):
        return None
    return (
        f"beware: the {part} part of {data} ({found}) is not what training set aside ({aside}). If the model was "
        "trained on it and pictures were added or removed since, some of these were trained on, and the numbers are "
        "too good: give pictures that training never saw. If it is new to the model, nothing is wrong"
    )
