"""Every error a user can cause, as one tree; a message says the value, what is allowed, and the remedy.

    FoveateError                 catch this one to catch them all; exit code 1
    ├── UsageError               bad argument or option value (also a ValueError); exit code 2
    ├── DataError                pictures, folders, labels
    │   └── SceneError           one scene cannot be read; `path` names the file
    ├── ModelFolderError         format, version, missing or altered file
    ├── BudgetError              impossible budget; `nearest` is the closest possible one
    ├── IncompatibleError        the facts of two parts do not match (family, policy, critic, stop rule, task)
    ├── MissingExtraError        an optional dependency is not installed (also an ImportError); `extra` names it
    ├── TrainingError            non-finite loss, nothing left to train on
    └── OutputError              unwritable place, full disk; `path` names it

`assert` is for our own invariants only. Every class can be built from the message alone, so that errors survive
pickling and the way data-loading workers raise them again.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from difflib import get_close_matches
from os import PathLike, fspath
from types import ModuleType


class FoveateError(Exception):
    """Base of all errors below. `exit_code` is what the command line returns for it."""

    exit_code: int = 1


class UsageError(FoveateError, ValueError):
    """An argument or option value that is not allowed."""

    exit_code = 2


class DataError(FoveateError):
    """Something is wrong with the pictures, the folder or the labels that were given."""


class SceneError(DataError):
    """One scene cannot be read. The message begins with its file when `path` is given."""

    def __init__(self, message: str, *, path: str | PathLike[str] | None = None) -> None:
        self.path: str | None = None if path is None else fspath(path)
        super().__init__(message if self.path is None else f"{self.path}: {message}")


class ModelFolderError(FoveateError):
    """A model folder of another format or version, or with a missing or altered file."""


class BudgetError(FoveateError):
    """A budget that cannot be met; `nearest` is the closest that can, in the unit that was asked for."""

    def __init__(self, message: str, *, nearest: float | None = None) -> None:
        self.nearest: float | None = nearest
        super().__init__(message)


class IncompatibleError(FoveateError):
    """Two parts whose facts do not match, found before the first glimpse is read."""


class MissingExtraError(FoveateError, ImportError):
    """An optional dependency is missing; `extra` is the name to put in the brackets of `pip install 'foveate[...]'`."""

    def __init__(self, message: str, *, extra: str | None = None) -> None:
        self.extra: str | None = extra
        super().__init__(message)


class TrainingError(FoveateError):
    """Training cannot go on. The last good checkpoint is kept."""


class OutputError(FoveateError):
    """A result cannot be written. The message begins with its place when `path` is given."""

    def __init__(self, message: str, *, path: str | PathLike[str] | None = None) -> None:
        self.path: str | None = None if path is None else fspath(path)
        super().__init__(message if self.path is None else f"{self.path}: {message}")


def suggest(name: str, known: Iterable[str]) -> str:
    """`" Did you mean 'gaussian'?"` (with the leading space), or nothing when no known name is close."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    close = get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return f" Did you mean {by_folded[close[0]]!r}?" if close else ""


def require_extra(module_name: str, extra: str) -> ModuleType:
    """Import an optional module, or say which extra brings it.

    A module that is there but broken raises its own ImportError: telling a person to install it again would mislead.
    """
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != module_name.partition(".")[0]:
            raise
        raise missing_extra(module_name, extra) from error


def missing_extra(module_name: str, extra: str) -> MissingExtraError:
    """The error that says which extra brings a module."""
    remedy = f"it comes with the extra {extra!r}: pip install 'foveate[{extra}]'"
    return MissingExtraError(f"{module_name.partition('.')[0]} is not installed; {remedy}", extra=extra)
