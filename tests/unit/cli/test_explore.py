"""`foveate explore`: a table of steps, files as asked for, and clear refusals before anything is worked out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from foveate import model_folder
from foveate.cli.explore import tasks_named
from foveate.cli.main import main
from foveate.model_folder import save
from foveate.system import PartSpec, SystemSpec, build
from tests.unit.training.tiny import ELASTIC


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two: one that reconstructs and one that classifies."""
    folder = tmp_path_factory.mktemp("models")
    dense = {"answer": {"name": "pixels"}, "relevance": "doubt"}
    names = {"class_names": ("cat", "dog", "newt")}
    for name, task, settings in (("painter", PartSpec(name="reconstruction"), dense),
                                 ("reader", PartSpec(name="classification", config=names), {})):  # fmt: skip
        torch.manual_seed(0)
        model = PartSpec(name="elastic_tokens", config={**ELASTIC, **settings})
        system = build(SystemSpec(model=model, policy=PartSpec(name="spatial"), task=task))
        save(system, folder / name, provenance={"command": "test", "data": "nothing"})
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.jpg"):
        Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(folder / name)
    return folder


def run(*arguments: Any) -> int:
    return main(["explore", *map(str, arguments)])


def test_a_table_of_steps_and_files_as_asked_for(
    models: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "out"
    saves = [part for ending in (".png", ".webp", ".gif", ".json") for part in ("--save", out.with_suffix(ending))]
    assert run(photos / "a.png", "--model", models / "painter", "--task", "reconstruct", "--looks", 2, *saves) == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0] == f"{photos / 'a.png'}:"
    assert [line.split()[:2] for line in lines[1:4]] == [["0", "looks"], ["1", "look"], ["2", "looks"]]
    assert all("% sure" in line and "MAC" in line and "expected rmse: " in line for line in lines[1:4])
    assert lines[4] == "  truncated: all looks or the limit used up"
    assert f"saved in {out}.png" in shown.err
    assert sorted(path.suffix for path in out.parent.iterdir()) == [".gif", ".json", ".png", ".webp"]
    values = json.loads(out.with_suffix(".json").read_text())
    assert (values["picture"], len(values["steps"])) == ("a.png", 3)
    with Image.open(out.with_suffix(".webp")) as animation:
        assert animation.n_frames == 3  # type: ignore[attr-defined]


def test_several_pictures_have_files_of_their_own_and_one_line_each(
    models: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(photos, "--model", models / "reader", "--looks", 1, "--save", tmp_path / "x.json", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["saved"] for row in rows] == [[str(tmp_path / "x-a.json")], [str(tmp_path / "x-b.json")]]
    assert {**json.loads((tmp_path / "x-b.json").read_text()), "saved": rows[1]["saved"]} == rows[1]


def test_without_a_place_it_only_tells(models: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(photos / "a.png", "--model", models / "reader", "--limit", "1 looks") == 0
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 4
    assert "give --save out.png" in shown.err


def test_it_goes_on_past_broken_files_and_says_so(
    models: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "aa.png").write_bytes(b"")
    assert run(photos, "--model", models / "reader", "--looks", 1) == 1
    shown = capsys.readouterr()
    assert shown.out.count(".png:") + shown.out.count(".jpg:") == 2
    assert "skipped: " in shown.err
    assert shown.err.splitlines()[-1] == "error: 1 of 3 pictures could not be looked at; they are named above"
    assert run(photos, "--model", models / "reader", "--looks", 1, "--json") == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert ["error" in row for row in rows] == [False, True, False]


def test_without_a_model_it_lists_those_that_do_it(
    models: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_folder, "SHIPPED", models)
    assert run(photos) == 2
    shown = capsys.readouterr().err
    assert "painter: reconstruction, trained on nothing" in shown
    assert "reader: classification" in shown
    assert run(photos, "--task", "reconstruct") == 2
    shown = capsys.readouterr().err
    assert "painter: reconstruction" in shown
    assert "reader" not in shown
    assert run(photos, "--task", "segment") == 2
    assert "No models for segmentation come with this foveate" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "exit_code", "expected"),
    [
        (["--task", "reconstrct"], 2, "Did you mean 'reconstruct'?"),
        (["--task", "segment"], 2, "its task is classification, and --task segment wants segmentation"),
        (["--save", "out.jpg"], 2, "ends in '.jpg', and that says as what to save it"),
        (["--save", "out"], 2, "has no ending"),
        (["--save", "{photos}/a.png/out.png"], 1, "cannot be written"),
        (["--save", "{photos}/folder.png"], 1, "there is a folder of this name"),
        (["--budget", "2 looks"], 1, "run `foveate calibrate"),
        (["--looks", "-1"], 2, "at least 0"),
        (["--device", "warp"], 2, "--device is 'warp'"),
        (["--sav", "out.png"], 2, "Did you mean '--save'?"),
    ],
)
def test_wrong_questions_end_before_any_picture(
    models: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    arguments: list[str], exit_code: int, expected: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (photos / "folder.png").mkdir()
    given = [argument.format(photos=photos) for argument in arguments]
    assert run(photos / "a.png", "--model", models / "reader", *given) == exit_code
    shown = capsys.readouterr()
    assert expected in shown.err
    assert shown.out == ""


def test_tasks_are_named_by_what_is_done_or_by_name() -> None:
    assert tasks_named("classify") == ("classification", "spotting")
    assert tasks_named("spotting") == ("spotting",)
    assert tasks_named("search") == ("search",)
