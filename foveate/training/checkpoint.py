"""Checkpoints: everything that makes a resumed training equal to an uninterrupted one, written atomically."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from foveate.atomic import write_bytes
from foveate.errors import DataError


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
