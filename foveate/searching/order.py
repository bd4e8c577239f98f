"""In which order tiles are read: by what is expected of them, and by what their neighbours turned out to be.

The rule: the frontier's expectation is scaled so that the best tile has 1/2. Each neighbour that was read and scored
counts as much as that: what is expected of a tile is the mean of its own expectation and its neighbours' scores. So the
neighbours of a tile of score 1 come next, and those of a tile of score 0 wait until others of half their expectation
were read. Without scores it is the frontier's order; equals come as they lie, row by row.
Shape letter: t tiles.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from foveate.searching.tiling import Tiles

BEST = 0.5


class Order:
    """A queue of all tiles, each given out once."""

    def __init__(self, of_tiles: NDArray[np.float64], tiles: Tiles) -> None:
        """``of_tiles`` ``[t]`` is what the frontier expects: finite, >= 0."""
        most = of_tiles.max()
        self._own = BEST * of_tiles / most if most > 0 else np.zeros(len(of_tiles))
        self._tiles = tiles
        self._ranked = np.argsort(-self._own, kind="stable")
        self._rank = np.empty_like(self._ranked)
        self._rank[self._ranked] = np.arange(len(self._ranked))
        self._total = self._own.copy()  # own expectation and scores of neighbours, summed
        self._count = np.ones(len(of_tiles), np.int64)
        self._is_taken = np.zeros(len(of_tiles), bool)
        # Most tiles are never told anything: only those that are go through a heap, the others by their rank.
        self._heap: list[tuple[float, int, int]] = []  # (-expectation, rank, number); an outdated entry is passed over
        self._is_queued = np.zeros(len(of_tiles), bool)
        self._next_rank = 0

    def take(self, most: int) -> list[int]:
        """The next tiles, the best first; fewer at the end."""
        taken: list[int] = []
        while len(taken) < most and (best := self._best()) is not None:
            self._is_taken[best] = True
            taken.append(best)
        return taken

    def peek(self, most: int) -> list[int]:
        """What :meth:`take` would give now."""
        ahead = self.take(most)
        self._is_taken[ahead] = False
        self._queue(ahead)
        return ahead

    def tell(self, number: int, score: float) -> None:
        """That a tile was read and has a score in [0, 1]."""
        around = [each for each in self._tiles.neighbours(number) if not self._is_taken[each]]
        self._total[around] += score
        self._count[around] += 1
        self._queue(around)

    def expectation(self, number: int) -> float:
        return float(self._total[number] / self._count[number])

    def _queue(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            heapq.heappush(self._heap, (-self.expectation(number), int(self._rank[number]), number))
            self._is_queued[number] = True

    def _best(self) -> int | None:
        while self._heap and self._is_outdated(self._heap[0]):
            heapq.heappop(self._heap)
        while self._next_rank < len(self._ranked) and self._is_done(self._ranked[self._next_rank]):
            self._next_rank += 1
        if self._next_rank == len(self._ranked):
            return heapq.heappop(self._heap)[2] if self._heap else None
        untold = int(self._ranked[self._next_rank])
        if self._heap and self._heap[0] < (-self.expectation(untold), self._next_rank, untold):
            return heapq.heappop(self._heap)[2]
        return untold

    def _is_outdated(self, entry: tuple[float, int, int]) -> bool:
        return bool(self._is_taken[entry[2]]) or -entry[0] != self.expectation(entry[2])

    def _is_done(self, number: int) -> bool:
        return bool(self._is_taken[number] or self._is_queued[number])
