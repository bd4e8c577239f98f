"""A training that diverged, said as such wherever it shows first: in the loss, in the looks, in what is measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from foveate.errors import IncompatibleError, TrainingError

MEND = "the last good checkpoint is kept. A lower lr, max_grad_norm or amp='off' usually mends it"


@contextmanager
def playing(*, is_first: bool = False) -> Iterator[None]:
    """Parts that fitted when a run began and no longer do have weights whose looks are no looks any more."""
    try:
        yield
    except IncompatibleError as error:
        if is_first:
            raise
        raise TrainingError(f"training diverged: {error}; {MEND}") from error
