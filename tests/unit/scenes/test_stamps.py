"""Stamps are what they were made of, whoever asked for them first."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from foveate.scenes.cutouts import load_cutouts
from foveate.scenes.stamps import PLATE_TEXELS, StampPool

NUMBERS = [*range(-len(PLATE_TEXELS), 0), *range(300)]  # plates and digits


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def _ink(pool: StampPool, number: int) -> float:
    """All of a stamp's cover."""
    stamp = pool.stamp(number)
    corner = np.full((1, 1), float(stamp.texels))
    return float(pool.sums_at(np.array(stamp.starts[:1]), np.array([stamp.texels]), corner, corner)[0, 0, 0])


def _ink_of_all(pool: StampPool, *, first: int) -> list[float]:
    """In the order of numbers, but asked for from the first on."""
    order = np.roll(np.arange(len(NUMBERS)), -first)
    found = {at: _ink(pool, NUMBERS[at]) for at in order.tolist()}
    return [found[at] for at in range(len(NUMBERS))]


@pytest.mark.usefixtures("hasty")
def test_threads_may_ask_for_stamps_at_once() -> None:
    """A training lays out the next scenes while it reads these."""
    expected = _ink_of_all(StampPool(load_cutouts("digits"), vanishing=False), first=0)
    assert min(expected) > 0
    for _ in range(5):
        pool = StampPool(load_cutouts("digits"), vanishing=False)
        with ThreadPoolExecutor(8) as threads:
            jobs = [threads.submit(_ink_of_all, pool, first=first) for first in range(8)]
        for job in jobs:
            assert job.result() == pytest.approx(expected)
