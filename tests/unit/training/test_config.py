"""Settings of training and tasks that make no sense are refused by name, value and bounds; NaN is within none."""

from __future__ import annotations

import math
from typing import Any

import pytest

from foveate.errors import UsageError
from foveate.tasks.classification import ClassificationConfig
from foveate.tasks.reconstruction import ReconstructionConfig
from foveate.tasks.segmentation import SegmentationConfig
from foveate.training.config import TrainConfig
from foveate.training.lesson import LossConfig
from foveate.training.ppo import PpoConfig
from foveate.training.sac import SacConfig

CLASSES = {"class_names": ("a",)}


@pytest.mark.parametrize(
    ("config", "values", "expected"),
    [
        (SacConfig, {"lr": math.nan}, "lr is nan; it must be at least 0"),
        (SacConfig, {"lr": -1.0}, "lr is -1.0; it must be at least 0"),
        (SacConfig, {"target_frac": -3.0}, "target_frac is -3.0; it must be between 0 and 1"),
        (SacConfig, {"weight_decay": -5.0}, "weight_decay is -5.0; it must be at least 0"),
        (SacConfig, {"start_transitions": -1}, "start_transitions is -1; it must be at least 0"),
        (SacConfig, {"reward_scale": math.nan}, "reward_scale is nan; it must be above 0"),
        (SacConfig, {"tau": 0.0}, "tau is 0.0; it must be above 0 and at most 1"),
        (SacConfig, {"gamma": math.nan}, "gamma is nan; it must be between 0 and 1"),
        (SacConfig, {"target_entropy": math.inf}, "target_entropy is inf; it must be a finite number"),
        (PpoConfig, {"lr": math.nan}, "lr is nan; it must be at least 0"),
        (PpoConfig, {"minibatches": 0}, "minibatches is 0; it must be at least 1"),
        (LossConfig, {"distill_temperature": 0.0}, "distill_temperature is 0.0; it must be above 0"),
        (TrainConfig, {"steps": 1, "random_frac": 2.0}, "random_frac is 2.0; it must be between 0 and 1"),
        (TrainConfig, {"steps": 1, "guided_frac": 1.1}, "guided_frac is 1.1; it must be between 0 and 1"),
        (TrainConfig, {"steps": 1, "opening_frac": -0.1}, "opening_frac is -0.1; it must be between 0 and 1"),
        (TrainConfig, {"steps": 1, "opening_scenes": -1}, "opening_scenes is -1; it must be at least 0"),
        (TrainConfig, {"steps": 1, "warmup_frac": math.nan}, "warmup_frac is nan; it must be between 0 and 1"),
        (TrainConfig, {"steps": 1, "lr": math.inf}, "lr is inf; it must be at least 0"),
        (TrainConfig, {"steps": 1, "seconds": math.nan}, "seconds is nan; it must be above 0"),
        (TrainConfig, {"steps": 1, "eval_scenes": 0}, "eval_scenes is 0; it must be at least 1"),
        (ReconstructionConfig, {"score_unit": math.nan}, "score_unit is nan; it must be above 0"),
        (ReconstructionConfig, {"value_range": (1.0, 1.0)}, "the second number must be above the first"),
        (SegmentationConfig, {"class_names": ()}, "class_names is empty; name every class"),
        (SegmentationConfig, {**CLASSES, "balance": math.nan}, "balance is nan; it must be between 0 and 1"),
        (ClassificationConfig, {"class_names": ()}, "class_names is empty; name every class"),
    ],
)
def test_nonsense_is_refused(config: type[Any], values: dict[str, Any], expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        config(**values)


def test_what_is_not_set_is_not_checked() -> None:
    assert SacConfig(max_grad_norm=None).target_entropy is None
    assert TrainConfig(steps=1, random_frac=1.0, lr=0.0).seconds is None
