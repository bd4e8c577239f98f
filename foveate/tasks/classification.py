"""One label per scene. Prediction: logits ``[n, K]``. Target: class indices ``[n]`` or distributions ``[n, K]``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from foveate.tasks.certainty import categorical_certainty


@dataclass(frozen=True, kw_only=True)
class ClassificationConfig:
    """What the task knows of its classes."""

    class_names: tuple[str, ...]
    label_smoothing: float = 0.0


class Classification:
    """See the module's docstring."""

    primary_metric = "correct"

    def __init__(self, config: ClassificationConfig) -> None:
        self.config = config

    @property
    def num_outputs(self) -> int:
        return len(self.config.class_names)

    def loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        loss: Tensor = nn.functional.cross_entropy(
            prediction.float(), target, reduction="none", label_smoothing=self.config.label_smoothing
        )
        return loss

    def score(self, prediction: Tensor, target: Tensor) -> Tensor:
        return -self.loss(prediction, target)

    def certainty(self, prediction: Tensor) -> Mapping[str, Tensor]:
        return categorical_certainty(prediction)

    def metrics(self, prediction: Tensor, target: Tensor) -> Mapping[str, Tensor]:
        label = target.argmax(1) if target.ndim == 2 else target
        return {"correct": (prediction.argmax(1) == label).float()}

    def answers(self, prediction: Tensor) -> Sequence[Mapping[str, Any]]:
        p = torch.softmax(prediction.detach().float(), 1)
        best = p.argmax(1).tolist()
        rounded = p.tolist()
        names = self.config.class_names
        return [
            {"label": names[i], "probability": row[i], "probabilities": dict(zip(names, row, strict=True))}
            for i, row in zip(best, rounded, strict=True)
        ]
