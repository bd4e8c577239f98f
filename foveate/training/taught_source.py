"""Scenes whose target holds what a teacher makes of them: distillation, once per episode.

The teacher sees the whole scene, augmented as the student's is; the task's loss is then KL(teacher || answer). Labels
stay in the target, so metrics are of the truth, and held-out scenes need no teacher.
Shape letters: n scenes, K classes, C bands, h x w thumbnail pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor, nn

from foveate.compatible import check_pixels
from foveate.core import Scenes
from foveate.training.sources import Batch, Indices, Source
from foveate.training.static import thumbnails


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """A net that sees the whole scene, shrunk, and says how likely each class is."""

    net: nn.Module
    """Logits ``[n, K]`` of thumbnails ``[n, C, h, w]`` as scenes give them; it normalises them itself."""
    input_px: tuple[int, int]
    """(height, width) of the thumbnails."""
    name: str
    """Of the net and its weights: a run taught by another is another run."""
    num_bands: int = 3
    value_range: tuple[float, float] = (0.0, 255.0)

    @torch.no_grad()
    def probabilities(self, scenes: Scenes) -> Tensor:
        """``[n, K]`` float32, on the CPU."""
        check_pixels(scenes, self)
        logits = self.net.eval()(thumbnails(scenes, self.input_px))
        return torch.as_tensor(logits.float().softmax(1).cpu())


class TaughtSource:
    """A source of labelled scenes, with a teacher's probabilities beside the labels."""

    def __init__(self, source: Source, teacher: Teacher) -> None:
        self.source, self.teacher = source, teacher

    def __len__(self) -> int:
        return len(self.source)

    @property
    def fingerprint(self) -> str:
        return f"{self.source.fingerprint}+teacher={self.teacher.name}"

    @property
    def broken(self) -> Mapping[str, str]:
        """Files that were skipped, if scenes are files."""
        return getattr(self.source, "broken", {})

    def to(self, device: Any) -> Self:
        """Moves the teacher; a trainer asks for it, as it is to compute where the student does."""
        self.teacher.net.to(device)
        return self

    def batch(self, indices: Indices, epoch_seed: int) -> Batch:
        """Targets are ``{"label": [n], "teacher": [n, K]}``."""
        batch = self.source.batch(indices, epoch_seed)
        taught = {"label": batch.target, "teacher": self.teacher.probabilities(batch.scenes)}
        return replace(batch, target=taught)
