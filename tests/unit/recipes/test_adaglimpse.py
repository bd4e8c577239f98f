"""AdaGlimpse's runs, each for two steps on a fake of its data set's layout."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from foveate.errors import DataError
from foveate.recipes import RECIPES
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


def test_the_papers_numbers(tmp_path: Path) -> None:
    folder = fake_datasets.fake_ade20k(tmp_path / "data")
    recipe = RECIPES.get("ade20k_segmentation")(folder)
    model = recipe.system.model.config
    assert (model["glimpse_grid"], model["max_looks"], model["size"]) == (3, 8, "base")
    assert recipe.train.backbone == "alternating"
    assert recipe.train.learner == "sac"
    assert recipe.train.sac.gamma == 0.99


def test_another_layout_is_refused_with_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="images"):
        RECIPES.get("ade20k_segmentation")(fake_datasets.fake_pictures(tmp_path / "data"))
