"""Tiles come by what is expected of them, and what their neighbours turned out to be changes that."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from foveate.searching.order import Order
from foveate.searching.tiling import Tiles

GRID = Tiles.of((60, 70), tile_px=(10, 10), overlap=0)  # 6 x 7
seeds = st.integers(0, 1000)


def test_the_best_come_first_and_equals_as_they_lie() -> None:
    expected = np.zeros(len(GRID))
    expected[[30, 4, 17]] = [2, 7, 7]
    order = Order(expected, GRID)
    assert order.take(5) == [4, 17, 30, 0, 1]
    assert Order(np.zeros(len(GRID)), GRID).take(99) == list(range(len(GRID)))


@given(seed=seeds, batch=st.integers(1, 9))
def test_each_comes_once_whatever_is_told(seed: int, batch: int) -> None:
    rng = np.random.default_rng(seed)
    order, taken = Order(rng.random(len(GRID)), GRID), list[int]()
    while next_ones := order.peek(batch):
        assert order.peek(batch) == next_ones
        assert order.take(batch) == next_ones
        taken += next_ones
        for number in next_ones:
            if rng.random() < 0.7:
                order.tell(number, rng.random())
    assert sorted(taken) == list(range(len(GRID)))


@given(seed=seeds)
def test_it_is_the_rule_that_is_documented(seed: int) -> None:
    rng = np.random.default_rng(seed)
    expected = rng.random(len(GRID))
    order = Order(expected, GRID)
    scores: dict[int, float] = {}
    for _ in range(len(GRID)):
        left = [number for number in range(len(GRID)) if number not in scores]
        near = {number: [scores[each] for each in GRID.neighbours(number) if each in scores] for number in left}
        means = {
            number: (expected[number] / expected.max() / 2 + sum(near[number])) / (1 + len(near[number]))
            for number in left
        }
        (number,) = order.take(1)
        assert means[number] >= max(means.values()) - 1e-12
        scores[number] = float(rng.choice([0.0, 1.0, 0.3]))
        order.tell(number, scores[number])


def test_neighbours_of_a_hit_come_next_and_those_of_a_miss_later() -> None:
    expected = np.linspace(1, 0.9, len(GRID))
    hit = Order(expected, GRID)
    assert hit.take(1) == [0]
    hit.tell(0, 1.0)
    assert sorted(hit.take(3)) == sorted(GRID.neighbours(0))
    miss = Order(expected, GRID)
    miss.take(1)
    miss.tell(0, 0.0)
    assert miss.take(len(GRID))[-3:] == sorted(GRID.neighbours(0)), "all others had more than half of theirs"
