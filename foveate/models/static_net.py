"""A plain convolutional net on a thumbnail of the whole scene: the honest opponent of looking.

Shape letters: n scenes, C bands, h x w thumbnail pixels, K outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from foveate.errors import UsageError
from foveate.models.counted import counted_macs
from foveate.models.preprocess import Preprocess

DEPTH = 5  # layers; their channels are multiples of `width`
SHRINK_TO = 6  # no layer shrinks below this many tokens on a side


@dataclass(frozen=True, kw_only=True)
class StaticNetConfig:
    """Everything that determines the net."""

    num_outputs: int
    """Classes, or things to locate."""
    input_px: tuple[int, int]
    """The whole scene is shrunk to this (height, width)."""
    width: int = 24
    """Channels of the first layer; the later ones have 2 to 4 times as many."""
    num_bands: int = 3
    value_range: tuple[float, float] = (0.0, 255.0)
    places: tuple[int, int] | None = None
    """Answer with logits over places on this grid instead of classes."""
    attends: bool = False
    """Pool by attention over places, which training scenes that say where the thing is teach too."""

    def __post_init__(self) -> None:
        if min(self.input_px) < 4 or self.width < 1:
            raise UsageError(f"input_px is {self.input_px} and width {self.width}; at least 4 x 4 px and width 1")


class StaticNet(nn.Module):
    """Convolutions with batch norm, strided while there is room, then a mean for classes or a map for places."""

    def __init__(self, config: StaticNetConfig) -> None:
        super().__init__()
        self.config = c = config
        self.preprocess = Preprocess(value_range=c.value_range, mean=(0.5,) * c.num_bands, std=(0.25,) * c.num_bands)
        most = 2 if c.places else DEPTH - 1  # a map of places must stay fine
        layers: list[nn.Module] = []
        width, side, strided = c.num_bands, min(c.input_px), 0
        for layer, factor in enumerate((1, 2, 3, 4, 4)):
            stride = 2 if strided < most and side // 2 >= SHRINK_TO else 1
            side, strided = side // stride, strided + (stride == 2)
            kernel = 5 if layer == 0 else 3
            layers += [nn.Conv2d(width, factor * c.width, kernel, stride, kernel // 2, bias=False)]
            layers += [nn.BatchNorm2d(factor * c.width), nn.GELU()]
            width = factor * c.width
        self.trunk = nn.Sequential(*layers)
        self.answer = nn.Conv2d(width, c.num_outputs, 1)
        self.attention = nn.Conv2d(width, 1, 1) if c.attends else None

    def forward(self, pixels: Any) -> Tensor:
        """Logits ``[n, K]``, or ``[n, K, *places]``, of thumbnails ``[n, C, h, w]``."""
        return self.taught(pixels)[0]

    def taught(self, pixels: Any) -> list[Tensor]:
        """All predictions that training teaches: the answer, and of a net that attends, where ``[n, 1, h', w']``."""
        features = self.trunk(self.preprocess(pixels))
        if self.config.places is not None:
            return [nn.functional.interpolate(self.answer(features), size=self.config.places, mode="bilinear")]
        if self.attention is None:
            return [self.answer(features.mean((2, 3), keepdim=True))[:, :, 0, 0]]
        where = self.attention(features)
        weight = where.flatten(2).softmax(2).unflatten(2, tuple(where.shape[-2:]))
        return [self.answer((features * weight).sum((2, 3), keepdim=True))[:, :, 0, 0], where]

    def macs(self) -> int:
        """Multiply-adds per scene, counted by torch."""
        return counted_macs(self, (1, self.config.num_bands, *self.config.input_px))

    def num_params(self) -> int:
        return sum(p.numel() for p in self.parameters())

    @torch.no_grad()
    def answer_of(self, pixels: Any) -> Tensor:
        """The same as calling it, in evaluation mode and without gradient."""
        self.train(False)
        logits: Tensor = self(pixels)
        return logits
