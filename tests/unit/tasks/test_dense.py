"""Dense tasks, against numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch

from foveate.errors import IncompatibleError, UsageError
from foveate.tasks import IGNORED
from foveate.tasks.primary import primary
from foveate.tasks.reconstruction import STEEPEST, Reconstruction, ReconstructionConfig, _foretelling_loss
from foveate.tasks.segmentation import Segmentation, SegmentationConfig

NAMES = ("background", "thing", "other")


def _certain(classes: torch.Tensor, sure: float = 20.0) -> torch.Tensor:
    return sure * torch.nn.functional.one_hot(classes, 3).movedim(-1, 1).float()


def test_mean_iou_is_of_the_classes_that_the_scene_holds_and_ignores_what_nobody_says() -> None:
    target = torch.tensor([[[0, 0, 1, IGNORED]]])
    answer = torch.tensor([[[0, 1, 1, 2]]])  # of class 0 one of two, of class 1 one of two seen
    metrics = Segmentation(SegmentationConfig(class_names=NAMES)).metrics(_certain(answer), target)
    assert float(metrics["mean_iou"]) == pytest.approx((1 / 2 + 1 / 2) / 2)
    assert float(metrics["pixel_accuracy"]) == pytest.approx(2 / 3)
    assert float(metrics["mean_class_accuracy"]) == pytest.approx((1 / 2 + 1) / 2)


def test_balance_weighs_classes_by_how_many_pixels_they_have() -> None:
    target = torch.tensor([[[0, 0, 0, 0, 0, 0, 0, 0, 1, IGNORED]]])
    all_background = _certain(torch.zeros_like(target), sure=3.0)
    right, wrong = -torch.log_softmax(torch.tensor([3.0, 0.0, 0.0]), 0)[:2].double()
    for balance in (0.0, 0.5, 1.0):
        weights = torch.tensor([8 * 8**-balance, 1.0], dtype=torch.float64)
        expected = (weights[0] * right + weights[1] * wrong) / weights.sum()
        task = Segmentation(SegmentationConfig(class_names=NAMES, balance=balance))
        assert float(task.loss(all_background, target)) == pytest.approx(float(expected), rel=1e-5)
    nobody = torch.full_like(target, IGNORED)
    assert float(Segmentation(SegmentationConfig(class_names=NAMES, balance=1.0)).loss(all_background, nobody)) == 0
    with pytest.raises(UsageError, match="balance is 2"):
        SegmentationConfig(class_names=NAMES, balance=2.0)


def test_what_was_seen_is_pasted_only_where_it_was_seen() -> None:
    task = Reconstruction(ReconstructionConfig())
    target = torch.full((1, 1, 4, 4), 102.0)
    mask = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    mask[..., :2, :] = True
    prediction = {
        "pixels": torch.full((1, 1, 4, 4), 0.6), "log_error": torch.zeros(1, 2, 2),
        "seen": torch.full((1, 1, 4, 4), 0.4), "seen_mask": mask,
    }  # fmt: skip
    metrics = task.metrics(prediction, target)
    assert float(metrics["rmse"]) == pytest.approx(51.0)
    assert float(metrics["rmse_pasted"]) == pytest.approx(51.0 / 2**0.5)


def test_the_error_that_is_foretold_best_is_the_mean() -> None:
    errors = torch.tensor([0.01, 0.01, 0.01, 0.09]).log()
    foretold = torch.linspace(-6, -1, 501)
    losses = torch.stack([_foretelling_loss(errors - one).mean() for one in foretold])
    assert float(foretold[losses.argmin()].exp()) == pytest.approx(0.03, rel=0.02)
    assert float(_foretelling_loss(torch.zeros(()))) == 0
    wide = torch.tensor([STEEPEST - 1e-4, STEEPEST + 1e-4])
    assert float(_foretelling_loss(wide).diff().abs()) < 1e-2  # no jump where it turns straight
    assert bool(_foretelling_loss(torch.tensor([80.0])).isfinite())


def test_neither_a_scene_without_any_class_nor_an_answer_that_is_no_number_is_right() -> None:
    target = torch.zeros(4, 2, 3, dtype=torch.int64)
    target[1] = IGNORED
    logits = _certain(torch.zeros(4, 2, 3, dtype=torch.int64))
    logits[2] = torch.nan
    logits[3, :, 1, 1] = torch.nan
    task = Segmentation(SegmentationConfig(class_names=NAMES))
    for values in task.metrics(logits, target).values():
        assert float(values[0]) == 1
        assert values[1:].isnan().all()
    with pytest.raises(IncompatibleError, match=r"'mean_iou' of Segmentation gave nan for 3 of 4 scenes"):
        primary(task, task.metrics(logits, target))
