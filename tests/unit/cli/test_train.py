"""What makes a training run the one that it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from foveate.cli.main import main
from foveate.cli.train import start_identity
from foveate.model_folder import load_system, save
from tests.unit.recipes.test_finetune import trained


def test_a_run_knows_the_weights_of_every_part_that_it_starts_from(tmp_path: Path) -> None:
    """Another policy or critic makes another run of it, as another model does."""
    assert start_identity(None) == {"start": None, "start_sha256": None}
    system = load_system(trained(tmp_path / "base")).system
    first = start_identity(tmp_path / "base")
    assert first["start"] == str(tmp_path / "base")
    found = {first["start_sha256"]}
    for part in ("model", "policy", "critic"):
        with torch.no_grad():
            next(getattr(system, part).parameters()).add_(1)
        save(system, tmp_path / "base", provenance={})
        found.add(start_identity(tmp_path / "base")["start_sha256"])
    assert len(found) == 4
    save(replace(system, critic=None), tmp_path / "base", provenance={})
    assert start_identity(tmp_path / "base")["start_sha256"] not in found


def test_what_was_measured_changes_nothing(tmp_path: Path) -> None:
    system = load_system(trained(tmp_path / "base")).system
    before = start_identity(tmp_path / "base")
    save(system, tmp_path / "base", provenance={"seed": 1}, metrics={"correct": 0.5})
    assert start_identity(tmp_path / "base") == before


@pytest.mark.parametrize(
    "wrong",
    [
        ("--policy", "gaussian"),
        ("--looks", "99"),
        ("--set", "nothing=1"),
    ],
)
def test_a_wrong_setting_leaves_no_run_folder_in_the_way_of_the_right_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: tuple[str, ...]
) -> None:
    out = tmp_path / "run"
    assert main(["train", "tiny_reconstruction", "--steps", "1", "--out", str(out), *wrong]) in (1, 2)
    assert "Traceback" not in capsys.readouterr().err
    assert not out.exists()
