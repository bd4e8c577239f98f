"""The published ImageNet recipe: its numbers, and a few steps of it in miniature."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from foveate.errors import DataError
from foveate.recipes.imagenet_deit_small import imagenet_deit_small
from foveate.recipes.picture_folder import picture_folder
from foveate.system import build
from foveate.training.crop_source import CropAugment, CropSource, mix, soften
from foveate.training.trainer import Trainer
from tests.unit.recipes.test_picture_folder import fill

torchvision = pytest.importorskip("torchvision")


def test_its_numbers_are_the_papers(tmp_path: Path) -> None:
    recipe = imagenet_deit_small(fill(tmp_path, 20))
    config, ppo, loss = recipe.train, recipe.train.ppo, recipe.train.loss
    assert config.lr / config.batch_size == pytest.approx(4e-3 / 4096)
    assert (config.weight_decay, config.num_looks, config.max_grad_norm) == (0.05, 4, 5.0)
    assert config.warmup_frac == pytest.approx(20 / 300)
    assert config.final_lr_frac * 4e-3 == pytest.approx(1e-6)
    assert (ppo.gamma, ppo.gae_lambda, ppo.every, ppo.epochs, ppo.max_grad_norm) == (0.5, 0.84, 10, 5, None)
    assert (loss.form, loss.distill_weight) == ("code", 1.0)
    assert config.steps == 300 * max(1, len(recipe.source) // config.batch_size)


def test_its_parts_are_those_of_every_run_on_the_folder(tmp_path: Path) -> None:
    """Also beside a broken file: a model that is trained further there must not meet its own test pictures."""
    fill(tmp_path, 40)
    for number in range(4):
        (tmp_path / "a" / f"broken{number}.jpg").write_bytes(b"x" * (100 + number))
    ours, others = imagenet_deit_small(tmp_path), picture_folder(tmp_path, steps=1)
    for part in ("source", "calibration", "test"):
        assert getattr(ours, part).folder.paths == getattr(others, part).folder.paths
    assert any("broken0.jpg" in note for note in ours.notes)


def test_a_folder_with_an_empty_part_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none is left to calibrate with.*better fifty"):
        imagenet_deit_small(fill(tmp_path, 4))


def test_a_few_steps_in_miniature(tmp_path: Path) -> None:
    recipe = imagenet_deit_small(
        fill(tmp_path, 20, size=(70, 60)), model="adaptivenn_tiny", scene_px=64, batch_size=4, steps=3
    ).with_train(eval_scenes=2, eval_every=3)
    trainer = Trainer(build(recipe.system), recipe.source, recipe.train, held_out=recipe.calibration)
    result = trainer.run()
    assert result.finished
    assert "eval/gap" in result.metrics[-1]
    assert len(trainer.agent.buffer) == 3  # every is 10


def test_a_training_batch_is_made_again_bit_by_bit(tmp_path: Path) -> None:
    recipe = imagenet_deit_small(fill(tmp_path, 20, size=(70, 60)), scene_px=64)
    assert isinstance(recipe.source, CropSource)
    whole = np.tile(np.float32([0, 0, 1, 1]), (6, 1, 1))
    one, again, other = (recipe.source.batch(np.arange(6), seed) for seed in (3, 3, 4))
    pixels = [batch.scenes.read(whole, (64, 64)).pixels for batch in (one, again, other)]
    assert np.array_equal(pixels[0], pixels[1])
    assert torch.equal(one.target, again.target)
    assert not np.array_equal(pixels[0], pixels[2])


def test_every_operation_gives_a_picture(tmp_path: Path) -> None:
    from torchvision.transforms.v2 import functional

    from foveate.training.rand_augment import OPERATIONS

    picture = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (3, 16, 20), dtype=np.uint8))
    for name, operation in OPERATIONS.items():
        for level, sign in ((0.9, 1.0), (1.0, -1.0)):
            changed = operation(functional, picture, level, sign)
            assert changed.shape == picture.shape, name
            assert changed.dtype == torch.uint8, name
            assert not torch.equal(changed, picture), name


@pytest.mark.parametrize("kind", ["mixup_alpha", "cutmix_alpha"])
def test_mixed_targets_are_as_mixed_as_the_pixels(kind: str) -> None:
    pixels = np.stack([np.full((1, 32, 32), value, np.uint8) for value in (0, 200)])
    augment = CropAugment(**{"mixup_alpha": 0.0, "cutmix_alpha": 0.0, kind: 1.0})
    mixed, target = mix(pixels, torch.eye(2), np.random.default_rng(1), augment)
    assert target.sum(1).tolist() == pytest.approx([1, 1])
    assert mixed[0].mean() / 200 == pytest.approx(float(target[0, 1]), abs=0.01)


def test_softened_targets_are_distributions() -> None:
    soft = soften(torch.tensor([1, 0]), 4, 0.1)
    assert soft.sum(1).tolist() == pytest.approx([1, 1])
    assert soft[0].tolist() == pytest.approx([0.025, 0.925, 0.025, 0.025])


def test_the_evaluation_crop_is_the_middle_of_the_short_side(tmp_path: Path) -> None:
    recipe = imagenet_deit_small(fill(tmp_path, 12, size=(622, 700)), scene_px=288)
    assert isinstance(recipe.test, CropSource)
    height, width = 622, 700
    view = recipe.test._eval_view(np.array([[height, width]]))[0, 0]
    side_px = 622 * 0.925
    assert view.tolist() == pytest.approx([0, 0, side_px / height, side_px / width])
