"""`foveate list`: what is registered, with its facts; imports the registries and none of their targets."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated, Any

import typer

from foveate.cli.output import say, say_json, say_table
from foveate.errors import UsageError, suggest
from foveate.registry import Registry, resolve

KINDS: dict[str, str] = {
    "models": "foveate.models:MODELS",
    "policies": "foveate.policies:POLICIES",
    "critics": "foveate.critics:CRITICS",
    "stop-rules": "foveate.stopping:STOP_RULES",
    "scenes": "foveate.scenes:SCENES",
    "tasks": "foveate.tasks:TASKS",
    "recipes": "foveate.recipes:RECIPES",
    "readers": "foveate.comparing:READERS",
    "exports": "foveate.exports:EXPORTS",
}


def list_(
    kind: Annotated[str | None, typer.Argument(help=f"One of {', '.join(KINDS)}; all of them when left out.")] = None,
    pattern: Annotated[str, typer.Argument(help="Only names that match this shell pattern.")] = "*",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """List models, policies, critics, stop rules, scenes, tasks, recipes, readers, exports; with facts about each."""
    if kind is not None and kind not in KINDS:
        raise UsageError(f"unknown kind {kind!r}.{suggest(kind, KINDS)} Known: {', '.join(KINDS)}")
    found = {one: _entries(one, pattern) for one in ([kind] if kind else KINDS)}
    if as_json:
        say_json(found)
        return
    for one, entries in found.items():
        if len(found) > 1:
            say(f"{one}:")
        say_table([f"  {entry['name']}", _facts(entry)] for entry in entries)


def _entries(kind: str, pattern: str) -> list[dict[str, Any]]:
    registry = _registry(kind)
    names = registry.names(pattern)
    if not names and pattern not in ("*", ""):
        raise UsageError(f"none of the {kind} matches {pattern!r}.{suggest(pattern, registry)} Known: {registry!r}")
    return [{"name": name, **registry.facts(name)} for name in names]


def _registry(kind: str) -> Registry[Any]:
    if find_spec(KINDS[kind].partition(":")[0]) is None:
        return Registry(kind)
    registry: Registry[Any] = resolve(KINDS[kind])
    return registry


def _facts(entry: dict[str, Any]) -> str:
    return ", ".join(f"{fact}={value}" for fact, value in entry.items() if fact != "name")
