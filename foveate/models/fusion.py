"""How AdaptiveNN joins a look and the state map: what was expected goes in, what was seen comes back.

:class:`Reuse` reads the state where the look is and adds it to the look's tokens before they are processed (the
presaccadic prior; code of the paper's release). :class:`Update` spreads the processed tokens over the state cells near
them, each with its own kernel (paper, Eq. 20-23). Both take any state grid and any local grid, square or not.

Shape letters: n rows, m = Hf x Wf state cells, p = ph x pw local tokens, c features, K = kernel side.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foveate.errors import UsageError
from foveate.layers.blocks import Mlp, StepNorm
from foveate.layers.macs import conv_macs

TIE_CELLS = 1e-5  # positions this close below a half belong to the next cell, so that rounding noise decides nothing


@dataclass(frozen=True, kw_only=True)
class FusionConfig:
    """Shape of :class:`Reuse` and :class:`Update`."""

    dim: int
    """Features c of state cells and of local tokens."""
    state_grid: tuple[int, int]
    """(Hf, Wf) cells of the state map over the whole scene."""
    local_grid: tuple[int, int]
    """(ph, pw) tokens of one look."""
    num_steps: int
    """Sets of norms: one per step, or 1 when all steps share."""
    mlp_ratio: float = 4.0
    """Hidden width of the MLPs in units of ``dim``."""
    reuse_kernel: int = 7
    """Side of the depthwise convolution over the state, in cells; odd."""
    update_radius: int = 2
    """A local token reaches the cells within this distance on each axis: a kernel of (2 * radius + 1) squared."""
    paper_cells: bool = True
    """Which state cell is nearest to a token: True follows the paper's code, which stretches the cell centres of the
    outer cells to the scene's border (an offset of up to 3/7 of a cell on a 7x7 map; needed for its weights); False
    follows the frame of foveate.geometry.viewpoint, in which reading (Reuse) always is."""

    def __post_init__(self) -> None:
        if self.reuse_kernel % 2 == 0:
            raise UsageError(f"reuse_kernel is {self.reuse_kernel}; it must be odd, so that the map keeps its size")
        if self.update_radius < 0:
            raise UsageError(f"update_radius is {self.update_radius}; it must be 0 or more")

    @property
    def hidden_dim(self) -> int:
        return int(self.dim * self.mlp_ratio)


class Reuse(nn.Module):
    """The state's expectation of what a look will show."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.config = c = config
        self.state_norm = StepNorm(c.dim, num_steps=c.num_steps)
        self.depthwise = nn.Conv2d(c.dim, c.dim, c.reuse_kernel, padding=c.reuse_kernel // 2, groups=c.dim, bias=False)
        self.token_norm = StepNorm(c.dim, num_steps=c.num_steps)
        self.mlp = Mlp(c.dim, c.hidden_dim, c.dim)

    def forward(self, state_map: Tensor, viewpoints: Tensor, num_looks: Tensor) -> Tensor:
        """Context ``[n, p, c]`` for the tokens of the looks ``viewpoints`` ``[n, 4]``.

        ``state_map`` is ``[n, m, c]``, ``num_looks`` ``[n]`` int64 counts the looks before this one.
        """
        z = self.state_norm(state_map, num_looks).unflatten(1, self.config.state_grid)
        z = self.depthwise(z.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        rows, cols = token_centers(viewpoints, self.config.local_grid)
        tokens = bilinear(z, rows, cols).flatten(1, 2)
        return self.mlp(self.token_norm(tokens, num_looks))

    def macs(self) -> int:
        """Multiply-adds per look."""
        c, (ph, pw), (hf, wf) = self.config, self.config.local_grid, self.config.state_grid
        conv = conv_macs(c.state_grid, c.dim, c.dim, (c.reuse_kernel, c.reuse_kernel), groups=c.dim)
        sampling = (ph * hf * wf + ph * pw * wf) * c.dim
        return conv + sampling + self.mlp.macs(ph * pw)


class Update(nn.Module):
    """Writes the tokens of a look into the state map: each to the cells around it, weighted by its own kernel."""

    offsets: Tensor

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.config = c = config
        self.norm = StepNorm(c.dim, num_steps=c.num_steps)
        self.mlp = Mlp(c.dim, c.hidden_dim, (2 * c.update_radius + 1) ** 2)
        self.register_buffer("offsets", torch.arange(-c.update_radius, c.update_radius + 1), persistent=False)

    def forward(self, state_map: Tensor, local: Tensor, viewpoints: Tensor, num_looks: Tensor) -> Tensor:
        """The new state map ``[n, m, c]``, from local tokens ``[n, p, c]`` of the looks ``viewpoints`` ``[n, 4]``.

        ``num_looks`` ``[n]`` int64 counts the looks before this one.
        """
        kernels = self.mlp(self.norm(local, num_looks))  # [n, p, K * K], column offset fastest
        index, inside = self._targets(viewpoints)
        # One small matrix per row and a batched product: faster than adding p * K * K vectors up to about 1000 cells.
        spread = kernels.new_zeros((*local.shape[:2], state_map.shape[1]))
        spread = spread.scatter_add(2, index, kernels * inside)
        return state_map + spread.transpose(1, 2) @ local

    def _targets(self, viewpoints: Tensor) -> tuple[Tensor, Tensor]:
        """Flat state cell ``[n, p, K * K]`` of every kernel weight, and whether it exists (if not: any cell)."""
        c, (hf, wf) = self.config, self.config.state_grid
        centers = token_centers(viewpoints, c.local_grid)
        rows, cols = (
            nearest_cell(at, size, paper_cells=c.paper_cells)[..., None] + self.offsets
            for at, size in zip(centers, c.state_grid, strict=True)
        )  # [n, ph, K] and [n, pw, K]
        row_in, col_in = (rows >= 0) & (rows < hf), (cols >= 0) & (cols < wf)
        index = rows.clamp(0, hf - 1)[:, :, None, :, None] * wf + cols.clamp(0, wf - 1)[:, None, :, None, :]
        inside = row_in[:, :, None, :, None] & col_in[:, None, :, None, :]
        return index.flatten(3).flatten(1, 2), inside.flatten(3).flatten(1, 2)

    def macs(self) -> int:
        """Multiply-adds per look."""
        (ph, pw), (hf, wf) = self.config.local_grid, self.config.state_grid
        return self.mlp.macs(ph * pw) + ph * pw * hf * wf * self.config.dim


def token_centers(viewpoints: Tensor, local_grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Rows ``[n, ph]`` and columns ``[n, pw]``, in the scene's frame, of the token centres of looks ``[n, 4]``."""
    centers = []
    for axis, size in enumerate(local_grid):
        inner = (2 * torch.arange(size, device=viewpoints.device, dtype=viewpoints.dtype) + 1) / size - 1
        centers.append(viewpoints[:, axis, None] + viewpoints[:, axis + 2, None] * inner)
    return centers[0], centers[1]


def bilinear(state: Tensor, rows: Tensor, cols: Tensor) -> Tensor:
    """``state`` ``[n, Hf, Wf, c]`` read where ``rows`` ``[n, ph]`` and ``cols`` ``[n, pw]`` cross: ``[n, ph, pw, c]``.

    Zero outside the map, so what lies within half a cell of the border fades (as in the paper's code). Two small matrix
    products; differentiable in the positions too.
    """
    n, hf, wf, dim = state.shape
    by_row = _hat(rows, hf).to(state.dtype) @ state.reshape(n, hf, wf * dim)
    return _hat(cols, wf).to(state.dtype)[:, None] @ by_row.unflatten(2, (wf, dim))


def _hat(at: Tensor, num_cells: int) -> Tensor:
    """Weights ``[n, p, cells]`` of linear interpolation between cell centres."""
    position = (at + 1) / 2 * num_cells - 0.5
    cells = torch.arange(num_cells, device=at.device, dtype=at.dtype)
    return (1 - (position[..., None] - cells).abs()).clamp(min=0)


def nearest_cell(at: Tensor, num_cells: int, *, paper_cells: bool) -> Tensor:
    """Index of the state cell nearest to positions in [-1, 1], int64; see :attr:`FusionConfig.paper_cells`."""
    unit = (at + 1) / 2
    position = unit * (num_cells - 1) if paper_cells else unit * num_cells - 0.5
    return (position + (0.5 + TIE_CELLS)).floor().long()
