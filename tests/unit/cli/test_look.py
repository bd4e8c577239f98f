"""`foveate look`: a line per picture, files beside it, and broken pictures named and passed over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from foveate import model_folder
from foveate.cli.main import main
from foveate.cli.pictures import file_names, find_pictures
from foveate.errors import DataError
from foveate.model_folder import save
from foveate.system import PartSpec, SystemSpec, build


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = {"num_outputs": 2, "glance_px": (16, 16), "focus_px": (8, 8), "state_grid": (3, 3), "max_looks": 2}
    system = build(
        SystemSpec(
            model=PartSpec(name="glance_focus", config=config),
            policy=PartSpec(name="spatial"), critic=PartSpec(name="spatial_value"),
            task=PartSpec(name="classification", config={"class_names": ("cat", "dog")}),
        )
    )  # fmt: skip
    place = tmp_path_factory.mktemp("run") / "model"
    save(system, place, provenance={"command": "test", "data": "random pictures"})
    return place


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.jpg", "deep/a.png", ".hidden.png"):
        Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(folder / name)
    (folder / "notes.txt").write_text("x")
    return folder


def run(*arguments: Any) -> int:
    return main(["look", *map(str, arguments)])


def test_a_line_per_picture_and_files_beside_it(
    model: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "looks"
    assert run(photos, "--model", model, "--out", out) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        str(photos / name) for name in ("a.png", "b.jpg", "deep/a.png")
    ]
    assert all("2 looks" in line and "MAC" in line and "% sure" in line for line in lines)
    assert sorted(path.name for path in out.iterdir()) == ["a-2.json", "a-2.png", "a.json", "a.png", "b.json", "b.png"]
    result = json.loads((out / "a.json").read_text())
    assert (result["num_looks"], result["outcome"], len(result["steps"])) == (2, "truncated", 3)
    assert result["scanpath"] == str(out / "a.png")
    with Image.open(out / "a.png") as picture:
        assert picture.width > 500


def test_no_result_is_written_over_another() -> None:
    """Nor where the file system takes capitals and small letters for the same."""
    assert file_names(["a.jpg", "b/a.png", "a-2.jpg", "A.png", "a.gif"]) == ["a", "a-2", "a-2-2", "A-3", "a-4"]
    assert file_names(["a-2.jpg", "a.jpg", "a.png", ".."]) == ["a-2", "a", "a-3", ".."]


def test_json_is_one_object_per_line(
    model: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "looks"
    assert run(photos / "a.png", photos / "b.jpg", "--model", model, "--out", out, "--json", "--no-draw") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["picture"] for row in rows] == [str(photos / "a.png"), str(photos / "b.jpg")]
    assert set(rows[0]["cost"]) == {
        "looks", "macs", "sensed_px", "sensed_pct", "decoded_px", "read_bytes", "seconds"
    }  # fmt: skip
    assert rows[0] == json.loads((out / "a.json").read_text())
    assert sorted(path.name for path in out.iterdir()) == ["a.json", "b.json"]


def test_every_step_is_saved_as_explore_does(
    model: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    endings = (".png", ".webp", ".gif", ".json")
    given = [str(part) for ending in endings for part in ("--save", tmp_path / f"steps{ending}")]
    theirs = [part.replace("steps", "theirs") for part in given]
    options = ["--model", model, "--defer-below", 0.9]
    assert run(photos / "a.png", *options, "--out", tmp_path / "looks", "--json", *given) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["saved"] == given[1::2]
    assert row == json.loads((tmp_path / "looks" / "a.json").read_text())
    assert main(["explore", str(photos / "a.png"), "--model", str(model), *theirs]) == 0
    capsys.readouterr()
    steps, theirs_told = (json.loads((tmp_path / name).read_text()) for name in ("steps.json", "theirs.json"))
    assert len(steps["steps"]) == 3
    assert (steps["outcome"], theirs_told["outcome"]) == (row["outcome"], "truncated")
    assert steps["looks_px"] == theirs_told["looks_px"] == row["looks"]
    for ending in (".png", ".webp", ".gif"):
        with Image.open(tmp_path / f"steps{ending}") as shown:
            assert getattr(shown, "n_frames", 1) == (1 if ending == ".png" else 3)
    assert run(photos / "a.png", photos / "b.jpg", *options, "--out", tmp_path / "looks", *given[2:4]) == 0
    assert (tmp_path / "steps-a.webp").exists()
    assert (tmp_path / "steps-b.webp").exists()
    assert "looks/, " in capsys.readouterr().err
    assert run(photos / "a.png", *options, "--save", "steps.jpg") == 2
    assert "ends in '.jpg'" in capsys.readouterr().err


@pytest.mark.parametrize("batch_size", [1, 8])
def test_it_goes_on_past_broken_files_and_says_so(
    model: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], batch_size: int
) -> None:
    (photos / "aa.png").write_bytes(b"")
    (photos / "ab.png").write_bytes((photos / "a.png").read_bytes()[:2000])
    arguments = [
        photos,
        tmp_path / "missing.png",
        "--model",
        model,
        "--out",
        tmp_path / "looks",
        "--batch-size",
        batch_size,
    ]
    assert run(*arguments) == 1
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 3
    for name in ("aa.png", "ab.png", "missing.png"):
        assert f"{name}: " in shown.err
    assert shown.err.splitlines()[-1] == "error: 3 of 6 pictures could not be looked at; they are named above"
    assert run(*arguments, "--json", "--no-draw") == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert ["error" in row for row in rows] == [False, True, True, False, False, True]


def test_without_a_model_it_refuses_to_guess(
    photos: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_folder, "SHIPPED", tmp_path / "none")
    assert run(photos) == 2
    assert "No models come with this foveate" in capsys.readouterr().err
    monkeypatch.setattr(model_folder, "SHIPPED", model.parent)
    assert run(photos) == 2
    assert "model: classification, trained on random pictures" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert run(photos / "a.png", "--model", "model") == 0  # by name
    assert (tmp_path / "looks" / "a.png").exists()
    assert run(photos / "a.png", "--model", "modle") == 1
    assert "Did you mean 'model'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "exit_code", "expected"),
    [
        (["--budget", "2 looks"], 1, "run `foveate calibrate"),
        (["--budget", "2 loks"], 1, "foveate calibrate"),
        (["--limit", "2 loks"], 2, "unknown unit 'loks'"),
        (["--limit", "10px"], 1, "lowest possible limit"),
        (["--stop-rule", "valeu"], 2, "Did you mean 'value'?"),
        (["--device", "warp"], 2, "--device is 'warp'"),
        (["--device", "cuda:99"], 2, "CUDA devices here"),
        (["--batch-size", "0"], 2, "at least 1"),
    ],
)
def test_wrong_questions_end_before_any_picture(
    model: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    arguments: list[str], exit_code: int, expected: str,
) -> None:  # fmt: skip
    assert run(photos, "--model", model, "--out", tmp_path / "looks", *arguments) == exit_code
    shown = capsys.readouterr()
    assert expected in shown.err
    assert shown.out == ""


def test_limits_hold(model: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--limit", "330px", "--limit", "9 looks", "--no-draw", "--json"]
    assert run(photos, "--model", model, "--out", tmp_path / "looks", *options) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(row["cost"]["sensed_px"] == 16 * 16 + 8 * 8 for row in rows)


def test_an_output_that_cannot_be_is_named(
    model: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(photos, "--model", model, "--out", photos / "notes.txt") == 1
    assert "notes.txt: cannot be written" in capsys.readouterr().err


def test_pictures_are_found_once_and_results_are_not_pictures(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos)
    (photos / "looks").mkdir()
    Image.new("L", (4, 4)).save(photos / "looks" / "old.png")
    assert find_pictures(["."], leave_out=Path("looks")) == ["a.png", "b.jpg", "deep/a.png"]
    assert find_pictures(["*.png", "a.png", "**/*.png"], leave_out=Path("looks"))[:2] == ["a.png", "deep/a.png"]
    assert find_pictures(["gone.png"], leave_out=Path("looks")) == ["gone.png"]
    with pytest.raises(DataError, match=r"nothing matches '\*\.gif'"):
        find_pictures(["*.gif"], leave_out=Path("looks"))
    (photos / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        find_pictures(["empty"], leave_out=Path("looks"))


def test_a_folder_that_is_a_picture_is_one(tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "zarr.json").write_text("{}")
    for folder in ("a.zarr", "b"):
        assert find_pictures([str(tmp_path / folder)]) == [str(tmp_path / folder)]
    assert find_pictures([str(tmp_path)]) == [str(tmp_path / "a.zarr")]
