"""What a family's parts cost in multiply-adds, in tables by how much was seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Macs = int | tuple[int, ...]


def _until(macs: Macs, count: Any) -> Counts:
    """Sum of the first ``count`` entries, the last one repeated."""
    table = np.atleast_1d(np.asarray(macs, np.int64))
    known = np.concatenate([[0], table.cumsum()])
    beyond = np.maximum(np.asarray(count) - len(table), 0)
    return np.asarray(known[np.minimum(count, len(table))] + beyond * table[-1])


@dataclass(frozen=True, kw_only=True)
class Price:
    """MACs per scene of a family's parts, analytic, from the shapes (1 MAC = one multiply-add).

    A part whose cost grows with what was seen is a tuple: entry i holds after i looks, the last one beyond."""

    parts: Mapping[str, Macs]
    """Per component; names start with ``open/``, ``look/``, ``observe/`` or ``predict/``."""

    @cached_property
    def open_macs(self) -> int:
        """The opening; of a free one, what it takes to know that nothing was seen."""
        return int(_until(self._sum("open"), 1))

    @cached_property
    def look_macs(self) -> Macs:
        """Sensing and fusing one more look."""
        return self._sum("look")

    @cached_property
    def observe_macs(self) -> Macs:
        """One observation, paid at every step, the first included: elastic queries; 0 where the state is observed as
        is."""
        return self._sum("observe")

    @cached_property
    def predict_macs(self) -> Macs:
        """One execution of the head."""
        return self._sum("predict")

    def look(self, num_looks: Any, *, count: Any = 1) -> Counts:
        """Of ``count`` more looks after ``num_looks``, both ``[n]`` or scalars."""
        return _until(self.look_macs, np.asarray(num_looks) + count) - _until(self.look_macs, num_looks)

    def observe(self, num_looks: Any) -> Counts:
        """Of observing what so many looks gave."""
        return _until(self.observe_macs, np.asarray(num_looks) + 1) - _until(self.observe_macs, num_looks)

    def predict(self, num_looks: Any, *, count: Any = 1) -> Counts:
        """Of ``count`` answers, after ``num_looks`` and each further look."""
        return _until(self.predict_macs, np.asarray(num_looks) + count) - _until(self.predict_macs, num_looks)

    def sensed(self, num_looks: Any) -> Counts:
        """Of the opening, so many looks and every observation; no policy, critic or answer."""
        looked = _until(self.look_macs, num_looks) + _until(self.observe_macs, np.asarray(num_looks) + 1)
        return self.open_macs + looked

    def part(self, name: str, num_looks: Any) -> Counts:
        """What a component costs in an episode of so many looks that answers at its end."""
        kind, macs = name.partition("/")[0], self.parts[name]
        end = np.asarray(num_looks) + 1
        return {
            "open": _until(macs, 1),
            "look": _until(macs, num_looks),
            "observe": _until(macs, end),
            "predict": _until(macs, end) - _until(macs, num_looks),
        }[kind]

    def _sum(self, kind: str) -> Macs:
        own = [macs for name, macs in self.parts.items() if name.startswith(f"{kind}/")]
        longest = max((len(macs) for macs in own if isinstance(macs, tuple)), default=0)
        if longest == 0:
            return sum(own)  # type: ignore[arg-type]
        each = [macs if isinstance(macs, tuple) else (macs,) for macs in own]
        return tuple(sum(macs[min(i, len(macs) - 1)] for macs in each) for i in range(longest))
