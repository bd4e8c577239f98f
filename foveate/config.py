"""Frozen config dataclasses to and from plain JSON values. Unknown keys are errors; lists become tuples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar

from foveate.errors import UsageError, suggest

C = TypeVar("C")


def to_plain(config: Any) -> dict[str, Any]:
    """Plain values of a config dataclass."""
    return asdict(config)


def from_plain(config_class: type[C], values: Mapping[str, Any], *, where: str) -> C:
    """A config of plain values; ``where`` names the place in messages. Raises UsageError naming an unknown key."""
    known = [f.name for f in fields(config_class)]  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            raise UsageError(f"{where} has no setting {key!r}.{suggest(key, known)} Known: {', '.join(known)}")
    try:
        return config_class(**{key: tupled(value) for key, value in values.items()})
    except TypeError as error:  # a required field is missing
        raise UsageError(f"{where}: {error}") from error


def tupled(value: Any) -> Any:
    """Lists as tuples, at any depth: JSON has no tuples, and configs hold nothing else."""
    if isinstance(value, list | tuple):
        return tuple(tupled(item) for item in value)
    if isinstance(value, Mapping):
        return {key: tupled(item) for key, item in value.items()}
    return value
