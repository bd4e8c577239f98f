"""What a family that paints a canvas can answer: classes, pixels or segments.

An answer reads what the family knows of the scene, and says what it costs. Names are those of :data:`ANSWERS`.
Shape letters: n rows, p patches, c token features, d cell features, m = R x S cells, K outputs, C bands, H x W canvas
pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from foveate.layers.macs import conv_macs, linear_macs
from foveate.models.mosaic import detail
from foveate.models.patch_classes import PatchClasses
from foveate.models.vit import init_linear
from foveate.registry import Registry

# Of the error's logarithm at first, in a net's units: of the logarithms of slope and closeness, and a constant. What a
# coarse look misses grows with what it shows; taught from zero, a short training does not get there.
SLOPE_GAIN, CLOSENESS_GAIN, AT_FIRST = 0.5, -1.5, -2.0
LEAST_RELEVANCE = 0.01  # the class token's, which shows no place


@dataclass(frozen=True, kw_only=True)
class AnswerShape:
    """What an answer is told of the family and the task that it is made for; its options are its own."""

    num_outputs: int
    num_bands: int
    patch_px: int
    token_dim: int
    cell_dim: int
    """0 without a canvas."""
    grid: tuple[int, int]
    """(rows, cols) of cells."""
    mean: tuple[float, ...]
    std: tuple[float, ...]
    """Of the preprocessing, as ``mean``."""
    reads_mosaic: bool


@dataclass(frozen=True, kw_only=True)
class Known:
    """Of the scenes, after any number of looks."""

    tokens: Tensor  # [n, 1 + p, c] the class token first
    mask: Tensor  # [n, p] where a patch was seen
    viewpoints: Tensor  # [n, p, 4] of the patches
    closeness: Tensor  # [n, p] of the patches, in glimpse pixels per canvas pixel; 0 where there is none
    cells: Tensor | None  # [n, m, d]
    mosaic: Tensor | None  # [n, C + 1, H, W] what was seen, painted (:mod:`.mosaic`)
    relevance: Tensor | None  # [n, p] >= 0: of what each patch shows, times how closely


ANSWERS: Registry[Any] = Registry("answer")
ANSWERS.register("classes", "foveate.models.answers:ClassAnswer")
ANSWERS.register("token_classes", "foveate.models.answers:TokenClassAnswer")
ANSWERS.register("pixels", "foveate.models.answers:PixelAnswer")
ANSWERS.register("segments", "foveate.models.answers:SegmentAnswer")


class ClassAnswer(nn.Module):
    """Logits ``[n, K]`` from the class token."""

    is_dense, is_by_patch, reads_relevance = False, False, False

    def __init__(self, shape: AnswerShape) -> None:
        super().__init__()
        self.logits = nn.Linear(shape.token_dim, shape.num_outputs)
        init_linear(self.logits)

    def forward(self, known: Known) -> Tensor:
        logits: Tensor = self.logits(known.tokens[:, 0])
        return logits

    def macs(self, num_patches: int) -> int:
        return linear_macs(1, self.logits.in_features, self.logits.out_features)


class TokenClassAnswer(nn.Module):
    """Logits ``[n, K]`` from the tokens that matter, by attention, which starts from the family's relevance where there
    is one: what lies where the thing is expected is read first. A class token must learn all of this by itself."""

    is_dense, is_by_patch, reads_relevance = False, False, True

    def __init__(self, shape: AnswerShape, *, hidden: int = 64) -> None:
        super().__init__()
        self.weigh = nn.Linear(shape.token_dim, 1)
        self.relevance_gain = nn.Parameter(torch.ones(()))
        self.read = nn.Sequential(nn.Linear(shape.token_dim, hidden), nn.GELU())
        self.logits = nn.Linear(hidden, shape.num_outputs)

    def forward(self, known: Known) -> Tensor:
        appeal = self.weigh(known.tokens)[..., 0]
        if known.relevance is not None:
            shown = nn.functional.pad(known.relevance, (1, 0)).clamp(min=LEAST_RELEVANCE)
            appeal = appeal + self.relevance_gain * shown.log()
        exists = torch.cat([known.mask.new_ones(len(known.mask), 1), known.mask], dim=1)
        weight = appeal.masked_fill(~exists, -math.inf).softmax(1)
        logits: Tensor = self.logits((weight[..., None] * self.read(known.tokens)).sum(1))
        return logits

    def macs(self, num_patches: int) -> int:
        hidden = self.logits.in_features
        each = linear_macs(1 + num_patches, self.weigh.in_features, 1 + hidden)
        return each + linear_macs(1, hidden, self.logits.out_features)


class PixelAnswer(nn.Module):
    """``pixels`` ``[n, C, H, W]`` of the whole scene, in [0, 1] of its range, and ``log_error`` ``[n, R, S]``: of each
    cell the logarithm of the squared error that its pixels are expected to have. Over a mosaic, what the cells say is
    added to it, and ``seen`` and ``seen_mask`` say which pixels were seen as closely as the canvas shows them."""

    is_dense, is_by_patch, reads_relevance = True, True, False

    def __init__(self, shape: AnswerShape) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(shape.mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(shape.std).view(-1, 1, 1), persistent=False)
        self.grid, self.patch_px, self.num_bands = shape.grid, shape.patch_px, shape.num_bands
        self.pixels = nn.Linear(shape.cell_dim, shape.patch_px**2 * shape.num_bands)
        self.log_error = nn.Linear(shape.cell_dim + (2 if shape.reads_mosaic else 0), 1)
        self.apply(init_linear)
        self._start_foretelling(2 * math.log(math.fsum(shape.std) / len(shape.std)))

    @torch.no_grad()
    def _start_foretelling(self, log_variance: float) -> None:
        self.log_error.bias.fill_(log_variance + AT_FIRST)
        if self.log_error.in_features > self.pixels.in_features:
            self.log_error.weight[0, -2:] = torch.tensor([SLOPE_GAIN, CLOSENESS_GAIN])

    def forward(self, known: Known) -> dict[str, Tensor]:
        cells, mosaic = known.cells, known.mosaic
        assert cells is not None
        (rows, cols), side, bands = self.grid, self.patch_px, self.num_bands
        patches = self.pixels(cells).float().reshape(-1, rows, cols, side, side, bands)
        normed = patches.permute(0, 5, 1, 3, 2, 4).reshape(-1, bands, rows * side, cols * side)
        log_error = self._log_error(known).reshape(-1, rows, cols)
        if mosaic is None:
            return {"pixels": self._unit(normed), "log_error": log_error}
        seen, closeness = mosaic[:, :-1], mosaic[:, -1:]
        return {
            "pixels": self._unit(seen + normed),
            "log_error": log_error,
            "seen": self._unit(seen),
            "seen_mask": closeness >= 1,
        }

    def _unit(self, normed: Tensor) -> Tensor:
        """In [0, 1] of the range."""
        return normed * self.get_buffer("std") + self.get_buffer("mean")

    def doubt(self, known: Known) -> Tensor:
        """Expected squared error ``[n, m]`` of each cell's pixels."""
        return self._log_error(known).exp()

    def _log_error(self, known: Known) -> Tensor:
        """``[n, m]``. It is cut off from what foretells it: pixels must not become more predictable instead of better.
        Over a mosaic it is also told how much detail that shows, which foretells the detail it lacks."""
        assert known.cells is not None
        told = known.cells.detach()
        if known.mosaic is not None:
            told = torch.cat([told, detail(known.mosaic, self.grid).to(told.dtype)], dim=-1)
        return self.log_error(told)[..., 0].float()

    def macs(self, num_patches: int) -> int:
        pixels = linear_macs(math.prod(self.grid), self.pixels.in_features, self.pixels.out_features)
        return pixels + self.doubt_macs(num_patches)

    def doubt_macs(self, num_patches: int) -> int:
        return linear_macs(math.prod(self.grid), self.log_error.in_features, 1)


