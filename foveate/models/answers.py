"""What a family that paints a canvas can answer: classes, pixels or segments.

An answer reads the class token and the cells, and says what it costs. Names are those of :data:`ANSWERS`.
Shape letters: n rows, c token features, d cell features, m = R x S cells, K outputs, C bands, H x W canvas pixels.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from foveate.layers.macs import conv_macs, linear_macs
from foveate.models.vit import init_linear
from foveate.registry import Registry

ANSWERS: Registry[Any] = Registry("answer")
ANSWERS.register("classes", "foveate.models.answers:ClassAnswer")
ANSWERS.register("cell_classes", "foveate.models.answers:CellClassAnswer")
ANSWERS.register("pixels", "foveate.models.answers:PixelAnswer")
ANSWERS.register("segments", "foveate.models.answers:SegmentAnswer")


class ClassAnswer(nn.Module):
    """Logits ``[n, K]`` from the class token."""

    needs_canvas, is_dense = False, False

    def __init__(self, *, num_outputs: int, token_dim: int, **_: Any) -> None:
        super().__init__()
        self.logits = nn.Linear(token_dim, num_outputs)
        init_linear(self.logits)

    def forward(self, start: Tensor, cells: Tensor | None) -> Tensor:
        logits: Tensor = self.logits(start)
        return logits

    def macs(self) -> int:
        return linear_macs(1, self.logits.in_features, self.logits.out_features)


class CellClassAnswer(nn.Module):
    """Logits ``[n, K]`` from the cells that matter, by attention: a short way from what was seen to the answer, where a
    class token must first learn to ask."""

    needs_canvas, is_dense = True, False

    def __init__(self, *, num_outputs: int, cell_dim: int, grid: tuple[int, int], hidden: int = 64, **_: Any) -> None:
        super().__init__()
        self.grid = grid
        self.weigh = nn.Linear(cell_dim, 1)
        self.read = nn.Sequential(nn.Linear(cell_dim, hidden), nn.GELU())
        self.logits = nn.Linear(hidden, num_outputs)

    def forward(self, start: Tensor, cells: Tensor) -> Tensor:
        weight = self.weigh(cells).softmax(1)
        logits: Tensor = self.logits((weight * self.read(cells)).sum(1))
        return logits

    def macs(self) -> int:
        hidden, count = self.logits.in_features, math.prod(self.grid)
        return linear_macs(count, self.weigh.in_features, 1 + hidden) + linear_macs(1, hidden, self.logits.out_features)


class PixelAnswer(nn.Module):
    """``pixels`` ``[n, C, H, W]`` of the whole scene, in [0, 1] of its range, and ``log_error`` ``[n, R, S]``: of each
    cell the logarithm of the squared error that its pixels are expected to have."""

    needs_canvas, is_dense = True, True

    def __init__(
        self,
        *,
        num_bands: int,
        patch_px: int,
        cell_dim: int,
        grid: tuple[int, int],
        mean: tuple[float, ...],
        std: tuple[float, ...],
        **_: Any,
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1), persistent=False)
        self.grid, self.patch_px, self.num_bands = grid, patch_px, num_bands
        self.pixels = nn.Linear(cell_dim, patch_px**2 * num_bands)
        self.log_error = nn.Linear(cell_dim, 1)
        self.apply(init_linear)

    def forward(self, start: Tensor, cells: Tensor) -> dict[str, Tensor]:
        (rows, cols), side, bands = self.grid, self.patch_px, self.num_bands
        patches = self.pixels(cells).float().reshape(-1, rows, cols, side, side, bands)
        normed = patches.permute(0, 5, 1, 3, 2, 4).reshape(-1, bands, rows * side, cols * side)
        pixels = normed * self.get_buffer("std") + self.get_buffer("mean")
        # What foretells the error must not make pixels more predictable instead of better.
        return {"pixels": pixels, "log_error": self.log_error(cells.detach()).float().reshape(-1, rows, cols)}

    def doubt(self, cells: Tensor) -> Tensor:
        """Expected squared error ``[n, m]`` of each cell's pixels."""
        return self.log_error(cells)[..., 0].float().exp()

    def macs(self) -> int:
        return linear_macs(math.prod(self.grid), self.pixels.in_features, self.pixels.out_features + 1)

    def doubt_macs(self) -> int:
        return linear_macs(math.prod(self.grid), self.pixels.in_features, 1)


class SegmentAnswer(nn.Module):
    """Logits ``[n, K, H, W]``: convolutions with a doubling of the size after each of the first ones."""

    needs_canvas, is_dense = True, True

    def __init__(
        self,
        *,
        num_outputs: int,
        cell_dim: int,
        grid: tuple[int, int],
        widths: tuple[int, ...] = (512, 256, 256, 256, 256),
        **_: Any,
    ) -> None:
        super().__init__()
        self.grid = grid
        layers: list[nn.Module] = []
        for before, width, is_last in zip(
            (cell_dim, *widths), widths, [*[False] * (len(widths) - 1), True], strict=False
        ):
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.GELU()]
            if not is_last:
                layers.append(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False))
        self.widths, self.num_outputs = (cell_dim, *widths), num_outputs
        self.up = nn.Sequential(*layers, nn.Conv2d(widths[-1], num_outputs, 1))

    def forward(self, start: Tensor, cells: Tensor) -> Tensor:
        logits: Tensor = self.up(cells.transpose(1, 2).unflatten(2, self.grid))
        return logits.float()

    def doubt(self, cells: Tensor) -> Tensor:
        """Entropy ``[n, m]`` of the classes, mean over each cell, in nats."""
        p = self.forward(cells[:, 0], cells).softmax(1)
        entropy = -(p * p.clamp(min=1e-12).log()).sum(1)
        return nn.functional.adaptive_avg_pool2d(entropy, self.grid).flatten(1)

    def doubt_macs(self) -> int:
        return self.macs()

    def macs(self) -> int:
        total, grid = 0, self.grid
        for i, (before, width) in enumerate(zip(self.widths, self.widths[1:], strict=False)):
            grid = self.grid if i == 0 else (2 * grid[0], 2 * grid[1])
            total += conv_macs(grid, before, width, (3, 3))
        return total + conv_macs(grid, self.widths[-1], self.num_outputs, (1, 1))
