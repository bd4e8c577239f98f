"""Where is each of K asked things? Treated as classification over places, as in the paper's visual search.

Prediction: logits over places ``[n, K, R, S]`` on a grid over the scene; any grid will do. Target: centres
``[n, K, 2]`` (row, col) in the frame [-1, 1]. A scene counts as found when all K answers lie within the tolerance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from foveate.geometry.viewpoint import grid_centers
from foveate.tasks.certainty import categorical_certainty
from foveate.tasks.places import place_loss


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """What is searched for and how near is near enough."""

    target_names: tuple[str, ...]
    """The K things."""
    tolerance: tuple[float, float] = (0.0625, 0.0625)
    """Distance (rows, cols) in the frame within which an answer is right: 7 px of a 224 px scene are 2 * 7 / 224."""


class Search:
    """See the module's docstring."""

    primary_metric = "found"

    def __init__(self, config: SearchConfig) -> None:
        self.config = config

    @property
    def num_outputs(self) -> int:
        return len(self.config.target_names)

    def loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy to the four places around the true centre, weighted bilinearly; mean over the K things."""
        return place_loss(prediction, target)

    def score(self, prediction: Tensor, target: Tensor) -> Tensor:
        return -self.loss(prediction, target)

    def certainty(self, prediction: Tensor) -> Mapping[str, Tensor]:
        """Of the least sure of the K answers. Confidence is the mass around the best place, not one cell's."""
        grid = tuple(prediction.shape[-2:])
        facts = {name: sure.amin(1) for name, sure in categorical_certainty(prediction.flatten(2)).items()}
        mass = _neighbourhood(torch.softmax(prediction.detach().flatten(2).float(), -1).unflatten(2, grid))
        return {**facts, "confidence": mass.flatten(2).amax(2).amin(1)}

    def metrics(self, prediction: Tensor, target: Tensor) -> Mapping[str, Tensor]:
        tolerance = torch.tensor(self.config.tolerance, device=target.device)
        distance = ((self.places(prediction) - target) / tolerance).square().sum(-1).sqrt()  # in tolerances
        found = distance <= 1
        return {"found": found.all(1).float(), "found_each": found.float().mean(1), "distance": distance.mean(1)}

    def places(self, prediction: Tensor) -> Tensor:
        """Answers ``[n, K, 2]`` in the frame: the centroid of the probability around the most probable place."""
        grid = prediction.shape[-2:]
        p = torch.softmax(prediction.detach().flatten(2).float(), -1)
        centers = grid_centers((grid[0], grid[1]), p)
        best = centers[_neighbourhood(p.unflatten(2, grid)).flatten(2).argmax(-1)]
        reach = torch.tensor([2 / grid[0], 2 / grid[1]], device=p.device) * 1.01
        near = ((centers - best[:, :, None, :]).abs() <= reach).all(-1)
        weight = p * near
        return (weight[..., None] * centers).sum(2) / weight.sum(2, keepdim=True).clamp(min=1e-12)

    def answers(self, prediction: Tensor) -> Sequence[Mapping[str, Any]]:
        sure = self.certainty(prediction)["confidence"].tolist()
        rows = self.places(prediction).tolist()
        names = self.config.target_names
        return [
            {"places": dict(zip(names, row, strict=True)), "probability": p} for row, p in zip(rows, sure, strict=True)
        ]


def _neighbourhood(p: Tensor) -> Tensor:
    """Sum over the 3 x 3 places around each."""
    return torch.nn.functional.avg_pool2d(p, 3, stride=1, padding=1) * 9
