"""`foveate train FOLDER --from MODEL` from end to end, as a person runs it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveate.model_folder import CARD, load_system, save
from foveate.system import PartSpec, SystemSpec, build
from tests.cli.test_train import run
from tests.unit.recipes.test_finetune import GLANCE_FOCUS, POOL_HEAD, trained

pytestmark = pytest.mark.slow

ASKED = ("train", "shapes", "--from", "base", "--steps", "3", "--out", "runs/fine", "--json")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `shapes/` (two classes), and the model folders `base` and `searcher`."""
    root, rng = tmp_path_factory.mktemp("finetune"), np.random.default_rng(0)
    for i in range(40):
        picture = rng.integers(40, 120, (48, 64, 3), dtype=np.uint8)
        top, left = rng.integers(0, 36), rng.integers(0, 52)
        picture[top : top + 12, left : left + 12] = 250 * (i % 2)
        (root / "shapes" / ("dark", "light")[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(root / "shapes" / ("dark", "light")[i % 2] / f"{i:02d}.png")
    trained(root / "base")
    search = SystemSpec(
        model=PartSpec(name="glance_focus", config=GLANCE_FOCUS | {"readout": {"name": "map", "grid": (4, 4)}}),
        policy=PartSpec(name="spatial"),
        critic=PartSpec(name="spatial_value"),
        task=PartSpec(name="search", config={"target_names": ("a", "b", "c")}),
    )
    save(build(search), root / "searcher", provenance={})
    return root


@pytest.fixture(scope="module")
def fine(place: Path) -> subprocess.CompletedProcess[str]:
    return run(*ASKED, cwd=place)


def test_it_becomes_a_budgeted_model_that_says_where_it_comes_from(
    place: Path, fine: subprocess.CompletedProcess[str]
) -> None:
    assert fine.returncode == 0, fine.stderr
    assert all(name in fine.stderr for name in POOL_HEAD)
    saved, base = load_system(place / "runs" / "fine"), load_system(place / "base")
    assert saved.manifest.labels == ("dark", "light")
    assert saved.budgets is not None
    told = saved.manifest.provenance["finetuned_from"]
    assert saved.manifest.provenance["recipe"] == "finetune"
    assert told["folder"] == "base"
    assert told["sha256"]["model.safetensors"] == base.manifest.files["model.safetensors"]
    assert base.manifest.files["model.safetensors"] in (saved.path / CARD).read_text("utf-8")
    asked = run("evaluate", "runs/fine", "--data", "shapes", "--json", cwd=place)
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout)["num_scenes"] == json.loads(fine.stdout)["num_scenes"]


def test_it_goes_on_from_the_same_model_only(place: Path, fine: subprocess.CompletedProcess[str]) -> None:
    assert run(*ASKED, "--resume", cwd=place).returncode == 0
    refused = run(*ASKED, "--resume", "--freeze", "agent", cwd=place)
    assert refused.returncode == 2
    assert "freeze was None, not 'agent'" in refused.stderr
    trained(place / "other")
    refused = run(*ASKED, "--resume", "--from", "other", cwd=place)
    assert refused.returncode == 2
    assert "start was 'base', not 'other'" in refused.stderr
    trained(place / "base", state_dim=16)
    refused = run(*ASKED, "--resume", cwd=place)
    trained(place / "base")
    assert "start_sha256 was" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code", "expected"),
    [
        (["shapes", "--from", "nowhere"], 1, "nowhere: there is no such folder"),
        (["shapes", "--from", "shapes"], 1, "shapes: is not a model folder"),
        (["shapes", "--from", "searcher"], 1, "its task is 'search'"),
        (["shapes", "--from", "base", "--freeze", "agnet"], 2, "Did you mean 'agent'?"),
        (["shapes", "--freeze", "agent"], 2, "give --from too"),
        (["finetune:shapes"], 2, "say which, as in foveate train finetune:shapes --from MODEL"),
        (["visual_search", "--from", "base"], 2, "'visual_search' starts from scratch: leave out --from"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_no_run(
    place: Path, arguments: list[str], exit_code: int, expected: str, tmp_path: Path
) -> None:
    done = run("train", *arguments, "--steps", "1", "--out", str(tmp_path / "run"), cwd=place)
    assert done.returncode == exit_code, done.stderr
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()
