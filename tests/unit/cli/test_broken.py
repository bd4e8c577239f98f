"""Broken files are named, a few of them, once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from foveate.cli.broken import SHOWN, report_broken


def test_each_is_named_once_and_many_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    many = SimpleNamespace(broken={f"{i}.png": f"{i}.png: is cut off" for i in range(SHOWN + 3)})
    report_broken(object(), many, many)
    shown = capsys.readouterr().err
    assert shown.count("is cut off") == SHOWN
    assert "0.png: is cut off" in shown
    assert "3 more broken files" in shown
