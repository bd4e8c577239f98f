"""Classes that do not exist are told apart from those that nobody says."""

from __future__ import annotations

import pytest
import torch

from foveate.errors import DataError
from foveate.tasks import TASKS
from foveate.tasks.classification import ClassificationConfig
from foveate.tasks.segmentation import Segmentation, SegmentationConfig

NAMES = ("sky", "sea", "sand")


@pytest.mark.parametrize("name", ["classification", "spotting"])
@pytest.mark.parametrize("strange", [3, -1, 255])
def test_a_label_of_no_class_is_refused(name: str, strange: int) -> None:
    task = TASKS.get(name)(ClassificationConfig(class_names=NAMES))
    with pytest.raises(DataError, match=rf"has the class {strange}; the task's 3 classes are 0 to 2: mend the labels"):
        task.loss(torch.zeros(2, 3), torch.tensor([2, strange]))


@pytest.mark.parametrize("asked", ["loss", "score", "metrics"])
def test_a_pixel_of_no_class_is_refused_and_one_that_nobody_says_is_not(asked: str) -> None:
    task = Segmentation(SegmentationConfig(class_names=NAMES))
    answer, target = torch.zeros(1, 3, 4, 4), torch.zeros(1, 8, 8, dtype=torch.int64)
    target[0, 0] = 255
    getattr(task, asked)(answer, target)
    target[0, 5, 5] = 7
    with pytest.raises(DataError, match=r"has the class 7; .* 0 to 2, and 255 for what nobody says"):
        getattr(task, asked)(answer, target)
