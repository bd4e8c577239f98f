"""`foveate make-scene`: files that are what they say, and mistakes named in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from foveate.cli.main import main
from foveate.scenes.procedural import ProceduralConfig, ProceduralSet
from foveate.scenes.scene_files import SceneFileScenes

tifffile = pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs")

SMALL = ["--size", "400x600", "--objects", "20-32"]


def test_one_file_is_a_scene_of_the_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "one.tif"
    assert main(["make-scene", str(out), *SMALL, "--seed", "5", "--first", "3", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    scenes = ProceduralSet(ProceduralConfig(size_px=(400, 600), object_size_px=(20, 32)), split="test")
    batch, targets = scenes.batch(np.array([3]), 5)
    np.testing.assert_array_equal(tifffile.imread(out), batch.window(0, 0, (0, 0, 400, 600)).transpose(1, 2, 0))
    assert result["fingerprint"] == scenes.fingerprint
    assert len(result["scenes"][0]["things"]) == targets["is_thing"].sum()
    assert result["num_bytes"] == out.stat().st_size
    with tifffile.TiffFile(out) as file:
        assert json.loads(file.pages[0].description)["index"] == 3


@pytest.mark.parametrize(
    ("kind", "name"), [("jsonl", "labels.jsonl"), ("csv", "labels.csv"), ("coco", "annotations.json")]
)
def test_a_folder_has_labels(tmp_path: Path, kind: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "many"
    assert main(["make-scene", str(out), *SMALL, "--count", "2", "--labels", kind, "--compression", "jpeg"]) == 0
    assert sorted(path.name for path in out.iterdir()) == sorted([name, "scene_000000.tif", "scene_000001.tif"])
    assert "2 of 400 x 600 px" in capsys.readouterr().out


def test_a_scene_file_describes_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.tif", "a.scene"):
        assert main(["make-scene", str(tmp_path / name), *SMALL, "--grey", "--scent", "none"]) == 0
    whole = np.array([[[0, 0, 1, 1]]], np.float32)
    pixels = SceneFileScenes([tmp_path / "a.scene"]).read(whole, (400, 600)).pixels[0, 0, 0]
    np.testing.assert_array_equal(pixels, tifffile.imread(tmp_path / "a.tif"))


def test_scent_is_measured_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["make-scene", str(tmp_path / "a.scene"), "--size", "2048", "--measure"]) == 0
    assert "scent: AUC " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x.png"], "x.png does not end in .tif, .tiff, .scene"),
        (["x.tif", "--size", "big"], "--size is 'big'; write a side such as 4096"),
        (["x.tif", "--size", "1x2x3"], "--size is '1x2x3'"),
        (["x.tif", "--size", "500000"], "250 gigapixels; at most 17 are written"),
        (["x.tif", "--size", "0"], "size_px is (0, 0)"),
        (["x.tif", "--size", "300"], "13 things of 128 px are too much for a scene of 300 x 300 px"),
        (["x.tif", "--objects", "many"], "--objects is 'many'; write a number, or FEWEST-MOST"),
        (["x.tif", "--distractors", "9-3"], "num_distractors is (9, 3)"),
        (["x.tif", "--classes", "x"], "no class or category 'x'"),
        (["x.tif", "--cutouts", "emojis"], "Did you mean 'emoji'?"),
        (["x.tif", "--first", "9999999"], "the last scene would be number 9999999"),
        (["x.tif", "--background", "sea"], "background is 'sea'"),
        (["full", "--count", "1"], "full is there already and is not an empty folder"),
    ],
)
def test_mistakes_are_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept").touch()
    assert main(["make-scene", *arguments]) == 2
    assert message in capsys.readouterr().err.replace("\n", " ")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["full", "kept"]
