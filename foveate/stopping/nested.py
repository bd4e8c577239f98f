"""The best vectors for a list of budgets, nested: a lower budget never makes any scene look further.

Each starts where the Lagrangian path spends its budget and is improved by exchanges in the room that its neighbours
leave, middle budget first. Then every two neighbours are reconsidered together: one is solved as if the other were not
there, the other in what that leaves, both ways round; so a choice that gains one budget little and costs its neighbour
much does not stand.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from foveate.stopping.exchange import Room, improve
from foveate.stopping.lagrangian import nested_path
from foveate.stopping.problem import ROUNDING, Positions, Problem

NUM_PRICES = 33
_SWEEPS, _PAIR_SWEEPS = 4, 2


def nested_positions(problem: Problem, budgets: NDArray[np.float64]) -> Positions:
    """Positions ``[K, C]``, element by element non-decreasing, for increasing mean costs ``[K]``."""
    at_budget = spender(problem, nested_path(problem, NUM_PRICES))
    if len(problem.ladder) == 1:  # one threshold has one path: there is nothing to choose
        return np.stack([problem.tight(at_budget(budget)) for budget in budgets.tolist()])
    found = np.stack([problem.nobody, *map(at_budget, budgets.tolist()), problem.everybody])
    _divide(problem, budgets, found, 0, len(found) - 1)
    for k in range(1, len(found) - 2):
        _reconsider(problem, budgets, found, k)
    return np.stack([problem.tight(positions) for positions in found[1:-1]])


def spender(problem: Problem, path: Positions) -> Callable[[float], Positions]:
    """The function from a budget to the vector ``[C]`` that spends it, on a nested path from nobody to everybody."""
    costs = [problem.cost(positions) for positions in path]

    def at_budget(budget: float) -> Positions:
        last = max(int(np.searchsorted(costs, budget * (1 + ROUNDING), side="right")) - 1, 0)
        return path[-1] if last == len(path) - 1 else problem.meet(path[last], path[last + 1], budget)

    return at_budget


def _divide(problem: Problem, budgets: NDArray[np.float64], found: Positions, below: int, above: int) -> None:
    """Settle the vectors between two that are settled; ``found`` ``[K + 2, C]`` has budget k at k + 1."""
    if above - below < 2:
        return
    k = (below + above) // 2
    room = Room(low=found[below], high=found[above], budget=float(budgets[k - 1]))
    found[k] = _settled(problem, found[k], room, _SWEEPS)
    _divide(problem, budgets, found, below, k)
    _divide(problem, budgets, found, k, above)


def _reconsider(problem: Problem, budgets: NDArray[np.float64], found: Positions, k: int) -> None:
    """Neighbours k and k + 1 in the room that they have together."""
    low, high = found[k - 1], found[k + 2]
    lower, upper = float(budgets[k - 1]), float(budgets[k])

    def settled(start: Positions, low: Positions, high: Positions, budget: float) -> Positions:
        return _settled(problem, start, Room(low=low, high=high, budget=budget), _PAIR_SWEEPS)

    first = settled(found[k], low, high, lower)
    last = settled(found[k + 1], low, high, upper)
    pairs = (
        found[k : k + 2],
        np.stack([first, settled(found[k + 1], first, high, upper)]),
        np.stack([settled(found[k], low, last, lower), last]),
    )
    found[k : k + 2] = max(pairs, key=lambda pair: sum(problem.means(positions)[0] for positions in pair))


def _settled(problem: Problem, start: Positions, room: Room, sweeps: int) -> Positions:
    """A good vector in a room, near a start that may lie outside."""
    start = start.clip(room.low, room.high)
    over = problem.cost(start) > room.budget * (1 + ROUNDING)
    start = problem.meet(room.low, start, room.budget) if over else problem.meet(start, room.high, room.budget)
    return problem.meet(improve(problem, start, room, sweeps=sweeps), room.high, room.budget)
