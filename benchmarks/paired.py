"""The search of big scenes beside another reader: differences over the same scenes of all seeds, after as many looks.

Shape letters: n scenes, p scenes that hold targets, g numbers of looks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Values
from benchmarks.tables import at_least
from foveate.comparing.judging import area, difference


def points(gain: float, low: float, high: float) -> str:
    return f"{100 * gain:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"


def pooled(
    values: list[Values],
    rival: str,
    of: Callable[[Values, str], NDArray[Any]],
    *,
    groups: Callable[[Values], NDArray[Any]],
) -> tuple[float, float, float]:
    """The difference of the search to a rival over the scenes of all seeds, in what ``of`` says of a seed's reader and
    scenes, all ``groups`` of which weigh alike."""
    ours, theirs = (np.concatenate([of(one, name) for one in values]) for name in ("search", rival))
    return difference(ours, theirs, np.concatenate([groups(one) for one in values]))


def has_target(one: Values) -> NDArray[np.bool_]:
    return np.asarray(one["has_target"], bool)


def _right_after(one: Values, name: str) -> NDArray[np.bool_]:
    """``[n, g]``: scenes that a reader is right about after each number of looks."""
    columns = one["readers"][name]["right_after"]
    return np.array([[sign == "1" for sign in column] for column in columns]).T


def _found_after(one: Values, name: str) -> NDArray[np.float64]:
    """``[p, g]``: of scenes that hold targets, the share that was seen closely after each number of looks."""
    found, there = np.array(one["readers"][name]["found_after"]).T, np.array(one["num_targets"])
    return found[there > 0] / there[there > 0, None]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """What is better after more looks, ``[scenes, looks]``, and in which groups of these scenes it is averaged."""

    title: str
    of: Callable[[Values, str], NDArray[Any]]
    groups: Callable[[Values], NDArray[Any]]

    def checks(self, values: list[Values], rival: str) -> list[Any]:
        gain, low, high = pooled(
            values, rival, lambda one, name: area(self.of(one, name), one["looks"]), groups=self.groups
        )
        after = self._after(values, rival)
        least, looks = min((upper, looks) for looks, (_, _, upper) in after.items())
        return [
            at_least(f"area under the curve of {self.title}, minus that of {rival}", [low], 0.0,
                     target="interval above 0", measured=points(gain, low, high)),
            at_least(f"{self.title} at no number of tiles significantly below {rival}", [least], 0.0,
                     target="no interval below 0",
                     measured=f"{100 * after[looks][0]:+.1f} points (up to {100 * least:+.1f}) after {looks}"),
        ]  # fmt: skip

    def _after(self, values: list[Values], rival: str) -> dict[int, tuple[float, float, float]]:
        """The difference of the search to a rival after each number of looks; all are alike before the first."""
        return {
            looks: pooled(values, rival, lambda one, name, at=at: self.of(one, name)[:, at], groups=self.groups)
            for at, looks in enumerate(values[0]["looks"])
            if looks
        }


CURVES = (
    Curve(title="accuracy", of=_right_after, groups=has_target),
    Curve(title="targets seen", of=_found_after, groups=lambda one: np.zeros(np.count_nonzero(one["num_targets"]))),
)
