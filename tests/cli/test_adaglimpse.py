"""AdaGlimpse's recipes from end to end on fakes of their data sets, as a person runs them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import torch

from foveate.model_folder import load_system
from tests.cli.test_train import run
from tests.support.fake_datasets import fake_ade20k, fake_imagenet

pytestmark = pytest.mark.slow

SHORT = ("--size", "test", "--looks", "2", "--steps", "2", "--json")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("adaglimpse")
    fake_ade20k(root / "ade")
    fake_imagenet(root / "imagenet")
    return root


@pytest.fixture(scope="module")
def segmenter(place: Path) -> subprocess.CompletedProcess[str]:
    return run("train", "ade20k_segmentation:ade", *SHORT, "--set", "batch_size=4", "--out", "runs/ade", cwd=place)


def test_a_segmentation_is_trained_measured_and_asked(place: Path, segmenter: subprocess.CompletedProcess[str]) -> None:
    assert segmenter.returncode == 0, segmenter.stderr
    results = json.loads(segmenter.stdout)
    assert results["metric"] == "mean_iou"
    assert results["num_scenes"] == 8
    assert results["settings"] == {"batch_size": 4}
    assert load_system(place / "runs/ade").manifest.provenance["settings"] == {"batch_size": 4}
    other = ("--set", "batch_size=2", "--out", "runs/ade", "--resume")
    refused = run("train", "ade20k_segmentation:ade", *SHORT, *other, cwd=place)
    assert refused.returncode == 2
    assert "set was {'batch_size': 4}, not {'batch_size': 2}" in refused.stderr
    asked = run("evaluate", "runs/ade", "--data", "ade20k_segmentation:ade", "--json", cwd=place)
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout)["data_warning"] is None


def test_more_looks_than_there_is_room_for_are_refused(
    place: Path, segmenter: subprocess.CompletedProcess[str]
) -> None:
    assert segmenter.returncode == 0, segmenter.stderr
    refused = run("look", "ade/images/validation", "--model", "runs/ade", "--max-looks", "99", cwd=place)
    assert refused.returncode == 2
    assert "max_looks is 99; the model of runs/ade/model has room for 2: give 0 to 2" in refused.stderr


def test_a_teacher_is_learned_from_or_refused_before_anything_is_written(place: Path) -> None:
    timm = pytest.importorskip("timm")
    torch.save(timm.create_model("test_vit", num_classes=4).state_dict(), place / "four.pth")
    torch.save(timm.create_model("test_vit", num_classes=9).state_dict(), place / "nine.pth")
    asked = ("train", "imagenet_classification:imagenet", *SHORT, "--out", "runs/taught", "--teacher", "test_vit")
    refused = run(*asked, "--teacher-weights", "nine.pth", cwd=place)
    assert refused.returncode == 1
    assert "nine.pth does not hold a test_vit of 4 classes" in refused.stderr
    assert "wrong shape: head.weight is 9x64, must be 4x64" in refused.stderr
    assert not (place / "runs" / "taught").exists()
    taught = run(*asked, "--teacher-weights", "four.pth", cwd=place)
    assert taught.returncode == 0, taught.stderr
    assert "+teacher=test_vit-" in load_system(place / "runs" / "taught").manifest.provenance["data"]
