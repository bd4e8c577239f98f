"""Exact improvement at one budget: raise one threshold, lower another, keep the cost.

For every pair of steps (a, b), each of a few dozen positions of a (near and far from the present one) is tried with
*every* position of b at once: sorted by b's signal, score and cost are cumulative sums, and the best pair within the
budget is kept. This finds what Lagrangians cannot: points between two vertices of the concave hull.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from foveate.stopping.problem import ROUNDING, Positions, Problem

_SLACK = 3e-3  # relative: a better score may leave this much of the budget for the final spending
_GROWTH = 2.2  # of the distances that are tried


@dataclass(frozen=True, kw_only=True)
class Room:
    """Where positions may be: between two nested vectors ``[C]``, at a mean cost."""

    low: Positions
    high: Positions
    budget: float


def improve(problem: Problem, positions: Positions, room: Room, *, sweeps: int) -> Positions:
    """Positions ``[C]`` with a score at least as good, within the room; ends when no pair of steps gains."""
    positions, score = positions.copy(), problem.means(positions)[0]
    for _ in range(sweeps):
        before = score
        for a, b in permutations(range(len(positions)), 2):
            found, at_a, at_b = _best_pair(problem, positions, room, a, b)
            if found > score + 1e-12 * abs(score):
                score, positions[a], positions[b] = found, at_a, at_b
        if score == before:
            break
    return positions


def _best_pair(problem: Problem, positions: Positions, room: Room, a: int, b: int) -> tuple[float, int, int]:
    """Best mean score over a few positions of step a and all of step b: (score, position of a, position of b)."""
    first, second = min(a, b), max(a, b)
    going = problem.rank < positions[:, None]
    outside, reached = _before(problem, going, first)
    goes, stops = _after(problem, going, first, second)  # [2, N] beyond the first step, if the second goes on or stops
    here = problem.totals[:, first]
    tried = _around(int(positions[a]), int(room.low[a]), int(room.high[a]))
    low, high = int(room.low[b]), int(room.high[b])
    surely = problem.rank[b] < low  # goes on at b, wherever b's position is within the room
    swing = np.where(reached, goes - stops, 0.0)
    if a < b:
        start = outside + np.where(reached, here, 0.0).sum(axis=1)
        by_a = np.where(reached, np.where(surely, goes, stops) - here, 0.0)
        alone = np.zeros_like(swing)
    else:
        alone = np.where(reached, stops - here, 0.0)
        start = outside + np.where(reached, here, 0.0).sum(axis=1) + (alone * surely).sum(axis=1)
        by_a = swing * surely
    base = start[:, None] + _sums(by_a[:, problem.order[a]])[:, tried]  # [2, tried] with b at its lowest
    movable = problem.order[b, low:high]
    goes_at_a = problem.rank[a, movable] < tried[:, None]  # [tried, movable]
    moves = alone[:, None, movable] + swing[:, None, movable] * goes_at_a
    score, cost = (base[:, :, None] + _sums(moves)) / problem.num_scenes  # [tried, movable + 1]
    fits = (cost <= room.budget * (1 + ROUNDING)) & (cost >= room.budget * (1 - _SLACK))
    best = int(np.where(fits, score, -np.inf).argmax())
    at_a, at_b = divmod(best, score.shape[1])
    return (float(score[at_a, at_b]) if fits[at_a, at_b] else -np.inf), int(tried[at_a]), low + at_b


def _before(problem: Problem, going: NDArray[np.bool_], first: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Score and cost ``[2]`` summed over scenes that leave before a step, and which ``[N]`` reach it."""
    reached = np.asarray(going[:first].all(axis=0))
    gone = np.flatnonzero(~reached)
    depth = (~going[:first, gone]).argmax(axis=0) if first else gone
    return problem.totals[:, depth, gone].sum(axis=1), reached


def _after(
    problem: Problem, going: NDArray[np.bool_], first: int, second: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Score and cost ``[2, N]`` of scenes that go on at ``first``, if they then go on, or stop, at ``second``."""

    def back(result: NDArray[np.float64], start: int, end: int) -> NDArray[np.float64]:
        for step in range(start, end, -1):
            result = np.where(going[step], result, problem.totals[:, step])
        return result

    beyond = back(problem.totals[:, -1], problem.num_steps - 1, second)
    return back(beyond, second - 1, first), back(problem.totals[:, second], second - 1, first)


def _sums(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of the first 0, 1, 2, ... entries along the last axis."""
    result = np.zeros((*rows.shape[:-1], rows.shape[-1] + 1))
    np.cumsum(rows, axis=-1, out=result[..., 1:])
    return result


def _around(position: int, low: int, high: int) -> Positions:
    """Positions at growing distances on both sides, within [low, high]."""
    distance, offsets = 1.0, {0}
    while distance <= high - low:
        offsets |= {int(distance), -int(distance)}
        distance = distance * _GROWTH + 0.5
    tried = {position + offset for offset in offsets} | {low, high}
    return np.array(sorted(at for at in tried if low <= at <= high), np.int64)
