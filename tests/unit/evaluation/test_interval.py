"""The interval of a share: known values, and never nothing. Of other scores: their own spread."""

from __future__ import annotations

import numpy as np
import pytest

from foveate.evaluation.interval import half_width, half_width_of, interval


def test_known_intervals() -> None:
    assert interval(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert interval(1.0, 20) == pytest.approx((0.8389, 1.0), abs=1e-4)
    assert interval(0.0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


def test_half_of_it_is_half_of_it_and_never_nothing() -> None:
    low, high = interval(0.4, 50)
    assert half_width(0.4, 50) == pytest.approx((high - low) / 2)
    assert half_width(1.0, 1000) > 0


def test_scores_between_right_and_wrong_are_as_sure_as_they_are_alike() -> None:
    alike, apart = np.linspace(0.49, 0.51, 101), np.linspace(0.0, 1.0, 101)
    assert half_width_of(alike) == pytest.approx(1.96 * alike.std(ddof=1) / 101**0.5)
    assert half_width_of(alike) < half_width_of(apart) / 40
    assert half_width_of(apart) < half_width(0.5, 101)
    assert half_width_of(np.array([0.0, 1.0, 1.0])) == half_width(2 / 3, 3)
    assert half_width_of(np.array([0.4])) == half_width(0.4, 1)
