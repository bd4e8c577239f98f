"""A module in evaluation mode for a while, every part of it afterwards in the mode that it had."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """``module.train(was)`` would put frozen parts, which stay in evaluation mode, into training mode."""
    modes = {part: part.training for part in module.modules()}
    module.train(False)
    try:
        yield
    finally:
        for part, was_training in modes.items():
            part.training = was_training
