"""`foveate train`, `calibrate` and `evaluate` from end to end on a small folder of pictures, as a person runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import foveate
from foveate.model_folder import load_system

pytestmark = pytest.mark.slow

ROOT = Path(foveate.__file__).parent.parent
SHAPES = ("bar", "cross", "square")


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "foveate", *arguments],
        capture_output=True, text=True, encoding="utf-8", check=False, env=environment(), cwd=cwd, timeout=250,
    )  # fmt: skip


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "160", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `shapes/`: 60 pictures of 64 x 80 px in three classes, one of them broken."""
    root = tmp_path_factory.mktemp("train")
    rng = np.random.default_rng(0)
    for i in range(60):
        picture = rng.integers(40, 120, (64, 80, 3), dtype=np.uint8)
        top, left, kind = rng.integers(0, 48), rng.integers(0, 64), i % 3
        if kind != 2:
            picture[top + 6 : top + 10, left : left + 16] = 240
        if kind == 1:
            picture[top : top + 16, left + 6 : left + 10] = 240
        if kind == 2:
            picture[top : top + 16, left : left + 16] = 240
        folder = root / "shapes" / SHAPES[kind]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / f"{i:02d}.png")
    (root / "shapes" / "bar" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 50)
    return root


@pytest.fixture(scope="module")
def trained(place: Path) -> subprocess.CompletedProcess[str]:
    return run("train", "shapes", "--steps", "5", "--scenes", "500", "--out", "runs/shapes", "--json", cwd=place)


def test_a_folder_becomes_a_budgeted_model(place: Path, trained: subprocess.CompletedProcess[str]) -> None:
    assert trained.returncode == 0, trained.stderr
    results = json.loads(trained.stdout)
    names = [row["name"] for row in results["rows"]]
    assert [name.split(",")[0] for name in names[:4]] == [
        "learned looks",
        "learned looks",
        "random looks",
        "glance only",
    ]
    assert names[4].startswith("plain net")
    assert all(0 <= row["accuracy"] <= 1 and row["macs"] > 0 for row in results["rows"])
    assert "60 in shapes" in trained.stderr
    assert "broken.png" in trained.stderr
    folder = place / "runs" / "shapes"
    assert {"model", "results.json", "run.json", "metrics.jsonl", "checkpoint.pt"} <= {p.name for p in folder.iterdir()}
    saved = load_system(folder)
    assert saved.manifest.labels == SHAPES
    assert saved.budgets is not None
    assert set(saved.budgets.rules) == {"value", "confidence", "entropy", "margin", "count", "random", "anti_value"}
    assert saved.manifest.provenance["seed"] == 0
    kept = f"best weights, of step {results['kept_step']}"
    assert f"- kept: {kept}\n" in (folder / "model" / "README.md").read_text()
    assert any("only 9 scenes calibrated this" in line for line in results["remarks"])
    assert any(f"kept the weights of step {results['kept_step']}" in line for line in results["remarks"])


def test_a_run_that_is_there_is_never_overwritten(place: Path, trained: subprocess.CompletedProcess[str]) -> None:
    refused = run("train", "shapes", "--steps", "5", "--out", "runs/shapes", cwd=place)
    assert refused.returncode == 1
    assert "--resume" in refused.stderr
    other = run("train", "shapes", "--steps", "6", "--out", "runs/shapes", "--resume", cwd=place)
    assert other.returncode == 2
    assert "steps was 5, not 6" in other.stderr
    nothing = run("train", "shapes", "--steps", "5", "--out", "runs/none", "--resume", cwd=place)
    assert nothing.returncode == 2
    assert "no run to resume" in nothing.stderr


def test_calibrate_and_evaluate_take_the_parts_that_training_left(
    place: Path, trained: subprocess.CompletedProcess[str]
) -> None:
    before = load_system(place / "runs" / "shapes")
    done = run("calibrate", "runs/shapes", "--data", "shapes", "--rules", "count,value", "--json", cwd=place)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["num_scenes"] == 9
    assert 0.05 < told["standard_error"] < 0.2
    assert told["warning"].startswith("beware: only 9 scenes")
    assert told["data_warning"] is None
    after = load_system(place / "runs" / "shapes")
    assert after.budgets is not None
    assert after.budgets.default_rule == "count"
    assert after.manifest.files["model.safetensors"] == before.manifest.files["model.safetensors"]
    asked = ["evaluate", "runs/shapes", "--data", "shapes", "--budget", "30%px", "--stop-rule", "count", "--json"]
    found = run(*asked, cwd=place)
    assert found.returncode == 0, found.stderr
    result = json.loads(found.stdout)
    assert result["num_scenes"] == 9
    assert result["data_warning"] is None
    assert result["realised"]["unit"] == "pct_px"
    assert 25 < result["realised"]["amount"] < 35
    assert {"random", "centre_corners", "raster", "glance only"} <= {row["name"] for row in result["rows"]}
    assert all(row["read_bytes"] > 0 and row["decoded_px"] == 64 * 80 for row in result["rows"])


@pytest.mark.parametrize(
    ("arguments", "exit_code", "expected"),
    [
        (["train", "nowhere"], 2, "'nowhere' is neither a folder of pictures nor a recipe"),
        (["train", "visual_serch"], 2, "Did you mean 'visual_search'?"),
        (["train", "imagenet_deit_small"], 2, "needs a folder: write imagenet_deit_small:FOLDER"),
        (["train", "shapes", "--device", "gpu"], 2, "--device is 'gpu'"),
        (["train", "shapes", "--seed", "-1"], 2, "--seed"),
        (["train", "small_sign", "--flip"], 2, "'small_sign' has no --flip"),
        (["train", "shapes", "--policy", "spatail", "--steps", "1"], 2, "Did you mean 'spatial'?"),
        (["calibrate", "runs/shapes", "--data", "shapes", "--rules", "valu"], 2, "Did you mean 'value'?"),
        (["evaluate", "runs/shapes", "--data", "shapes", "--budget", "2 luks"], 2, "unknown unit"),
        (
            ["evaluate", "runs/shapes", "--data", "visual_search"],
            2,
            "is there to search, and the model's task is to classify",
        ),
        (["evaluate", "runs/shapes", "--data", "shapes", "--stop-rule", "value"], 2, "give --budget too"),
    ],
)
def test_a_mistake_is_one_line(
    place: Path,
    trained: subprocess.CompletedProcess[str],
    arguments: list[str],
    exit_code: int,
    expected: str,
    tmp_path: Path,
) -> None:
    if arguments[0] == "train":
        arguments = [*arguments, "--out", str(tmp_path / "run")]
    done = run(*arguments, cwd=place)
    assert done.returncode == exit_code, done.stderr
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_saves_and_says_how_to_go_on(place: Path) -> None:
    command = [sys.executable, "-m", "foveate", "train", "shapes", "--steps", "100000", "--out", "runs/long"]
    process = subprocess.Popen(command, env=environment(), cwd=place, stderr=subprocess.PIPE, text=True)
    metrics = place / "runs" / "long" / "metrics.jsonl"
    deadline_s = time.monotonic() + 120
    while time.monotonic() < deadline_s and not (metrics.exists() and metrics.stat().st_size):
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, shown = process.communicate(timeout=100)
    assert process.returncode == 130, shown
    assert "--resume" in shown
    assert (place / "runs" / "long" / "checkpoint.pt").exists()
