"""Backbones for glances and fixations: pixels -> a map of tokens. Any of them can serve either purpose.

Shape letters: n glimpses, C bands, H x W pixels, d channels, h x w tokens.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from foveate.registry import Registry

BACKBONES: Registry[Any] = Registry("backbone")
BACKBONES.register("conv", "foveate.models.backbones:ConvBackbone")
BACKBONES.register("vit", "foveate.models.vit:VitBackbone")
BACKBONES.register("timm", "foveate.models.timm_backbone:TimmBackbone", extra="timm")
BACKBONES.register("efficientnet_lite0", "foveate.models.efficientnet_lite0:EfficientNetLite0", extra="pretrained")


class ConvBackbone(nn.Module):
    """A small convolutional net, as in the paper's visual search (section 8.4: two and three layers).

    With ``mix`` every token also receives a linear reading of the whole glimpse, so that a fixation that covers an
    object only partly can still say where its centre is. With ``strongest`` there is one token, of each channel the
    strongest response anywhere: a thing is read the same wherever it lies, and so is learned from fewer of them. With
    ``norm`` each layer's responses are normalised, which such short paths need. With ``skips`` every token also
    receives the strongest responses of each earlier layer in its part of the glimpse, through a linear layer: things of
    a few pixels are not lost in the strides.
    """

    def __init__(
        self,
        *,
        num_bands: int,
        image_px: tuple[int, int],
        channels: tuple[int, ...] = (16, 32, 48),
        strides: tuple[int, ...] = (2, 2, 1),
        kernels: tuple[int, ...] = (5, 3, 3),
        mix: int = 0,
        strongest: bool = False,
        norm: bool = False,
        skips: bool = False,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width, self._ends = num_bands, [0]
        for out, stride, kernel in zip(channels, strides, kernels, strict=True):
            layers += [nn.Conv2d(width, out, kernel, stride, kernel // 2), *([nn.GroupNorm(1, out)] if norm else [])]
            layers.append(nn.ReLU(inplace=True))
            self._ends.append(len(layers))
            width = out
        if strongest:
            layers.append(nn.AdaptiveMaxPool2d(1))
        # With channels last a step of training takes two thirds of the time, on processors at least.
        self.layers = nn.Sequential(*layers).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.dim = width
        with torch.no_grad():
            self.grid = tuple(self.layers(torch.zeros(1, num_bands, *image_px)).shape[-2:])
        self.skips = nn.ModuleList([nn.Conv2d(one, width, 1) for one in channels[:-1]] if skips else [])
        num_tokens = self.grid[0] * self.grid[1]
        self.mix = (
            nn.Sequential(nn.Flatten(), nn.Linear(width * num_tokens, mix), nn.GELU(), nn.Linear(mix, width))
            if mix
            else None
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """``[n, C, H, W]`` -> ``[n, d, h, w]``."""
        tokens: Tensor = pixels.contiguous(memory_format=torch.channels_last)
        early = []
        for first, end in pairwise(self._ends[: len(self.skips) + 1]):
            tokens = self.layers[first:end](tokens)
            early.append(tokens)
        tokens = self.layers[self._ends[len(self.skips)] :](tokens)
        for skip, responses in zip(self.skips, early, strict=True):
            tokens = tokens + skip(_strongest(responses, self.grid))
        return tokens if self.mix is None else tokens + self.mix(tokens)[:, :, None, None]


def _strongest(responses: Tensor, grid: tuple[int, int]) -> Tensor:
    """Of responses ``[n, d, H, W]`` the strongest in each part ``[n, d, h, w]``."""
    (height, width), (rows, cols) = responses.shape[-2:], grid
    if height % rows or width % cols:
        return nn.functional.adaptive_max_pool2d(responses, grid)
    return nn.functional.max_pool2d(responses, (height // rows, width // cols))  # the same, up to four times as fast
