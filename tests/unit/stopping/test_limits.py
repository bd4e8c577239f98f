import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.errors import BudgetError, IncompatibleError, UsageError
from foveate.stopping.limits import Limits


def test_written_limits() -> None:
    assert Limits.parse("4 looks", "1.5GMAC", "12%px") == Limits(looks=4, macs=1.5e9, pct_px=12)
    assert Limits.parse() == Limits()


def test_two_limits_in_one_unit_are_refused() -> None:
    with pytest.raises(UsageError, match="two limits in one unit"):
        Limits.parse("1GMAC", "300MMAC")


def test_a_cap_must_be_an_amount() -> None:
    with pytest.raises(UsageError, match="at least 0"):
        Limits(looks=-1)


def test_a_limit_below_the_opening_names_the_lowest_possible() -> None:
    opening = {"macs": 1.077e9, "px": np.array([100.0, 400.0])}
    with pytest.raises(BudgetError, match=r"1 GMAC.*1\.077 GMAC") as error:
        Limits.parse("1GMAC", opening=opening)
    assert error.value.nearest == 1.077e9
    with pytest.raises(BudgetError) as error:
        Limits.parse("399px", opening=opening)
    assert error.value.nearest == 400
    Limits.parse("1.1GMAC", "400px", "0 looks", opening=opening)


def test_any_cap_ends_the_row_and_exact_sums_are_allowed() -> None:
    limits = Limits(looks=3, pct_px=12)
    spent = {"looks": np.array([2.0, 3.0, 1.0]), "pct_px": np.array([4 + 4.0000000001, 0, 11])}
    following = {"looks": np.ones(3), "pct_px": np.full(3, 4.0)}
    np.testing.assert_array_equal(limits.reached(spent, following), [False, True, True])


def test_without_caps_nothing_ends() -> None:
    spent = {"looks": np.zeros(2)}
    assert not Limits().reached(spent, {"looks": np.ones(2)}).any()
    np.testing.assert_array_equal(Limits().remaining(spent), 1)


def test_remaining_is_that_of_the_tightest_cap() -> None:
    spent = {"looks": np.array([0.0, 1, 4, 9]), "px": np.array([50.0, 50, 50, 50])}
    np.testing.assert_allclose(Limits(looks=4, px=100).remaining(spent), [0.5, 0.5, 0, 0])
    np.testing.assert_array_equal(Limits(looks=0).remaining(spent), 0)


def test_a_unit_that_nobody_measures_is_refused() -> None:
    with pytest.raises(IncompatibleError, match=r"limit in ms .* only looks"):
        Limits(ms=20).reached({"looks": np.zeros(1)}, {"looks": np.ones(1)})


@given(
    cap=st.floats(0, 50),
    costs=st.lists(st.lists(st.floats(0, 20), min_size=6, max_size=6), min_size=1, max_size=8),
)
def test_no_limit_is_ever_exceeded(cap: float, costs: list[list[float]]) -> None:
    """Executed as the loop does it: look only while the next look is sure to fit."""
    limits, steps = Limits(bytes=cap), np.array(costs)
    spent, alive = np.zeros(len(steps)), np.ones(len(steps), bool)
    for step in steps.T:
        alive &= ~limits.reached({"bytes": spent}, {"bytes": step})
        spent = spent + np.where(alive, step, 0)
        assert (spent <= cap * (1 + 1e-9)).all()
