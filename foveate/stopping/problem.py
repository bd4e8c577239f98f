"""Thresholds as positions: the finite problem behind Eq. 19 of AdaptiveNN, maximise score subject to a mean cost.

On N scenes a threshold of step t only decides how many of the signals of that step lie above it, so a whole threshold
vector is a vector of **positions** j_t in 0 ... size: j_t = 0 stops everyone at step t, j_t = size nobody. Raising any
position lets scenes look further and never less; so vectors that are ordered element by element are **nested**: no
scene senses more under the lower one. Costs never decrease with positions, which makes a budget a bisection.

Shape letters: N scenes, T steps, C columns of thresholds (T, or 1 when shared by all steps), K vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]  # [K, C] or [C]
ROUNDING = 1e-9  # relative: sums of costs are floating point
_MAX_BISECTIONS = 50  # ends earlier, unless two columns step at the very same float


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Signals sorted once; everything else is counting."""

    totals: NDArray[np.float64]  # [2, T + 1, N] score and cost of each scene if it stops at each depth
    rank: NDArray[np.int64]  # [T, N] position of a scene's signal among the size, largest first
    order: NDArray[np.int64]  # [C, size] the inverse: who is at each position (per step; pooled over steps if shared)
    ladder: NDArray[np.float64]  # [C, size] the signals, largest first

    @classmethod
    def of(
        cls,
        signal: NDArray[np.float64],
        scores: NDArray[np.float64],
        cost: NDArray[np.float64],
        *,
        shared: bool = False,
    ) -> Self:
        """From matrices ``[N, T + 1]``; a row goes on while its signal is above the threshold of its step."""
        steps = signal[:, :-1].T
        columns = np.ascontiguousarray(steps.reshape(1, -1) if shared else steps)
        order = np.argsort(-columns, axis=1, kind="stable")
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(order.shape[1])[None], axis=1)
        totals = np.stack([scores.T, cost.T]).astype(np.float64)
        ladder = np.take_along_axis(columns, order, axis=1)
        return cls(totals=totals, rank=rank.reshape(steps.shape), order=order, ladder=ladder)

    @property
    def num_scenes(self) -> int:
        return self.totals.shape[2]

    @property
    def num_steps(self) -> int:
        return len(self.rank)

    @property
    def nobody(self) -> Positions:
        """Zero looks for every scene, ``[C]``."""
        return np.zeros(len(self.ladder), np.int64)

    @property
    def everybody(self) -> Positions:
        """Full length for every scene, ``[C]``."""
        return np.full(len(self.ladder), self.ladder.shape[1], np.int64)

    def depths(self, positions: Positions) -> NDArray[np.int64]:
        """Depth ``[N]`` at which each scene leaves under positions ``[C]``."""
        depth = np.full(self.num_scenes, self.num_steps)
        columns = np.broadcast_to(positions, (self.num_steps,))
        for step in range(self.num_steps - 1, -1, -1):
            depth[self.rank[step] >= columns[step]] = step
        return depth

    def means(self, positions: Positions) -> tuple[float, float]:
        """Mean score and mean cost."""
        score, cost = self.totals[:, self.depths(positions), np.arange(self.num_scenes)].mean(axis=1)
        return float(score), float(cost)

    def cost(self, positions: Positions) -> float:
        return self.means(positions)[1]

    def meet(self, low: Positions, high: Positions, budget: float) -> Positions:
        """The furthest vector on the way from ``low`` to ``high`` (nested) whose mean cost is within the budget.

        On the way positions move one at a time, so that the budget is missed by less than one scene's next step.
        """
        return self.around(low, high, budget)[0]

    def around(self, low: Positions, high: Positions, budget: float) -> tuple[Positions, Positions]:
        """The vector of :meth:`meet` and the next one on that way, one position further, which exceeds the budget.

        Both are ``high`` if that is within the budget.
        """
        span = high - low
        phases = (np.arange(len(span)) + 0.5) / len(span)  # columns seldom step at the same moment

        def point(way: float) -> Positions:
            return low + np.minimum((way * span + phases).astype(np.int64), span)

        allowed = budget * (1 + ROUNDING)
        if self.cost(high) <= allowed:
            return high, high
        near, far = 0.0, 1.0
        for _ in range(_MAX_BISECTIONS):
            if (point(far) - point(near)).sum() <= 1:
                break
            middle = (near + far) / 2
            near, far = (middle, far) if self.cost(point(middle)) <= allowed else (near, middle)
        within, beyond = point(near), point(far)
        for column in np.flatnonzero(beyond > within)[:-1]:  # those that do, one by one
            following = within.copy()
            following[column] += 1
            if self.cost(following) > allowed:
                return within, following
            within = following
        return within, beyond

    def tight(self, positions: Positions) -> Positions:
        """The lowest vector ``[C]`` that does the same: steps that no scene reaches stop, instead of anything.

        Keeps the order of nested vectors, since more scenes go on under a higher one.
        """
        goes_on = self.depths(positions) > np.arange(self.num_steps)[:, None]
        lowest: Positions = np.where(goes_on, self.rank + 1, 0).max(axis=1)
        return lowest.max(keepdims=True) if len(positions) == 1 else lowest

    def thresholds(self, positions: Positions) -> NDArray[np.float64]:
        """Thresholds ``[C]`` halfway between the last signal that goes on and the first that stops, or ±inf."""
        columns, size = np.arange(len(positions)), self.ladder.shape[1]
        above = self.ladder[columns, np.maximum(positions - 1, 0)]
        below = self.ladder[columns, np.minimum(positions, size - 1)]
        middle = below + (above - below) / 2
        middle = np.where(middle < above, middle, below)  # neighbouring floats have no middle
        return np.where(positions == 0, np.inf, np.where(positions == size, -np.inf, middle))
