"""The interval of a share: known values, and never nothing."""

from __future__ import annotations

import pytest

from foveate.evaluation.interval import half_width, interval


def test_known_intervals() -> None:
    assert interval(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert interval(1.0, 20) == pytest.approx((0.8389, 1.0), abs=1e-4)
    assert interval(0.0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


def test_half_of_it_is_half_of_it_and_never_nothing() -> None:
    low, high = interval(0.4, 50)
    assert half_width(0.4, 50) == pytest.approx((high - low) / 2)
    assert half_width(1.0, 1000) > 0
