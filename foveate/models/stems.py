"""How the pixels of one patch become a token: a linear map (the paper's), or a small conv net, which learns to read
small things in minutes where a linear map needs days: "conv" keeps where in the patch things are, "max" finds them
anywhere in it.

Shape letters: b patches, C bands, h x w pixels, c features.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from foveate.layers.macs import conv_macs, linear_macs
from foveate.models.counted import counted_macs
from foveate.registry import Registry

STEMS: Registry[Any] = Registry("stem")
STEMS.register("linear", "foveate.models.stems:LinearStem")
STEMS.register("conv", "foveate.models.stems:ConvStem")
STEMS.register("max", "foveate.models.stems:MaxStem")

CONV_WIDTHS = (24, 48)
MAX_WIDTHS = (24, 48, 96)
MAX_KERNELS = (5, 3, 5)
MAX_STRIDES = (2, 2, 1)


class LinearStem(nn.Linear):
    """One dense layer over the patch's pixels."""

    def __init__(self, *, num_bands: int, patch_px: int, dim: int) -> None:
        super().__init__(num_bands * patch_px**2, dim)

    def forward(self, pixels: Tensor) -> Tensor:
        """``[b, C, h, w]`` to ``[b, c]``."""
        return super().forward(pixels.flatten(1))

    def macs(self) -> int:
        """Multiply-adds of one patch."""
        return linear_macs(1, self.in_features, self.out_features)


class ConvStem(nn.Module):
    """Two strided convolutions, then a dense layer."""

    def __init__(self, *, num_bands: int, patch_px: int, dim: int) -> None:
        super().__init__()
        first, second = CONV_WIDTHS
        self.side = patch_px
        self.net = nn.Sequential(
            nn.Conv2d(num_bands, first, 5, stride=2, padding=2),
            nn.GELU(),
            nn.Conv2d(first, second, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Flatten(),
            nn.Linear(second * (-(-patch_px // 4)) ** 2, dim),
            nn.LayerNorm(dim),  # or what is seen would be a whisper beside where it is seen
        )
        self.num_bands, self.dim = num_bands, dim

    def forward(self, pixels: Tensor) -> Tensor:
        """``[b, C, h, w]`` to ``[b, c]``."""
        token: Tensor = self.net(pixels)
        return token

    def macs(self) -> int:
        """Multiply-adds of one patch."""
        half, quarter = -(-self.side // 2), -(-self.side // 4)
        convs = conv_macs((half, half), self.num_bands, CONV_WIDTHS[0], (5, 5))
        convs += conv_macs((quarter, quarter), *CONV_WIDTHS, (3, 3))
        return convs + linear_macs(1, CONV_WIDTHS[1] * quarter**2, self.dim)


class MaxStem(nn.Module):
    """Three convolutions, of whose features the strongest in the patch count: a thing is read the same wherever in the
    patch it lies, and so is learned from fewer of them."""

    def __init__(self, *, num_bands: int, patch_px: int, dim: int) -> None:
        super().__init__()
        self.side, self.num_bands = patch_px, num_bands
        layers: list[nn.Module] = []
        widths = pairwise((num_bands, *MAX_WIDTHS))
        for (before, width), kernel, stride in zip(widths, MAX_KERNELS, MAX_STRIDES, strict=True):
            layers += [nn.Conv2d(before, width, kernel, stride, kernel // 2), nn.GroupNorm(1, width), nn.GELU()]
        self.net = nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten())
        self.token = nn.Sequential(nn.Linear(MAX_WIDTHS[-1], dim), nn.LayerNorm(dim))

    def forward(self, pixels: Tensor) -> Tensor:
        """``[b, C, h, w]`` to ``[b, c]``."""
        token: Tensor = self.token(self.net(pixels))
        return token

    def macs(self) -> int:
        """Multiply-adds of one patch."""
        return counted_macs(self, (1, self.num_bands, self.side, self.side))
