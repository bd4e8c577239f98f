"""A recipe's own settings on the command line, ``--set NAME=VALUE``: those that its function takes by keyword and that
have no option of their own; typed and checked by its annotations."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from foveate.config import fitting, words_for
from foveate.errors import UsageError, suggest
from foveate.plain import plain
from foveate.recipes import RECIPES

OPTIONS = {
    "steps": "--steps", "minutes": "--minutes", "seconds": "--minutes", "seed": "--seed", "looks": "--looks",
    "flip": "--flip", "start": "--from", "freeze": "--freeze", "size": "--size", "teacher": "--teacher",
    "teacher_weights": "--teacher-weights", "policy": "--policy", "amp": "--amp", "scenes": "--scenes",
    "processes": "torchrun --nproc-per-node",
}  # fmt: skip
"""What gives a parameter that is no setting."""

SettingsGiven = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A setting of the recipe's own; may be repeated. `foveate train RECIPE --help` lists them.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One that a recipe has."""

    name: str
    hint: Any
    default: Any

    @property
    def where(self) -> str:
        """How messages call it."""
        return f"--set {self.name}"

    def __str__(self) -> str:
        default = plain(self.default)
        shown = default if isinstance(default, str) else json.dumps(default, ensure_ascii=False)
        return f"{self.name}: {words_for(self.hint)}; {shown} when left out"


def settings_of(recipe: str) -> dict[str, Setting]:
    """The settings of a registered recipe, by name."""
    function = RECIPES.get(recipe)
    whole = inspect.signature(getattr(function, "func", function)).parameters  # of a partial: what it was made of
    return {
        name: Setting(name=name, hint=_hint(one), default=one.default)
        for name, one in inspect.signature(function, eval_str=True).parameters.items()
        if one.kind is one.KEYWORD_ONLY
        and name not in OPTIONS
        and whole[name].default is not one.empty  # else what a partial has bound makes it this recipe
    }


def _hint(parameter: inspect.Parameter) -> Any:
    return Any if parameter.annotation is parameter.empty else parameter.annotation


def from_texts(recipe: str, given: Sequence[str]) -> dict[str, Any]:
    """Plain values of ``NAME=VALUE``, each once. UsageError for a name or a value that the recipe does not have."""
    known, found = settings_of(recipe), dict[str, Any]()
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set is {text!r}: write NAME=VALUE, as in --set {name or 'NAME'}=VALUE")
        if name in found:
            raise UsageError(f"--set gives {name} twice: leave out one of them")
        found[name] = plain(_typed(value, _known(recipe, name, known)))
    return found


def checked(recipe: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values as the recipe's function takes them; refused as by :func:`from_texts`."""
    known = settings_of(recipe) if values else {}
    return {
        name: fitting(value, (one := _known(recipe, name, known)).hint, one.where) for name, value in values.items()
    }


def described(recipe: str) -> list[str]:
    """A line per setting."""
    return [str(setting) for setting in settings_of(recipe).values()]


def _known(recipe: str, name: str, known: Mapping[str, Setting]) -> Setting:
    if name in known:
        return known[name]
    if name in OPTIONS:
        raise UsageError(f"--set {name}: that has an option of its own: give {OPTIONS[name]}")
    has = f"Its settings: {', '.join(known)}" if known else "It has none"
    raise UsageError(f"--set {name}: the recipe {recipe!r} has no such setting.{suggest(name, known)} {has}")


def _typed(text: str, setting: Setting) -> Any:
    """The first reading of the text that the annotation allows."""
    for reading in _readings(text):
        try:
            return fitting(reading, setting.hint, setting.where)
        except UsageError:
            continue
    return fitting(text, setting.hint, setting.where)  # says what is allowed


def _readings(text: str) -> Iterator[Any]:
    """A number, true, false, null or JSON; a list of them, or of words, parted by commas; text."""
    parts = [part.strip() for part in text.split(",")]
    yield from (value for value in [_json(text)] if value is not text)
    if len(parts) > 1:
        yield [_json(part) for part in parts]
        yield parts
    yield text
    yield [_json(text)]
    yield [text]


def _json(text: str) -> Any:
    """The text itself where it is no JSON."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except ValueError:
        return text


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")
