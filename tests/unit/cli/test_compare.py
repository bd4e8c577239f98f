"""Comparing readers and calibrating a risk, as a person does it, with a model that was never trained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from foveate.cli.compare import judged_after
from foveate.cli.main import main
from foveate.model_folder import load_system, save
from foveate.recipes.big_scene import big_scene

LOOKS = 16


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    system = big_scene(side_px=512).build()
    told = {"command": "test", "recipe": "big_scene", "settings": {"side_px": 512}, "seed": 0, "looks": LOOKS}
    return save(system, tmp_path_factory.mktemp("model") / "m", provenance=told)


EIGHTHS = [0, 125, 250, 375, 500, 625, 750, 875, 1000]


@pytest.mark.parametrize(
    ("most", "each", "expected"),
    [(64, 8, [0, 8, 16, 24, 32, 40, 48, 56, 64]), (16, 8, [0, 8, 16]), (5, 8, [0, 8]), (1000, 1, EIGHTHS)],
)
def test_readers_are_judged_after_whole_steps(most: int, each: int, expected: list[int]) -> None:
    assert judged_after(most, each) == expected


def test_a_comparison_is_told_and_gone_on_with(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["compare", "big_scene", "--model", str(model), "--scenes", "5", "--calibration", "5", "--out",
             str(tmp_path / "c"), "--readers", "search,exhaustive,random"]  # fmt: skip
    assert main(asked) == 0
    shown = capsys.readouterr().out
    assert "− exhaustive" in shown
    assert "always none:" in shown
    told = json.loads((tmp_path / "c/compare.json").read_text())
    assert told["num_scenes"] == 5
    assert list(told["readers"]) == ["search", "exhaustive", "random"]
    assert told["readers"]["search"]["looks"] == [0, 8, 16]
    assert told["readers"]["exhaustive"]["recall"] == [1.0]
    page = (tmp_path / "c/index.html").read_text()
    assert "What is a tile worth?" in page
    assert "every tile at full resolution" in page

    kept = tmp_path / "c/test.jsonl"
    lines = kept.read_text().splitlines()
    assert len(lines) == 6
    kept.write_text("\n".join([*lines[:3], lines[3][:40]]))  # as a kill in the middle of a line leaves it
    assert main(asked) == 0
    again = json.loads((tmp_path / "c/compare.json").read_text())
    for name, one in again["readers"].items():
        assert one["accuracy"] == told["readers"][name]["accuracy"]
        assert one["looks"] == told["readers"][name]["looks"]
    assert kept.read_text().splitlines()[:3] == lines[:3]
    capsys.readouterr()
    assert main([*asked[:-1], "search"]) == 1
    assert "another comparison" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--readers", "serch"], "unknown reader 'serch'"),
        (["--readers", ","], "--readers names none"),
        (["--scenes", "1"], "--scenes"),
    ],
)
def test_wrong_questions(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    assert main(["compare", "big_scene", "--model", str(model), "--out", str(tmp_path / "c"), *options]) == 2
    assert words in capsys.readouterr().err


def test_a_risk_is_shown_and_kept_with_the_model(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    asked = ["calibrate", str(model), "--data", "big_scene", "--looks", "16", "--out", str(copy), "--json"]
    assert main([*asked, "--risk", "0.4", "--scenes", "24"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["num_scenes"] == 24
    assert told["num_positives"] >= 6
    assert set(told["missed_by"]) == {"search", "scan"}
    risk = load_system(copy).risk
    assert risk is not None
    assert risk.threshold == told["threshold"]
    assert risk.search["max_looks"] == 16
    assert "at most 40 points more are missed" in (copy / "README.md").read_text()
    assert load_system(model).risk is None
    broken = copy / "risk.json"
    broken.write_text("{")
    assert main(["evaluate", str(copy), "--data", "big_scene"]) == 1
    assert "risk.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--risk", "0.02", "--scenes", "12"], 1, "too few: at least 149 are needed"),
        (["--risk", "2"], 2, "0.02, not 2"),
        (["--risk", "0.1", "--rules", "value"], 2, "--rules is for budgets"),
        (["--budget", "2 looks"], 2, "--budget is for --risk"),
        (["--risk", "0.1", "--budget", "2 looks"], 1, "was not calibrated"),
    ],
)
def test_risks_that_cannot_be(
    model: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, words: str
) -> None:
    assert main(["calibrate", str(model), "--data", "big_scene", "--looks", "16", *options]) == code
    assert words in capsys.readouterr().err
