from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
import pytest
import typer

from foveate.cli.main import main
from foveate.cli.output import BROKEN_PIPE, INTERRUPTED, guard, say_json, say_table
from foveate.errors import BudgetError, UsageError
from foveate.words import counted


def raising(error: BaseException) -> Callable[[], None]:
    def run() -> None:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UsageError("no [such] thing"), 2, "error: no [such] thing"),
        (BudgetError("too little"), 1, "error: too little"),
        (KeyboardInterrupt(), INTERRUPTED, "error: interrupted"),
        (OSError(28, "No space left on device", "out.json"), 1, "error: out.json: No space left on device"),
        (MemoryError("no 9 GiB"), 1, "error: memory ran out (no 9 GiB): give smaller glimpses"),
        (RuntimeError("CUDA out of memory. Tried\nto"), 1, "error: memory ran out (CUDA out of memory. Tried): give"),
        (typer.BadParameter("'x' is not a number."), 2, "error: Invalid value: 'x' is not a number."),
        (
            ModuleNotFoundError("no", name="sklearn.cluster"),
            1,
            "error: sklearn is not installed; it comes with",
        ),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert guard(raising(error), debug=False) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(line)
    assert captured.err.count("\n") == 1
    assert guard(raising(error), debug=True) == code
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("error", [ZeroDivisionError("1/0"), ModuleNotFoundError("no", name="foveate.nothing")])
def test_our_own_mistake_shows_its_traceback(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    assert guard(raising(error), debug=False) == 1
    captured = capsys.readouterr().err
    assert "Traceback" in captured
    assert "mistake in foveate" in captured


def test_leaving_and_finishing() -> None:
    assert guard(raising(typer.Exit(3)), debug=False) == 3
    assert guard(lambda: None, debug=False) == 0


def test_the_two_signals_are_reported_as_shells_do() -> None:
    assert (INTERRUPTED, BROKEN_PIPE) == (128 + 2, 128 + 13)


class Colour(Enum):
    RED = "red"


@dataclass
class Result:
    path: Path
    colour: Colour


def test_json_is_valid_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    value = {
        "nan": float("nan"),
        "array": np.array([[1.5, np.inf]]),
        "scalar": np.float32(0.5),
        "flag": np.bool_(True),
        1: (True, None),
        "result": Result(Path("a/ü.png"), Colour.RED),
    }
    say_json(value)
    assert json.loads(capsys.readouterr().out) == {
        "nan": None,
        "array": [[1.5, None]],
        "scalar": 0.5,
        "flag": True,
        "1": [True, None],
        "result": {"path": str(Path("a/ü.png")), "colour": "red"},
    }


def test_json_refuses_what_it_does_not_know() -> None:
    with pytest.raises(TypeError, match="object has no JSON form"):
        say_json(object())


def test_a_table_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    say_table([["a", "b", ""], ["ccc", "d", "e"]])
    say_table([])
    assert capsys.readouterr().out == "a    b\nccc  d  e\n"


def test_one_is_one() -> None:
    assert [counted(count, "scene") for count in (0, 1, 2)] == ["0 scenes", "1 scene", "2 scenes"]


def test_a_warning_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shown = warnings.showwarning
    monkeypatch.setattr("foveate.cli.main._run", lambda _: warnings.warn("a.tif: tile [1] is damaged", stacklevel=1))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert main(["info"]) == 0
    assert capsys.readouterr().err == "note: a.tif: tile [1] is damaged\n"
    assert warnings.showwarning is shown
