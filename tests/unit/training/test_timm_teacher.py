"""A timm net teaches with the weights of a file, all of them or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from foveate.errors import ModelFolderError, UsageError
from foveate.scenes.memory import ArrayScenes
from foveate.training.timm_teacher import timm_teacher

timm = pytest.importorskip("timm")

NAME, CLASSES = "test_vit3", 5  # one whose blocks have gains


@pytest.fixture(scope="module")
def net() -> Any:
    torch.manual_seed(1)
    made = timm.create_model(NAME, num_classes=CLASSES).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))  # gains of 1e-5 would hide the blocks
    return made


def saved(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def test_it_says_what_the_net_says_however_the_file_was_saved(tmp_path: Path, net: Any) -> None:
    weights = net.state_dict()
    save_file(weights, tmp_path / "plain.safetensors")
    deit = {name.replace(".ls1.gamma", ".gamma_1").replace(".ls2.gamma", ".gamma_2"): w for name, w in weights.items()}
    assert "blocks.0.gamma_1" in deit
    files = [
        tmp_path / "plain.safetensors",
        saved(tmp_path / "plain.pth", weights),
        saved(tmp_path / "deit.pth", {"model": deit}),
        saved(
            tmp_path / "script.pth",
            {"epoch": 3, "state_dict": {f"module._orig_mod.{name}": w for name, w in weights.items()}},
        ),
    ]
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 160, 160), np.uint8)
    with torch.no_grad():  # this net is told pixels from -1 to 1
        expected = net(torch.from_numpy(pixels) / 127.5 - 1).softmax(1)
    names = set()
    for file in files:
        before = torch.get_rng_state()
        teacher = timm_teacher(NAME, file, num_classes=CLASSES)
        assert torch.equal(torch.get_rng_state(), before)
        torch.testing.assert_close(teacher.probabilities(ArrayScenes(pixels)), expected, atol=1e-5, rtol=1e-4)
        names.add(teacher.name)
    assert len(names) == len(files)
    assert all(name.startswith("test_vit3-") for name in names)


def test_what_does_not_fit_is_refused_with_every_key(tmp_path: Path, net: Any) -> None:
    weights = dict(net.state_dict())
    weights["head.weights"] = weights.pop("head.weight")
    weights["blocks.0.norm1.weight"] = torch.ones(7)
    with pytest.raises(ModelFolderError, match=r"odd.pth does not hold a test_vit3 of 5 classes") as caught:
        timm_teacher(NAME, saved(tmp_path / "odd.pth", weights), num_classes=CLASSES)
    for problem in (
        "(3 problems)", "missing: head.weight", "unknown: head.weights",
        "wrong shape: blocks.0.norm1.weight is 7, must be 96",
    ):  # fmt: skip
        assert problem in str(caught.value)
    with pytest.raises(ModelFolderError, match=r"of 3 classes.*\n?.*head.weight is 5x96, must be 3x96"):
        timm_teacher(NAME, saved(tmp_path / "five.pth", net.state_dict()), num_classes=3)
    nothing = timm.create_model("test_resnet", num_classes=CLASSES).state_dict()
    with pytest.raises(ModelFolderError, match=r"\.\.\. and \d+ more"):
        timm_teacher(NAME, saved(tmp_path / "other.pth", nothing), num_classes=CLASSES)


def test_files_and_names_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"timm has no model 'test_vitt'. Did you mean 'test_vit"):
        timm_teacher("test_vitt", tmp_path / "x.pth", num_classes=2)
    for name in ("x.pth", "x.safetensors"):
        with pytest.raises(ModelFolderError, match=rf"{name}: no such file. Give the file of the teacher's weights"):
            timm_teacher(NAME, tmp_path / name, num_classes=2)
        (tmp_path / name).write_bytes(b"nothing")
        with pytest.raises(ModelFolderError, match=rf"{name}: damaged"):
            timm_teacher(NAME, tmp_path / name, num_classes=2)
