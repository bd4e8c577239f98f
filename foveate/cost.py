"""The ledger: what every row spent, per unit, and where. 1 MAC = one multiply-add; pixels count with repetition."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.core import Glimpses

Counts = NDArray[np.int64]


class Ledger:
    """Running costs of one batch of episodes: per row in ``looks, macs, sensed_px, decoded_px, read_bytes`` (``[n]``
    each), per component in ``part_macs``, and the wall-clock seconds of the whole batch per kind of work."""

    def __init__(self, sizes_px: NDArray[np.int64]) -> None:
        n = len(sizes_px)
        self.scene_px: Counts = np.asarray(sizes_px, np.int64).prod(axis=1)
        self.looks, self.macs, self.sensed_px, self.decoded_px, self.read_bytes = (
            np.zeros(n, np.int64) for _ in range(5)
        )
        self.part_macs: dict[str, int] = defaultdict(int)
        self.part_calls: dict[str, int] = defaultdict(int)
        self.seconds: dict[str, float] = defaultdict(float)

    def charge_macs(self, part: str, rows: Any, macs_each: int | Counts) -> None:
        """Every given row pays for one execution of a part: all the same, or ``[m]``."""
        self.macs[rows] += macs_each
        self.part_macs[part] += int(np.broadcast_to(macs_each, len(rows)).sum())
        self.part_calls[part] += len(rows)

    def charge_read(self, rows: Any, glimpses: Glimpses, *, valid: Any, size_px: tuple[int, int]) -> None:
        """Every given row pays for the glimpses that were read for it; ``valid`` is ``[m, k]``."""
        self.sensed_px[rows] += valid.sum(axis=1) * (size_px[0] * size_px[1])
        self.decoded_px[rows] += glimpses.decoded_px
        self.read_bytes[rows] += glimpses.read_bytes

    def spent(self, rows: Any) -> Mapping[str, NDArray[np.floating[Any]]]:
        """What the given rows spent so far, ``[m]`` in each unit of budgets and limits."""
        sensed_px = self.sensed_px[rows].astype(np.float64)
        return {
            "looks": self.looks[rows].astype(np.float64),
            "macs": self.macs[rows].astype(np.float64),
            "px": sensed_px,
            "pct_px": 100 * sensed_px / self.scene_px[rows],
            "bytes": self.read_bytes[rows].astype(np.float64),
            "tiles": self.looks[rows].astype(np.float64),
        }

    @contextmanager
    def timed(self, kind: str) -> Iterator[None]:
        """Adds the wall-clock time of the block to ``seconds[kind]``, also when it raises."""
        start_s = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[kind] += time.perf_counter() - start_s

    def totals(self) -> dict[str, float]:
        """Means over rows, for reports."""
        names = ("looks", "macs", "sensed_px", "decoded_px", "read_bytes")
        return {f"mean_{name}": float(getattr(self, name).mean()) for name in names}
