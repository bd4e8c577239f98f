"""Checkpoints: everything that makes a resumed training equal to an uninterrupted one, written atomically."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from foveate.atomic import write_bytes
from foveate.config import to_plain
from foveate.errors import DataError, UsageError


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Replace the checkpoint at ``path`` in one step: a crash leaves the old one. OutputError if that is impossible."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_bytes(path, buffer.getvalue())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint; only tensors and plain values are unpickled. DataError for a damaged file."""
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise DataError(f"{path} is not a readable checkpoint ({error}); delete it to start anew") from error
    return content


def check_same_run(path: Path, *, before: Mapping[str, Any], now: Any, may_change: Collection[str]) -> None:
    """A run may be made longer or reported otherwise; anything else would make it neither the old nor a new one.

    ``before`` is the plain config of the checkpoint at ``path``, where settings newer than it had their defaults;
    ``now`` is a config dataclass. Raises UsageError that names what changed."""
    before = {f.name: f.default for f in fields(now)} | dict(before)
    changed = [name for name, value in to_plain(now).items() if name not in may_change and value != before[name]]
    if changed:
        was = ", ".join(f"{name}={before[name]!r}" for name in changed)
        raise UsageError(f"{path} was trained with {was}: resume with the same, or use another run folder")


def random_state() -> dict[str, Any]:
    """State of torch's generators (dropout, stochastic depth)."""
    state: dict[str, Any] = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def restore_random_state(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
