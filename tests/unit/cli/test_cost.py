"""`foveate cost`: the paper's ledger, and what it says to a wrong question."""

from __future__ import annotations

import json

import pytest

from foveate.cli.cost import parse_glimpses
from foveate.cli.main import main
from foveate.errors import UsageError
from foveate.models import MODELS


def test_deit_small_costs_what_the_paper_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "adaptivenn_deit_small", "--glimpses", "0..4", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [row["looks"] for row in result["rows"]] == [0, 1, 2, 3, 4]
    for row in result["rows"]:
        assert row["macs"] / 1e9 == pytest.approx(1.077 + 1.187 * row["looks"], rel=0.01)
        assert row["macs"] == sum(row["parts"].values())
        assert row["sensed_px"] == 112 * 112 * (1 + row["looks"])
    assert result["rows"][0]["sensed_frac"] == pytest.approx((112 / 288) ** 2)
    assert set(result["macs_each"]) == {
        "open/glance", "look/reuse", "look/focus", "look/update", "look/policy", "look/critic", "predict/head"
    }  # fmt: skip


def test_the_table_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "adaptivenn_deit_small"]) == 0
    lines = capsys.readouterr().out.splitlines()
    total = next(line.split() for line in lines if line.startswith("total"))
    assert total == ["total", "1077.4", "2264.2", "3451.0", "4637.7", "5824.5"]


def test_wrong_questions_are_answered_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "adaptivenn_deit_smal"]) == 2
    assert "Did you mean 'adaptivenn_deit_small'" in capsys.readouterr().err
    assert main(["cost", "adaptivenn_deit_small", "--glimpses", "5"]) == 2
    assert "at most 4 looks" in capsys.readouterr().err
    assert main(["cost", "adaptivenn_deit_small", "--scene", "288"]) == 2
    assert "such as 288x288" in capsys.readouterr().err


@pytest.mark.parametrize("name", MODELS.names())
def test_every_model_has_a_price(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", name, "--glimpses", "1", "--classes", "4", "--scene", "300x400", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["macs"] > 0
    assert row["sensed_frac"] == pytest.approx(row["sensed_px"] / 120_000)


@pytest.mark.parametrize(("text", "expected"), [("3", [3]), ("0..2", [0, 1, 2]), ("0,2..3", [0, 2, 3]), (None, [0, 1])])
def test_glimpses_are_numbers_ranges_or_lists(text: str | None, expected: list[int]) -> None:
    assert parse_glimpses(text, 1 if text is None else 4) == expected


@pytest.mark.parametrize("text", ["", "x", "-1", "2..1", "1..2..3", "1.5"])
def test_other_glimpses_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--glimpses"):
        parse_glimpses(text, 4)
