"""A whole nested path of thresholds at once: coordinate ascent on Lagrangians, each line search exact.

For a price λ of cost, L(η; λ) = score − λ · cost. One vector per price is wanted, and vectors of lower prices must lie
element by element beyond those of higher ones (`problem.py` says why). With all other steps fixed, sorting turns L as a
function of the position of step t into a cumulative sum; the best K positions under the order constraint, for all K
prices together, then follow from one dynamic programme over positions. Nothing is sampled, nothing is random.

Lagrangians find the concave hull of score against cost; what lies between two hull points is left to `exchange.py`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from foveate.stopping.problem import ROUNDING, Positions, Problem

Prices = NDArray[np.float64]  # [K] decreasing; negative ones buy looks that do not pay, up to full length
_PRICE_ROUNDS = 4  # of moving the prices so that the costs of the path are spread evenly
_SWEEPS = 20  # at most; ascent ends by itself, usually after 3 to 6


def nested_path(problem: Problem, num_prices: int) -> Positions:
    """Positions ``[num_prices + 2, C]`` from nobody to everybody, ordered element by element, evenly spread in cost."""
    ends = problem.nobody, problem.everybody
    if len(problem.ladder) == 1:  # one threshold has one path
        return np.stack(ends)
    prices = _first_prices(problem, num_prices)
    low, high = problem.cost(ends[0]), problem.cost(ends[1])
    targets = np.linspace(low, high, num_prices)
    path = np.tile(ends[1], (num_prices, 1))
    for _ in range(_PRICE_ROUNDS):
        path = _ascend(problem, path, prices)
        costs = np.maximum.accumulate([problem.cost(positions) for positions in path])
        prices = np.sort(np.interp(targets, costs + np.arange(num_prices) * 1e-12 * (high - low), prices))[::-1]
    path = _ascend(problem, np.tile(ends[1], (num_prices, 1)), prices)
    return np.concatenate([ends[0][None], path, ends[1][None]])


def _first_prices(problem: Problem, num_prices: int) -> Prices:
    """From dear to cheap to negative, in the scale of the largest mean gain per cost; denser around zero.

    Looks that cost nothing beside the opening have no price: any finite one would be arbitrary, and may overflow."""
    scores, costs = problem.totals.mean(axis=2)
    span = costs[-1] - costs[0]
    if span <= ROUNDING * costs[-1]:
        return np.zeros(num_prices)
    per_cost = (len(scores) - 1) / max(span, 1e-300)
    scale = (np.abs(np.diff(scores)).max() + 0.05 * problem.totals[0].std()) * per_cost
    ramp = np.linspace(1, -1, num_prices)
    prices: Prices = 4 * scale * np.sign(ramp) * ramp**2
    return prices


def _ascend(problem: Problem, path: Positions, prices: Prices) -> Positions:
    best = -np.inf
    for _ in range(_SWEEPS):
        path, total = _sweep(problem, path, prices)
        if total <= best + 1e-12 * abs(total):
            break
        best = total
    return path


def _sweep(problem: Problem, path: Positions, prices: Prices) -> tuple[Positions, float]:
    """One exact line search per step, last step first; returns the path and the sum of its Lagrangians."""
    path, steps = path.copy(), problem.num_steps
    reached = np.ones((steps, len(prices), problem.num_scenes), bool)  # whether a scene gets as far as a step
    for step in range(1, steps):
        reached[step] = reached[step - 1] & (problem.rank[step - 1] < path[:, step - 1, None])
    scores, costs = problem.totals
    further = scores[steps] - prices[:, None] * costs[steps]  # [K, N] what a scene gets if it goes on
    for step in range(steps - 1, -1, -1):
        here = scores[step] - prices[:, None] * costs[step]
        gain = np.where(reached[step], further - here, 0.0)[:, problem.order[step]]
        worth = np.zeros((len(prices), problem.num_scenes + 1))
        np.cumsum(gain, axis=1, out=worth[:, 1:])
        path[:, step] = _best_ordered(worth)
        further = np.where(problem.rank[step] < path[:, step, None], further, here)
    return path, float(further.sum())


def _best_ordered(worth: NDArray[np.float64]) -> Positions:
    """Non-decreasing positions ``[K]`` that maximise the sum of ``worth[k, position_k]``; ``worth`` is overwritten."""
    for k in range(1, len(worth)):
        worth[k] += np.maximum.accumulate(worth[k - 1])
    positions = np.empty(len(worth), np.int64)
    end = worth.shape[1]
    for k in range(len(worth) - 1, -1, -1):
        positions[k] = worth[k, :end].argmax()
        end = positions[k] + 1
    return positions
