"""AdaGlimpse's runs, each for two steps on a fake of its data set's layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from foveate.datasets import DATASETS
from foveate.datasets.listing import Pictures
from foveate.errors import DataError, UsageError
from foveate.recipes import RECIPES
from foveate.recipes.adaglimpse import _parts
from foveate.training.trainer import Trainer
from tests.support import fake_datasets

LAYOUTS = {
    "imagenet_classification": fake_datasets.fake_imagenet,
    "imagenet_reconstruction": fake_datasets.fake_imagenet,
    "ade20k_segmentation": fake_datasets.fake_ade20k,
    "ade20k_reconstruction": fake_datasets.fake_ade20k,
    "coco_reconstruction": fake_datasets.fake_coco,
    "sun360_classification": fake_datasets.fake_sun360,
    "sun360_reconstruction": fake_datasets.fake_sun360,
    "image_folder_reconstruction": fake_datasets.fake_pictures,
}
SMALL = {"size": "test", "scene_px": (64, 64), "looks": 2, "batch_size": 4, "steps": 4}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_few_steps_on_a_fake_of_the_layout(tmp_path: Path, name: str) -> None:
    torch.manual_seed(0)
    recipe = RECIPES.get(name)(LAYOUTS[name](tmp_path / "data"), **SMALL)
    short = recipe.with_train(eval_scenes=2, eval_every=4, alternate_every=1)
    result = Trainer(short.build(), short.source, short.train, held_out=short.calibration).run()
    assert result.finished
    assert "eval/gap" in result.metrics[-1]
    own = [set(part.pictures.paths) for part in (recipe.source, recipe.calibration, recipe.test)]
    assert not own[0] & own[1]
    assert not (own[0] | own[1]) & own[2]


def test_a_small_folder_calibrates_and_tests_on_parts_of_its_own(tmp_path: Path) -> None:
    """A few pictures each, so that a broken one ends no run."""
    folder = fake_datasets.fake_pictures(tmp_path / "data")
    recipe = RECIPES.get("image_folder_reconstruction")(folder, **SMALL)
    assert [recipe.source.pictures.name, recipe.calibration.pictures.name, recipe.test.pictures.name] == [
        "pictures-train",
        "pictures-val",
        "pictures-test",
    ]
    assert (len(recipe.source), len(recipe.calibration), len(recipe.test)) == (14, 3, 3)
    Path(recipe.calibration.pictures.paths[0]).write_bytes(b"no picture")
    other = RECIPES.get("image_folder_reconstruction")(folder, **SMALL)
    parts = (other.source, other.calibration, other.test)
    assert all(len(part.batch(np.arange(len(part)), 0).scenes) >= 2 for part in parts)


@pytest.mark.parametrize(("total", "expected"), [(20, 3), (2_000, 300), (20_210, 404), (1_281_167, 25_623)])
def test_a_small_set_calibrates_on_more_than_two_percent(
    monkeypatch: pytest.MonkeyPatch, total: int, expected: int
) -> None:
    listed = Pictures(name="x", root="", paths=tuple(map(str, range(total))))
    monkeypatch.setattr(DATASETS, "get", lambda name: lambda folder, *, split, target: listed)
    parts = _parts("ade20k", "", "picture", 0)
    assert (len(parts["calibrate"]), len(parts["train"])) == (expected, total - expected)


def test_the_papers_numbers(tmp_path: Path) -> None:
    folder = fake_datasets.fake_ade20k(tmp_path / "data")
    recipe = RECIPES.get("ade20k_segmentation")(folder)
    model = recipe.system.model.config
    assert (model["glimpse_grid"], model["max_looks"], model["size"]) == (3, 8, "base")
    assert recipe.train.backbone == "alternating"
    assert recipe.train.learner == "sac"
    assert recipe.train.sac.gamma == 0.99


def test_an_unknown_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"size is 'bsae'\. Did you mean 'base'"):
        RECIPES.get("ade20k_segmentation")(tmp_path, size="bsae")


def test_a_timm_net_teaches_in_place_of_labels(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    weights = tmp_path / "teacher.pth"
    torch.save(timm.create_model("test_vit", num_classes=4).state_dict(), weights)
    folder = fake_datasets.fake_imagenet(tmp_path / "data")
    recipe = RECIPES.get("imagenet_classification")(folder, teacher="test_vit", teacher_weights=weights, **SMALL)
    taught = recipe.source.batch(np.arange(3), 0).target
    assert set(taught) == {"label", "teacher"}
    for held_out in (recipe.calibration, recipe.test):
        assert held_out.batch(np.arange(1), 0).target.shape == (1,)
    short = recipe.with_train(eval_scenes=2, eval_every=4, alternate_every=1)
    run = Trainer(short.build(), short.source, short.train, held_out=short.calibration, folder=tmp_path)
    assert run.run().finished
    net = recipe.source.teacher.net[1]
    with torch.no_grad():
        net.head.bias.add_(1.0)
    torch.save(net.state_dict(), weights)
    other = RECIPES.get("imagenet_classification")(folder, teacher="test_vit", teacher_weights=weights, **SMALL)
    with pytest.raises(UsageError, match=r"was trained on other data .*teacher=test_vit-"):
        Trainer(short.build(), other.source, short.train, folder=tmp_path).run(resume=True)


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("ade20k_segmentation", {"teacher": "x", "teacher_weights": "x"}, "ade20k-train is to teach a mask: leave it"),
        ("imagenet_classification", {"teacher": "resnet50"}, "teacher_weights None: give both"),
        ("imagenet_classification", {"teacher_weights": "x.pth"}, "teacher is None and teacher_weights 'x.pth'"),
    ],
)
def test_what_no_teacher_can_teach_is_refused(
    tmp_path: Path, name: str, options: dict[str, str], expected: str
) -> None:
    with pytest.raises(UsageError, match=expected):
        RECIPES.get(name)(LAYOUTS[name](tmp_path), **SMALL, **options)


def test_another_layout_is_refused_with_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="images"):
        RECIPES.get("ade20k_segmentation")(fake_datasets.fake_pictures(tmp_path / "data"))
