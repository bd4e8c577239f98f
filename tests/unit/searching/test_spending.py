"""A budget is a hard cap: in tiles, shares, pixels or seconds."""

from __future__ import annotations

from typing import Any

import pytest

from foveate.errors import BudgetError, UsageError
from foveate.searching.spending import Allowance
from foveate.searching.tiling import Tiles
from foveate.stopping.units import Budget

TILES = Tiles.of((100, 200), tile_px=(10, 20), overlap=0)  # 100 of 200 px


def allowance(budget: Any, now_s: list[float] | None = None) -> Allowance:
    clock = now_s or [0.0]
    return Allowance.of(budget, TILES, clock=lambda: clock[0], start_s=0.0)


@pytest.mark.parametrize(
    ("budget", "most"),
    [
        (None, 100), ("7 tiles", 7), ("7tiles", 7), (7, 7), ("7.9", 7), ("1000 tiles", 100), (Budget(7, "tiles"), 7),
        ("5 %", 5), ("5%", 5), ("2.5 %", 2), ("100 %", 100), ("7 %", 7), ("29 %", 29), ("1e1 %", 10),
        ("5 %px", 5), ("5 % px", 5), (Budget(5, "pct_px"), 5), ("1 kpx", 5), ("1100 px", 5),
    ],
)  # fmt: skip
def test_what_it_allows(budget: Any, most: int) -> None:
    assert allowance(budget).left(0) == most
    assert allowance(budget).left(most) == 0
    assert allowance(budget).left(most - 1) == 1


def test_tiles_that_overlap_count_with_repetition() -> None:
    tiles = Tiles.of((100, 200), tile_px=(10, 20), overlap=0.5)
    assert len(tiles) == 19 * 19
    for budget, most in (("50 %", 180), ("50 %px", 50), ("10 kpx", 50)):
        assert Allowance.of(budget, tiles, clock=lambda: 0.0, start_s=0.0).left(0) == most


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ("5 apples", "cannot read the budget '5 apples'; write '200 tiles', '5 %'"),
        ("%", "cannot read the budget '%'"),
        ("-5 %", "cannot read the budget '-5 %'"),
        ("nan tiles", "cannot read"),
        (True, "cannot read the budget True"),
        ([5], r"cannot read the budget \[5\]"),
        ("5 MB", "a budget of 5 MB cannot be kept: what a tile takes of that is known only afterwards"),
        ("1 GMAC", "a budget of 1 GMAC cannot be kept"),
    ],
)
def test_what_it_cannot_keep(budget: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        allowance(budget)


@pytest.mark.parametrize(
    ("budget", "nearest", "message"),
    [
        ("0 tiles", 1, "a budget of 0 tiles is less than one tile; the lowest possible one is 1 tiles"),
        (0.5, 1, "lowest possible one is 1 looks"),
        ("0.9 %", 1, "lowest possible one is 1 %"),
        ("100 px", 200, "lowest possible one is 200 px"),
        ("0.5 %px", 1, "lowest possible one is 1 %px"),
    ],
)
def test_less_than_a_tile_is_refused_with_the_least_that_is_possible(budget: Any, nearest: float, message: str) -> None:
    with pytest.raises(BudgetError, match=message) as refused:
        allowance(budget)
    assert refused.value.nearest == nearest


def test_no_batch_begins_that_would_end_too_late() -> None:
    now_s = [0.0]
    left = allowance("20 s", now_s)
    assert left.left(0) == 100
    now_s[0], left.slowest_s = 12.0, 5.0
    assert left.left(30) == 70
    now_s[0] = 15.5
    assert left.left(40) == 0
    assert allowance("500 ms", [0.6]).left(0) == 0
