"""Everything comes back."""

from __future__ import annotations

import json
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from foveate.exports.plain_json import FORMAT, plain_json
from foveate.findings import Finding, Found
from tests.support.findings import a_found, any_found


@given(founds=st.lists(any_found(), max_size=3))
def test_the_file_rebuilds_what_was_found(founds: list[Found]) -> None:
    read = json.loads(plain_json(founds))
    assert read["foveate_found"] == FORMAT
    assert read["found"] == [found.to_plain() for found in founds]
    assert [_rebuilt(values).to_plain() for values in read["found"]] == read["found"]


def _rebuilt(values: dict) -> Found:  # type: ignore[type-arg]
    findings = tuple(Finding(**{**each, "box_px": tuple(each["box_px"])}) for each in values["findings"])
    return Found(**{**values, "findings": findings, "size_px": tuple(values["size_px"])})


def test_numbers_that_are_not_finite_are_null() -> None:
    (found,) = json.loads(plain_json([a_found(answer={"value": inf}, cost={"seconds": float("nan")})]))["found"]
    assert found["answer"] == {"value": None}
    assert found["cost"] == {"seconds": None}
