"""Timings are ratios within one process: rivals take turns, and the median over turns counts, with its spread."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np


def take_turns(rivals: Mapping[str, Callable[[], Any]], *, repeats: int) -> dict[str, list[float]]:
    """Seconds of every rival per turn; the first turn warms up and is not counted. Every other turn runs backwards."""
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    for turn in range(repeats + 1):
        for name in list(rivals)[:: 1 if turn % 2 else -1]:
            start_s = time.perf_counter()
            rivals[name]()
            if turn:
                seconds[name].append(time.perf_counter() - start_s)
    return seconds


def summary(ratios: Sequence[float]) -> dict[str, float]:
    """Median, quartiles and extremes."""
    low, quarter, median, three_quarters, high = np.quantile(ratios, [0, 0.25, 0.5, 0.75, 1]).tolist()
    return {"median": median, "q25": quarter, "q75": three_quarters, "min": low, "max": high}


def ratio(a: Sequence[float], b: Sequence[float]) -> dict[str, float]:
    """Of two rivals' seconds, turn by turn."""
    return summary([x / y for x, y in zip(a, b, strict=True)])


def shown(values: Mapping[str, float] | None) -> str:
    if values is None:
        return "not run"
    return f"{values['median']:.2f} ({values['q25']:.2f} to {values['q75']:.2f})"