class SegmentAnswer(nn.Module):
    """Logits ``[n, K, H, W]``: convolutions with a doubling of the size after each of the first ones. Over a mosaic,
    the largest of them also see its ``edges``: cells know what there is, the mosaic where exactly it ends. With
    ``coarse`` every cell also says by itself which classes it holds, and with ``patches`` (hidden features of the net
    that says so) every patch: short ways from reading to the answer, which small trainings do not find otherwise."""

    is_dense, is_by_patch, reads_relevance = True, False, False

    def __init__(
        self,
        shape: AnswerShape,
        *,
        widths: tuple[int, ...] = (512, 256, 256, 256, 256),
        edges: int = 16,
        coarse: bool = False,
        patches: int = 0,
    ) -> None:
        super().__init__()
        self.grid, self.num_outputs, self.widths = shape.grid, shape.num_outputs, (shape.cell_dim, *widths)
        self.coarse = nn.Linear(shape.cell_dim, shape.num_outputs) if coarse else None
        self.patches: PatchClasses | None = None
        if patches:
            self.patches = PatchClasses(token_dim=shape.token_dim, num_outputs=shape.num_outputs, hidden=patches)
        layers: list[nn.Module] = []
        for before, width in pairwise(self.widths[:-1]):
            layers += [*_conv(before, width), nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)]
        self.up = nn.Sequential(*layers)
        self.edges = nn.Sequential(*_conv(shape.num_bands + 1, edges)) if shape.reads_mosaic else None
        self.last = nn.Sequential(
            *_conv(self.widths[-2] + (edges if shape.reads_mosaic else 0), widths[-1]),
            nn.Conv2d(widths[-1], shape.num_outputs, 1),
        )

    def forward(self, known: Known) -> Tensor:
        assert known.cells is not None
        large = self.up(known.cells.transpose(1, 2).unflatten(2, self.grid))
        if self.edges is not None:
            assert known.mosaic is not None
            shrunk = nn.functional.adaptive_avg_pool2d(known.mosaic, tuple(large.shape[-2:]))
            large = torch.cat([large, self.edges(shrunk).to(large.dtype)], dim=1)
        logits: Tensor = self.last(large).float()
        size = (logits.shape[-2], logits.shape[-1])
        if self.coarse is not None:
            classes = self.coarse(known.cells).float().transpose(1, 2).unflatten(2, self.grid)
            logits = logits + nn.functional.interpolate(classes, size=size, mode="bilinear", align_corners=False)
        if self.patches is not None:
            logits = logits + self.patches(known.tokens[:, 1:], known.viewpoints, known.closeness, size)
        return logits

    def doubt(self, known: Known) -> Tensor:
        """Entropy ``[n, m]`` of the classes, mean over each cell, in nats."""
        p = self.forward(known).softmax(1)
        entropy = -(p * p.clamp(min=1e-12).log()).sum(1)
        return nn.functional.adaptive_avg_pool2d(entropy, self.grid).flatten(1)

    def doubt_macs(self, num_patches: int) -> int:
        return self.macs(num_patches)

    def macs(self, num_patches: int) -> int:
        total, grid = 0, self.grid
        for before, width in pairwise(self.widths[:-1]):
            total += conv_macs(grid, before, width, (3, 3))
            grid = (2 * grid[0], 2 * grid[1])
        for net in (self.edges, self.last):
            total += sum(_macs(layer, grid) for layer in net or () if isinstance(layer, nn.Conv2d))
        if self.coarse is not None:
            total += linear_macs(math.prod(self.grid), self.widths[0], self.num_outputs)
        return total + (0 if self.patches is None else self.patches.macs(num_patches, grid))


def _conv(before: int, width: int) -> list[nn.Module]:
    return [nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.GELU()]


def _macs(layer: nn.Conv2d, grid: tuple[int, int]) -> int:
    kernel = (layer.kernel_size[0], layer.kernel_size[1])
    return conv_macs(grid, layer.in_channels, layer.out_channels, kernel)
