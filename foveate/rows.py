"""Rows of arrays, of mappings of these, and of frozen objects of these: taken, put together, replaced.

Arrays are numpy arrays or torch tensors; nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Self

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray


def take(value: Any, rows: Any) -> Any:
    """Rows of an array, a :class:`Rowwise`, a mapping of these, or None."""
    if value is None:
        return None
    if isinstance(value, Rowwise):
        return value.select(rows)
    if isinstance(value, Mapping):
        return {key: take(item, rows) for key, item in value.items()}
    return value[rows]


def to_device(value: Any, device: Any) -> Any:
    """A tensor, or a mapping of these, on a device; what has no device stays."""
    if isinstance(value, Mapping):
        return {key: to_device(item, device) for key, item in value.items()}
    return value.to(device) if hasattr(value, "to") else value


def concat(parts: Sequence[Any]) -> Any:
    """Row-wise concatenation of arrays, :class:`Rowwise` objects or mappings of the same kind."""
    first = parts[0]
    if len(parts) == 1 or first is None:
        return first
    if isinstance(first, Rowwise):
        names = [f.name for f in fields(first) if f.name not in first.shared]  # type: ignore[arg-type]
        return replace(first, **{name: concat([getattr(part, name) for part in parts]) for name in names})  # type: ignore[type-var]
    if isinstance(first, Mapping):
        return {key: concat([part[key] for part in parts]) for key in first}
    return array_namespace(first).concat(list(parts), axis=0)


def scene_major(steps: Sequence[Any]) -> Any:
    """T batches of n rows as one of n * T, the steps of a scene together."""
    order = np.arange(_num_rows(steps[0]) * len(steps)).reshape(len(steps), -1).T.ravel()
    return take(concat(steps), order)


def put(value: Any, rows: NDArray[np.int64], part: Any) -> Any:
    """``value`` with the given rows (integer indices, each once) replaced by ``part``; a new object, differentiable."""
    if value is None or len(rows) == 0:
        return value
    source = np.arange(_num_rows(value))
    source[rows] = len(source) + np.arange(len(rows))
    return take(concat([value, part]), source)


def _num_rows(value: Any) -> int:
    """Rows of anything that :func:`take` takes."""
    if isinstance(value, Rowwise):
        parts = (getattr(value, f.name) for f in fields(value) if f.name not in value.shared)  # type: ignore[arg-type]
        return _num_rows(next(part for part in parts if part is not None))
    if isinstance(value, Mapping):
        return _num_rows(next(iter(value.values())))
    return len(value)


def as_numpy(value: Any) -> NDArray[Any]:
    """A numpy array of the same values, whatever library and device they live on."""
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


class Rowwise:
    """A frozen dataclass whose array fields all have one leading row axis; other fields are shared by all rows."""

    shared: tuple[str, ...] = ()  # names of the fields without a row axis

    def select(self, rows: Any) -> Self:
        """The given rows (integer indices or a bool mask), as a new object."""
        names = [f.name for f in fields(self) if f.name not in self.shared]  # type: ignore[arg-type]
        return replace(self, **{name: take(getattr(self, name), rows) for name in names})  # type: ignore[type-var]

    def detach(self) -> Self:
        """The same values without gradient."""

        def cut(value: Any) -> Any:
            if isinstance(value, Mapping):
                return {key: cut(item) for key, item in value.items()}
            return value.detach() if hasattr(value, "detach") else value

        return replace(self, **{f.name: cut(getattr(self, f.name)) for f in fields(self)})  # type: ignore[type-var, arg-type]
