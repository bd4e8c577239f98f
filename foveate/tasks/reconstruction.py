"""What does the whole scene look like? Every pixel is predicted, also where nothing was seen.

Prediction: ``pixels`` ``[n, C, H, W]`` in [0, 1] of the scenes' range and ``log_error`` ``[n, R, S]``, for each cell of
any grid the logarithm of the squared error that is expected there. Target: the scene's pixels ``[n, C, H, W]``, in the
scenes' range; of another size than the prediction, it is resized to it. Certainty is what the prediction says of
itself, never the true error. Shape letters: n scenes, C bands, H x W pixels, R x S cells.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from foveate.config import check_numbers
from foveate.errors import UsageError

Picture = Mapping[str, Tensor]
STEEPEST = 2.0
LEAST_ERROR = 1e-6  # squared, in the unit range: a thirtieth of a grey level


@dataclass(frozen=True, kw_only=True)
class ReconstructionConfig:
    """How errors are counted."""

    value_range: tuple[float, float] = (0.0, 255.0)
    """Of the target's pixels; errors are reported in its units."""
    score_unit: float = 1.0
    """RMSE in units of ``value_range`` that makes one unit of score, and so of reward: 1.0 is AdaGlimpse's, whose first
    glimpse earns tens; 10 brings rewards to the size of the entropy's bonus."""
    error_weight: float = 0.01
    """Of the loss that teaches ``log_error``."""

    def __post_init__(self) -> None:
        check_numbers(self, "score_unit", above=0)
        check_numbers(self, "error_weight", least=0)
        check_numbers(self, "value_range")
        if self.value_range[1] <= self.value_range[0]:
            raise UsageError(f"value_range is {self.value_range}; the second number must be above the first")


class Reconstruction:
    """See the module's docstring. The primary metric is the share of the scene's variance that is explained."""

    primary_metric = "explained"
    num_outputs = 1

    def __init__(self, config: ReconstructionConfig) -> None:
        self.config = config

    def loss(self, prediction: Picture, target: Tensor) -> Tensor:
        """Mean squared error ``[n]``, and how far ``log_error`` is from what the error was."""
        pixels = prediction["pixels"].float()
        squared = (pixels - self._unit(target, pixels.shape[-2:])).square().mean(1)  # [n, H, W]
        foretold = prediction["log_error"].float()
        grid = (foretold.shape[-2], foretold.shape[-1])
        actual = nn.functional.adaptive_avg_pool2d(squared.detach(), grid).clamp(min=LEAST_ERROR).log()
        missed = _foretelling_loss(actual - foretold).mean((1, 2))
        return squared.mean((1, 2)) + self.config.error_weight * missed

    def score(self, prediction: Picture, target: Tensor) -> Tensor:
        """Minus the root mean squared error, in ``score_unit``."""
        return -self._rmse(prediction["pixels"], target) / self.config.score_unit

    def certainty(self, prediction: Picture) -> Mapping[str, Tensor]:
        """Of the foretold errors: ``confidence`` the share of the pixels' range by which they are not expected to be
        wrong, ``entropy`` minus the nats above the least error, ``margin`` the confidence in the worst cell."""
        foretold = prediction["log_error"].detach().float().flatten(1)
        squared = foretold.exp()
        return {
            "confidence": 1 - squared.mean(1).sqrt().clamp(max=1.0),
            "entropy": -(foretold - math.log(LEAST_ERROR)).clamp(min=0).mean(1) / 2,
            "margin": 1 - squared.amax(1).sqrt().clamp(max=1.0),
        }

    def metrics(self, prediction: Picture, target: Tensor) -> Mapping[str, Tensor]:
        """``rmse`` of all pixels as predicted; ``rmse_pasted`` with what was seen at full resolution pasted in, for
        families that say so (``seen`` ``[n, C, H, W]`` and ``seen_mask`` ``[n, 1, H, W]``)."""
        wanted = self._unit(target, prediction["pixels"].shape[-2:])
        rest = (prediction["pixels"].float().clamp(0, 1) - wanted).square().mean((1, 2, 3))
        spread = wanted.var((2, 3), correction=0).mean(1).clamp(min=LEAST_ERROR)
        found = {"explained": (1 - rest / spread).clamp(0, 1), "rmse": self._rmse(prediction["pixels"], target)}
        if "seen" in prediction:
            pasted = torch.where(prediction["seen_mask"], prediction["seen"].float(), prediction["pixels"].float())
            found["rmse_pasted"] = self._rmse(pasted, target)
        return found

    def answers(self, prediction: Picture) -> Sequence[Mapping[str, Any]]:
        """The error that is expected, in units of the range; the picture itself is in the prediction."""
        expected = prediction["log_error"].detach().float().flatten(1).exp().mean(1).sqrt() * self._span
        return [{"expected_rmse": error} for error in expected.tolist()]

    @property
    def _span(self) -> float:
        return self.config.value_range[1] - self.config.value_range[0]

    def _rmse(self, pixels: Tensor, target: Tensor) -> Tensor:
        wanted = self._unit(target, pixels.shape[-2:])
        return (pixels.float().clamp(0, 1) - wanted).square().mean((1, 2, 3)).sqrt() * self._span

    def _unit(self, target: Tensor, size_px: tuple[int, ...]) -> Tensor:
        """The target in [0, 1], of the prediction's (height, width)."""
        wanted = (target.float() - self.config.value_range[0]) / self._span
        if wanted.shape[-2:] != size_px:
            wanted = nn.functional.interpolate(wanted, size=size_px, mode="bilinear", antialias=True)
        return wanted


def _foretelling_loss(difference: Tensor) -> Tensor:
    """Of the difference between the logarithms of an error and of what was foretold: the Itakura-Saito divergence. Its
    optimum is the mean error, not the median, which would take plain areas for certain. Straight above ``STEEPEST``."""
    ratio = torch.where(
        difference < STEEPEST,
        difference.clamp(max=STEEPEST).exp(),
        math.exp(STEEPEST) * (1 + difference - STEEPEST),
    )
    return ratio - difference - 1
