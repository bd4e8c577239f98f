"""Scenes are made or read in a thread of their own, a few batches ahead, so that the network rarely waits for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

B = TypeVar("B")


def ahead(make: Callable[[int], B], steps: range, *, depth: int = 2) -> Iterator[B]:
    """``make(step)`` for every step, in order, computed up to ``depth`` ahead in one thread. Errors come in place."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="scenes") as pool:
        pending: deque[Future[B]] = deque()
        upcoming = iter(steps)
        try:
            for step in upcoming:
                pending.append(pool.submit(make, step))
                if len(pending) > depth:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
