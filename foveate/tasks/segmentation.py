"""Which class does every pixel belong to?

Prediction: logits ``[n, K, H, W]``. Target: classes ``[n, H, W]`` int64, with ``IGNORED`` where nobody says; where it
is of another size, the prediction is resized to it.

Shape letters: n scenes, K classes, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from foveate.config import check_numbers
from foveate.tasks import IGNORED
from foveate.tasks.certainty import categorical_certainty
from foveate.tasks.known import check_classes, check_named


@dataclass(frozen=True, kw_only=True)
class SegmentationConfig:
    """What the task knows of its classes."""

    class_names: tuple[str, ...]
    score_scale: float = 10.0
    """Score per nat of cross-entropy: differences between two looks are small."""
    balance: float = 0.0
    """Pixels of a class count by the power ``-balance`` of how many a scene has: 0 counts all alike, 1 all classes
    alike. Where most is background, little else is learned at 0."""

    def __post_init__(self) -> None:
        check_named(self.class_names)
        check_numbers(self, "balance", least=0, most=1)
        check_numbers(self, "score_scale", above=0)


class Segmentation:
    """See the module's docstring. The primary metric is the mean IoU of the classes that a scene holds: where most is
    background, to call all of it so gets nearly every pixel right."""

    primary_metric = "mean_iou"

    def __init__(self, config: SegmentationConfig) -> None:
        self.config = config

    @property
    def num_outputs(self) -> int:
        return len(self.config.class_names)

    def loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy ``[n]``, mean over the pixels that somebody says, each counting as ``balance`` has it."""
        each = nn.functional.cross_entropy(
            self._resized(prediction, target), target, reduction="none", ignore_index=IGNORED
        )
        weight = self._weight(target)
        return (weight * each).sum((1, 2)) / weight.sum((1, 2)).clamp(min=1e-6)

    def _weight(self, target: Tensor) -> Tensor:
        """Of each pixel ``[n, H, W]``; 0 where nobody says."""
        is_said = target != IGNORED
        if self.config.balance == 0:
            return is_said.float()
        of_class = self._counts(target, target).clamp(min=1) ** -self.config.balance
        flat = target.masked_fill(~is_said, 0).flatten(1)
        return of_class.gather(1, flat).unflatten(1, target.shape[1:]) * is_said

    def score(self, prediction: Tensor, target: Tensor) -> Tensor:
        return -self.config.score_scale * self.loss(prediction, target)

    def certainty(self, prediction: Tensor) -> Mapping[str, Tensor]:
        """Means over pixels."""
        per_pixel = categorical_certainty(prediction.detach().movedim(1, -1).flatten(1, 2))
        return {name: sure.mean(1) for name, sure in per_pixel.items()}

    def metrics(self, prediction: Tensor, target: Tensor) -> Mapping[str, Tensor]:
        """``pixel_accuracy``, and of the classes that a scene holds the mean accuracy and the mean intersection over
        union with what was answered. NaN for a scene where nobody says anything, and for an answer that is no number:
        neither is right."""
        logits = self._resized(prediction, target)
        answer = logits.max(1).indices.masked_fill(target == IGNORED, IGNORED)
        said, right = self._counts(target, target), self._counts(target, torch.where(answer == target, target, IGNORED))
        union = said + self._counts(answer, answer) - right
        is_there = said > 0
        num_there = is_there.sum(1).clamp(min=1)
        total = said.sum(1)
        found = {
            "pixel_accuracy": right.sum(1) / total.clamp(min=1),
            "mean_class_accuracy": (right / said.clamp(min=1)).sum(1) / num_there,
            "mean_iou": (is_there * right / union.clamp(min=1)).sum(1) / num_there,
        }
        unknown = (total == 0) | logits.isnan().flatten(1).any(1)
        return {name: values.masked_fill(unknown, torch.nan) for name, values in found.items()}

    def answers(self, prediction: Tensor) -> Sequence[Mapping[str, Any]]:
        """The share of the scene that every class takes; the map itself is in the prediction."""
        classes = prediction.detach().max(1).indices
        shares = self._counts(classes, classes) / classes[0].numel()
        names = self.config.class_names
        return [
            {"shares": {name: share for name, share in zip(names, row, strict=True) if share > 0}}
            for row in shares.tolist()
        ]

    def _counts(self, classes: Tensor, where: Tensor) -> Tensor:
        """Pixels ``[n, K]`` of every class, of those not ignored in ``where``."""
        flat = torch.where(where == IGNORED, self.num_outputs, classes).flatten(1)
        counts = torch.zeros(len(flat), self.num_outputs + 1, device=flat.device)
        return counts.scatter_add(1, flat, torch.ones_like(flat, dtype=counts.dtype))[:, :-1]

    def _resized(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Logits of the target's size, once it is known that all classes in it exist."""
        check_classes(target, self.num_outputs, ignored=IGNORED)
        logits = prediction.float()
        if logits.shape[-2:] == target.shape[-2:]:
            return logits
        return nn.functional.interpolate(logits, size=target.shape[-2:], mode="bilinear", align_corners=False)
