"""Names, each with a lazy target and its facts, so that listing what exists imports nothing heavy.

A target is `"module:attribute"`, imported on first `get`, or the object itself. Facts are plain values that say what a
part can do or needs (`learned=True`); callers read facts and never branch on a name or a class.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Generic, TypeVar, cast

from foveate.errors import UsageError, suggest

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class _Entry:
    target: object
    facts: Mapping[str, Any]


class Registry(Generic[T]):
    """Everything of one kind. `T` is the type of what `get` returns, for instance `type[Policy]`."""

    def __init__(self, kind: str) -> None:
        """`kind` is the word for one entry in messages: "policy", "stop rule"."""
        self.kind = kind
        self._entries: dict[str, _Entry] = {}

    def register(self, name: str, target: str | T, /, **facts: Any) -> None:
        """Add an entry; other packages use the same line. A name that is taken is refused, never replaced."""
        if name in self._entries:
            raise UsageError(f"the {self.kind} {name!r} is registered already: {self._entries[name].target!r}")
        if isinstance(target, str) and not all(target.partition(":")[::2]):
            raise UsageError(f"target of the {self.kind} {name!r} is {target!r}; it must read 'module:attribute'")
        self._entries[name] = _Entry(target=target, facts=MappingProxyType(facts))

    def get(self, name: str) -> T:
        """The object behind a name, imported on first use."""
        target = self._find(name).target
        if not isinstance(target, str):
            return cast(T, target)
        return cast(T, resolve(target))

    def made(self, options: Mapping[str, Any], *args: Any, **told: Any) -> Any:
        """What the entry called ``options["name"]`` makes of its other options, of ``args`` and of what it is ``told``.

        Raises UsageError naming an option that it does not have, or lacks."""
        name, own = options.get("name", ""), {key: value for key, value in options.items() if key != "name"}
        make = cast(Callable[..., Any], self.get(name))
        parameters = list(inspect.signature(make).parameters.values())[len(args) :]
        self._check_options(name, own, [one for one in parameters if one.name not in told])
        return make(*args, **told, **own)

    def facts(self, name: str) -> Mapping[str, Any]:
        """What was said about a name when it was registered (read-only); imports nothing."""
        return self._find(name).facts

    def names(self, pattern: str = "*") -> list[str]:
        """Sorted names that match a shell pattern."""
        return sorted(name for name in self._entries if fnmatchcase(name, pattern))

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"Registry({self.kind!r}: {', '.join(self) or 'empty'})"

    def _find(self, name: str) -> _Entry:
        if name not in self._entries:
            raise UsageError(f"unknown {self.kind} {name!r}.{suggest(name, self._entries)} Known: {_listed(self)}")
        return self._entries[name]

    def _check_options(self, name: str, options: Mapping[str, Any], parameters: list[inspect.Parameter]) -> None:
        """UsageError for an option that is none of an entry's parameters, and for one of these that must be given."""
        named = {one.name: one for one in parameters if one.kind is not one.VAR_KEYWORD}
        for key in options:
            if key not in named and len(named) == len(parameters):
                words = f"the {self.kind} {name!r} has no option {key!r}.{suggest(key, named)}"
                raise UsageError(f"{words} Known: {_listed(named)}")
        for key, one in named.items():
            if one.default is one.empty and key not in options:
                raise UsageError(f"the {self.kind} {name!r} needs the option {key!r}")


def resolve(target: str) -> Any:
    """The object at ``"module:attribute"``, imported now."""
    module_name, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module_name), attribute)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
