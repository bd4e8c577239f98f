"""What a person must be told of a calibration: how much of it may be chance."""

from __future__ import annotations

from dataclasses import replace

import pytest

from foveate.cli.measure import ADVISED_SCENES, FEW_SCENES, Row, calibration_warning, standard_error, table
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


def test_a_tasks_other_metrics_have_columns_beside_the_primary_one() -> None:
    measured = Row(
        name="a", num_scenes=9, accuracy=0.5, half_width=0.1, looks=2, macs=1e6, sensed_px=10, seconds_per_scene=0.1,
        others={"rmse": 14.512},
    )  # fmt: skip
    plain = replace(measured, name="plain", others={})
    head, *rows = table([measured, plain], metric="explained")
    assert head[1:4] == ["explained", "rmse", "looks"]
    assert [row[2] for row in rows] == ["14.5", "-"]
