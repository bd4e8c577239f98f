"""The ledger: every row pays for itself, parts add up, units agree."""

from __future__ import annotations

import numpy as np
import pytest

from foveate.core import Glimpses
from foveate.cost import Ledger

SIZES_PX = np.array([[10, 20], [30, 40], [50, 60]])


def _glimpses(n: int) -> Glimpses:
    return Glimpses(pixels=np.zeros((n, 2, 3, 4, 5)), decoded_px=np.arange(n) + 1, read_bytes=10 * np.arange(n))


def test_rows_pay_for_themselves_and_parts_add_up() -> None:
    ledger = Ledger(SIZES_PX)
    ledger.charge_macs("open", np.arange(3), 100)
    ledger.charge_macs("look", np.array([2, 0]), np.array([7, 50]))
    assert ledger.macs.tolist() == [150, 100, 107]
    assert dict(ledger.part_macs) == {"open": 300, "look": 57}
    assert dict(ledger.part_calls) == {"open": 3, "look": 2}
    assert ledger.macs.sum() == sum(ledger.part_macs.values())


def test_looks_that_are_not_valid_sense_nothing() -> None:
    ledger = Ledger(SIZES_PX)
    valid = np.array([[True, False], [True, True]])
    ledger.charge_read(np.array([1, 2]), _glimpses(2), valid=valid, size_px=(4, 5))
    assert ledger.sensed_px.tolist() == [0, 20, 40]
    assert ledger.decoded_px.tolist() == [0, 1, 2]
    assert ledger.read_bytes.tolist() == [0, 0, 10]


def test_what_was_spent_in_every_unit() -> None:
    ledger = Ledger(SIZES_PX)
    ledger.charge_read(np.arange(3), _glimpses(3), valid=np.ones((3, 2), bool), size_px=(4, 5))
    ledger.looks += 2
    spent = ledger.spent(np.array([1, 0]))
    assert spent["px"].tolist() == [40, 40]
    assert spent["pct_px"].tolist() == pytest.approx([100 * 40 / 1200, 100 * 40 / 200])
    assert spent["looks"].tolist() == spent["tiles"].tolist() == [2, 2]
    assert spent["bytes"].tolist() == [10, 0]
    assert ledger.totals() == {
        "mean_looks": 2, "mean_macs": 0, "mean_sensed_px": 40, "mean_decoded_px": 2, "mean_read_bytes": 10
    }  # fmt: skip


def test_large_counts_do_not_overflow() -> None:
    ledger = Ledger(np.array([[200_000, 100_000]]))
    for _ in range(3):
        ledger.charge_macs("look", np.array([0]), 2**40)
    assert ledger.macs.tolist() == [3 * 2**40]
    assert ledger.scene_px.tolist() == [20_000_000_000]


def test_seconds_count_even_when_the_work_fails() -> None:
    ledger = Ledger(SIZES_PX)
    with pytest.raises(ValueError, match="broken"), ledger.timed("read"):
        raise ValueError("broken")
    assert ledger.seconds["read"] > 0
