"""One label per scene. Prediction: logits ``[n, K]``. Target: class indices ``[n]`` or distributions ``[n, K]``; or
``{"label": [n], "teacher": [n, K]}``, where a teacher's probabilities are learned, and the labels only measured by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from foveate.config import check_numbers
from foveate.tasks.certainty import categorical_certainty
from foveate.tasks.known import check_classes, check_named

Target = Tensor | Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class ClassificationConfig:
    """What the task knows of its classes."""

    class_names: tuple[str, ...]
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        check_named(self.class_names)
        check_numbers(self, "label_smoothing", least=0, most=1)


class Classification:
    """See the module's docstring."""

    primary_metric = "correct"

    def __init__(self, config: ClassificationConfig) -> None:
        self.config = config

    @property
    def num_outputs(self) -> int:
        return len(self.config.class_names)

    def loss(self, prediction: Tensor, target: Target) -> Tensor:
        """Cross-entropy ``[n]``; with a teacher KL(teacher || answer), and no label."""
        if isinstance(target, Mapping):
            log_p = prediction.float().log_softmax(1)
            return nn.functional.kl_div(log_p, target["teacher"], reduction="none").sum(1)
        if target.ndim == 1:
            check_classes(target, self.num_outputs)
        loss: Tensor = nn.functional.cross_entropy(
            prediction.float(), target, reduction="none", label_smoothing=self.config.label_smoothing
        )
        return loss

    def score(self, prediction: Tensor, target: Target) -> Tensor:
        return -self.loss(prediction, target)

    def certainty(self, prediction: Tensor) -> Mapping[str, Tensor]:
        return categorical_certainty(prediction)

    def metrics(self, prediction: Tensor, target: Target) -> Mapping[str, Tensor]:
        return {"correct": (prediction.argmax(1) == _labels(target)).float()}

    def has_target(self, target: Target) -> Tensor:
        """Every scene is of some class."""
        return torch.ones(len(_labels(target)), dtype=torch.bool)

    def missed(self, prediction: Tensor, target: Target) -> Tensor:
        """Where the answer is wrong."""
        return prediction.argmax(1) != _labels(target)

    def answers(self, prediction: Tensor) -> Sequence[Mapping[str, Any]]:
        p = torch.softmax(prediction.detach().float(), 1)
        best, shares = p.argmax(1).tolist(), p.tolist()
        names = self.config.class_names
        return [
            {"label": names[i], "probability": row[i], "probabilities": dict(zip(names, row, strict=True))}
            for i, row in zip(best, shares, strict=True)
        ]


def _labels(target: Target) -> Tensor:
    """``[n]`` int64; of a distribution the likeliest."""
    label = target["label"] if isinstance(target, Mapping) else target
    return label.argmax(1) if label.ndim == 2 else label
