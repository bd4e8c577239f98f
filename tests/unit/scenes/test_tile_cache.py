"""Tiles are kept up to a number of bytes, loaded once, and paid for once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.scenes.tile_cache import Key, Tile, TileCache


def tile(key: Key, num_bytes: int = 100) -> Tile:
    return Tile(pixels=np.zeros((num_bytes, 1, 1), np.uint8), decoded_px=num_bytes, read_bytes=7)


def key(number: int) -> Key:
    return (0, 0, 0, number)


def test_who_loads_pays_and_nobody_after() -> None:
    cache = TileCache(1000)
    assert cache.take(key(0), tile)[1] == (100, 7)
    assert cache.take(key(0), tile)[1] == (0, 0)
    found = cache.get(key(0))
    assert found is not None
    assert found[1] == (0, 0)
    assert cache.get(key(1)) is None


def test_the_first_user_pays_for_what_was_brought_ahead() -> None:
    cache = TileCache(1000)
    cache.bring(key(0), tile)
    assert cache.paid() == []
    assert cache.take(key(0), tile)[1] == (100, 7)
    assert cache.paid() == [key(0)]


def test_the_least_recently_used_goes_and_unused_ones_are_counted_as_wasted() -> None:
    cache = TileCache(250)
    cache.take(key(0), tile)
    cache.bring(key(1), tile)
    cache.take(key(0), tile)
    cache.take(key(2), tile)
    assert key(1) not in cache
    assert key(0) in cache
    assert (cache.wasted_px, cache.wasted_bytes) == (100, 7)
    assert cache.num_bytes == 200


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 400)), max_size=40))
def test_it_never_holds_more_than_it_may_but_for_one_large_tile(steps: list[tuple[int, int]]) -> None:
    cache = TileCache(500)
    for number, size in steps:
        cache.take(key(number), lambda key, size=size: tile(key, size))  # type: ignore[misc]
        assert cache.num_bytes <= 500
    cache.take(key(99), lambda key: tile(key, 5000))
    assert (cache.num_bytes, key(99) in cache) == (5000, True)


def test_many_threads_load_a_tile_once_and_one_of_them_pays() -> None:
    cache, gate, loads = TileCache(1000), threading.Barrier(8), []

    def load(key: Key) -> Tile:
        loads.append(1)
        return tile(key)

    def take() -> tuple[int, int]:
        gate.wait()
        return cache.take(key(0), load)[1]

    with ThreadPoolExecutor(8) as pool:
        prices = [each.result() for each in [pool.submit(take) for _ in range(8)]]
    assert len(loads) == 1
    assert sorted(prices) == [(0, 0)] * 7 + [(100, 7)]


def test_a_load_that_fails_may_be_tried_again() -> None:
    cache = TileCache(1000)

    def fail(key: Key) -> Tile:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        cache.take(key(0), fail)
    assert cache.take(key(0), tile)[1] == (100, 7)
