from __future__ import annotations

import json

import pytest

from foveate.cli import list_
from foveate.cli.main import main
from foveate.registry import Registry


@pytest.fixture(autouse=True)
def _shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    registry: Registry[object] = Registry("shape")
    registry.register("square", "no.such.module:Square", sides=4, tags=("flat", "even"))
    registry.register("circle", object, sides=0)
    monkeypatch.setattr(list_, "KINDS", {"shapes": "", "solids": ""})
    monkeypatch.setattr(list_, "_registry", lambda kind: registry if kind == "shapes" else Registry("solid"))


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "shapes"]) == 0
    assert capsys.readouterr().out == "  circle  sides=0\n  square  sides=4, tags=('flat', 'even')\n"
    assert main(["list"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "shapes:"


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "shapes", "s*", "--json"]) == 0
    expected = {"shapes": [{"name": "square", "sides": 4, "tags": ["flat", "even"]}]}
    assert json.loads(capsys.readouterr().out) == expected


def test_no_match_is_answered_with_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "shapes", "sqare"]) == 2
    assert "Did you mean 'square'?" in capsys.readouterr().err


def test_the_real_registries_can_be_listed(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.undo()
    assert main(["list", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == set(list_.KINDS)
