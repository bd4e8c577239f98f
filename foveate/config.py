"""Frozen config dataclasses to and from plain JSON values, checked against the fields' annotations.

Unknown keys and values of another type are errors; lists become tuples. Annotations may hold numbers, bool, str,
Literal, tuples, mappings, unions, configs and Any, nested as you like; another class is met by its instances.
"""

from __future__ import annotations

import math
import reprlib
import types
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from numbers import Integral, Real
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from foveate.errors import UsageError, suggest

C = TypeVar("C")

UNIONS = (Union, types.UnionType)
NUMBERS: dict[Any, type] = {int: Integral, float: Real}  # numpy's too


def to_plain(config: Any) -> dict[str, Any]:
    """Plain values of a config dataclass."""
    return asdict(config)


def from_plain(config_class: type[C], values: Mapping[str, Any], *, where: str) -> C:
    """A config of plain values; ``where`` names the place in messages.

    Raises UsageError naming the setting that is unknown, missing or of another type, its value and what is allowed."""
    if not isinstance(values, Mapping):
        raise _misfit(where, values, config_class)
    known = [f.name for f in fields(config_class)]  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            raise UsageError(f"{where} has no setting {key!r}.{suggest(str(key), known)} Known: {', '.join(known)}")
    hints = get_type_hints(config_class)
    checked = {key: fitting(value, hints[key], f"{where}: {key}") for key, value in values.items()}
    try:
        return config_class(**checked)
    except TypeError as error:  # a required field is missing
        raise UsageError(f"{where}: {error}") from error


def tupled(value: Any) -> Any:
    """Lists as tuples, at any depth: JSON has no tuples, and configs hold nothing else."""
    if isinstance(value, list | tuple):
        return tuple(tupled(item) for item in value)
    if isinstance(value, Mapping):
        return {key: tupled(item) for key, item in value.items()}
    return value


def fitting(value: Any, hint: Any, path: str) -> Any:
    """The value as a config holds it: lists as tuples, mappings as the config they describe. UsageError, naming it by
    ``path``, for one that the annotation ``hint`` does not allow."""
    kind, inner = get_origin(hint) or hint, get_args(hint)
    if kind in UNIONS:
        for option in inner:
            try:
                return fitting(value, option, path)
            except UsageError:
                continue
    elif kind is Literal:
        if any(value == option and isinstance(value, bool) == isinstance(option, bool) for option in inner):
            return value
    elif kind is tuple and inner and isinstance(value, list | tuple):
        hints = inner[:1] * len(value) if inner[-1] is Ellipsis else inner
        if len(hints) == len(value):
            return tuple(fitting(item, hints[i], f"{path}[{i}]") for i, item in enumerate(value))
    elif kind is Mapping and inner and isinstance(value, Mapping):
        return {
            fitting(name, inner[0], f"{path}: a name"): fitting(item, inner[1], f"{path}[{name!r}]")
            for name, item in value.items()
        }
    elif is_dataclass(kind) and isinstance(value, Mapping):
        return from_plain(kind, value, where=path)  # type: ignore[arg-type]
    elif kind is Any or not isinstance(kind, type):  # Any, and whatever cannot be asked for its instances
        return tupled(value)
    elif isinstance(value, NUMBERS.get(kind, kind)) and (kind is bool or not isinstance(value, bool)):
        return value
    raise _misfit(path, value, hint)


def check_numbers(
    config: Any, *names: str, least: float = -math.inf, above: float = -math.inf, most: float = math.inf
) -> None:
    """UsageError for a named field that is not a finite number of at least ``least``, ``above`` another and at most
    ``most``. Of a tuple, all are checked; None is not set."""
    low = f"above {above:g}" if above > least else f"at least {least:g}"
    if math.isinf(most):
        words = "a finite number" if max(least, above) == -math.inf else low
    else:
        words = f"{low} and at most {most:g}" if above > least else f"between {least:g} and {most:g}"
    for name in names:
        value = getattr(config, name)
        for one in value if isinstance(value, tuple) else (value,):
            # NaN fails every comparison: what is asked is whether a number is right, never whether it is wrong.
            if one is not None and not (math.isfinite(one) and least <= one <= most and one > above):
                raise UsageError(f"{name} is {value}; it must be {words}")


def _misfit(path: str, value: Any, hint: Any) -> UsageError:
    return UsageError(f"{path} is {reprlib.repr(value)}; it must be {words_for(hint)}")


def words_for(hint: Any) -> str:
    """What an annotation allows, for people."""
    kind, inner = get_origin(hint) or hint, get_args(hint)
    if kind in UNIONS:
        return " or ".join(map(words_for, inner))
    if kind is Literal:
        return " or ".join(map(repr, inner))
    if kind is tuple and inner:
        return f"({', '.join('...' if part is Ellipsis else words_for(part) for part in inner)})"
    if kind is Mapping or is_dataclass(kind):
        return "a mapping"
    return "None" if kind is types.NoneType else getattr(kind, "__name__", str(kind))
