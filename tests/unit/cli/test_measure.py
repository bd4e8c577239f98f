"""What a person must be told of a calibration: how much of it may be chance."""

from __future__ import annotations

import pytest

from foveate.cli.measure import ADVISED_SCENES, FEW_SCENES, calibration_warning, standard_error
from foveate.stopping.budgets import BudgetTable
from tests.support.traces import classification


def calibrated(num_scenes: int) -> BudgetTable:
    return BudgetTable.build(classification(num_scenes, 3, seed=0), rules=["count"], num_points=5)


def test_few_scenes_are_warned_of_with_their_number_their_error_and_what_to_do() -> None:
    budgets = calibrated(9)
    warning = calibration_warning(budgets)
    assert warning is not None
    assert "9 scenes" in warning
    assert str(budgets.full_score_budget()) in warning
    assert f"{100 * standard_error(budgets):.1f} points" in warning
    assert f"{ADVISED_SCENES} or more" in warning


def test_enough_scenes_are_not_warned_of() -> None:
    assert calibration_warning(calibrated(FEW_SCENES)) is None


def test_the_error_shrinks_with_the_root_of_the_scenes_and_is_never_nothing() -> None:
    few, many = standard_error(calibrated(100)), standard_error(calibrated(1600))
    assert few / many == pytest.approx(4, rel=0.2)
    assert 0 < few <= 0.05
    assert standard_error(calibrated(2)) > 0.1  # even if both are right
