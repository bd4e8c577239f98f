"""Glance, then fixate: AdaptiveNN's scheme with any two backbones and any readout.

A glance at the whole scene fills a state map; each fixation is read at native resolution, encoded by its own backbone,
and written into the map where it was seen (Eq. 1, 20 of the paper, with a bilinear splat as Psi). The agent sees the
map, detached; the answer comes from a readout that accumulates tokens. All steps share all parts, so looks may grow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from foveate.core import Look, Observation, ObservationShape, TrainingLook
from foveate.errors import UsageError
from foveate.geometry.viewpoint import clamp_inside, contains, grid_centers
from foveate.models.backbones import BACKBONES
from foveate.models.counted import counted_macs
from foveate.models.preprocess import Preprocess
from foveate.models.readouts import READOUTS
from foveate.models.relevance import RELEVANCES, check_relevance, class_activation
from foveate.models.splat import splat, token_centers
from foveate.price import Price
from foveate.rows import Rowwise, as_numpy, put


@dataclass(frozen=True, kw_only=True)
class GlanceFocusConfig:
    """Everything that determines the network."""

    num_outputs: int
    """Classes, or things to locate."""
    num_bands: int = 3
    value_range: tuple[float, float] = (0.0, 255.0)
    """Of the pixels that scenes give."""
    mean: tuple[float, ...] = (0.5,)
    """Per band (or one for all), after scaling the range to [0, 1]."""
    std: tuple[float, ...] = (0.25,)
    glance_px: tuple[int, int] = (42, 42)
    """The whole scene is shrunk to this (height, width)."""
    focus_px: tuple[int, int] = (28, 28)
    """Size of a fixation's glimpse."""
    focus_region_px: tuple[int, int] | None = None
    """Scene pixels that a fixation covers; None: as many as the glimpse has, that is native resolution."""
    state_grid: tuple[int, int] = (8, 8)
    """Cells of the state map; also where the spatial policy may look."""
    state_dim: int = 48
    glance: Mapping[str, Any] = field(default_factory=lambda: {"name": "conv"})
    """Backbone of the glance: its name and options."""
    focus: Mapping[str, Any] = field(default_factory=lambda: {"name": "conv"})
    """Backbone of the fixations."""
    readout: Mapping[str, Any] = field(default_factory=lambda: {"name": "pool"})
    """How the answer accumulates: its name and options."""
    answer_from_glance: bool = True
    """False: the answer is read from fixation features only (the paper's visual search)."""
    auxiliary: str = "cells"
    """What trains the glance for the agent: "cells" (the task's loss, read from each state cell), "pooled" (the task's
    loss, read from the pooled glance), "places" (where the thing is, for tasks whose target says so) or "none"."""
    auxiliary_weight: float = 1.0
    max_looks: int | None = None
    """None: any number of looks."""
    relevance: str = "none"
    """What the auxiliary head finds in the glance, offered to policies: "none", "attention" (how much each cell matters
    to it), or its class activation, "gradcam" or "layercam"."""

    def __post_init__(self) -> None:
        check_relevance(self.relevance, known=(*RELEVANCES, "attention"))
        if self.relevance != "none" and self.auxiliary == "none":
            raise UsageError(
                f"relevance is {self.relevance!r}, but auxiliary is 'none': there is no head that it could be computed "
                "from; set auxiliary to 'cells' or 'pooled'"
            )
        if self.relevance == "attention" and self.auxiliary == "pooled":
            raise UsageError(
                f"relevance is 'attention', but auxiliary is {self.auxiliary!r}, which attends to no cell: set "
                "auxiliary to 'cells', or relevance to 'gradcam' or 'layercam'"
            )


@dataclass(frozen=True, kw_only=True)
class GlanceFocusState(Rowwise):
    """``map`` is the agent's memory, ``memory`` the answer's."""

    map: Tensor  # [n, m, d]
    memory: Mapping[str, Tensor]
    candidates: Tensor  # [n, m, 4]
    coverage: Tensor  # [n, m]
    num_looks: Tensor  # [n] int64
    sizes_px: Tensor  # [n, 2] int64
    relevance: Tensor | None  # [n, m], class activation of the glance


class GlanceFocus(nn.Module):
    """The family; see the module's docstring."""

    opening = "glance"

    def __init__(self, config: GlanceFocusConfig) -> None:
        super().__init__()
        self.config = config
        self.max_looks, self.value_range = config.max_looks, config.value_range
        self.num_bands = bands = config.num_bands
        self.preprocess = Preprocess(value_range=config.value_range, mean=config.mean, std=config.std)
        self.glance_net = BACKBONES.made(config.glance, num_bands=bands, image_px=config.glance_px)
        self.focus_net = BACKBONES.made(config.focus, num_bands=bands, image_px=config.focus_px)
        self.glance_in = nn.Linear(self.glance_net.dim, config.state_dim)
        self.focus_in = nn.Linear(self.focus_net.dim, config.state_dim)
        self.glance_norm = nn.LayerNorm(self.glance_net.dim)
        self.focus_norm = nn.LayerNorm(self.focus_net.dim)
        self.readout = READOUTS.made(config.readout, dim=self.focus_net.dim, num_outputs=config.num_outputs)
        if config.answer_from_glance:
            self.glance_answer = nn.Linear(self.glance_net.dim, self.focus_net.dim)
        self.auxiliary: Any = None
        if config.auxiliary != "none":
            self.auxiliary = self.readout.auxiliary(config.auxiliary, dim=config.state_dim, grid=config.state_grid)

    @property
    def observation_shape(self) -> ObservationShape:
        return ObservationShape(
            feature_dim=self.config.state_dim,
            summary_dim=self.config.state_dim + self.readout.summary_dim,
            grid=self.config.state_grid,
            num_steps=1,
            has_relevance=self.config.relevance != "none",
            closest_px=self.config.focus_px,
        )

    def glimpse_size_px(self, look_index: int) -> tuple[int, int]:
        return self.config.focus_px if look_index else self.config.glance_px

    def open(self, glance: Any, sizes_px: Any) -> GlanceFocusState:
        tokens = self.glance_net(self.preprocess(glance)[:, 0])
        normed = self.glance_norm(tokens.permute(0, 2, 3, 1))  # [n, h, w, d]
        cells = nn.functional.adaptive_avg_pool2d(self.glance_in(normed).permute(0, 3, 1, 2), self.config.state_grid)
        n, device = len(tokens), tokens.device
        sizes = torch.as_tensor(sizes_px, device=device)
        memory = self.readout.start(n, tokens.float())  # running sums, in float32 under autocast too
        if self.config.answer_from_glance:
            points = grid_centers(tuple(tokens.shape[-2:]), tokens).expand(n, -1, -1)
            told = self.glance_answer(normed.flatten(1, 2))
            memory = self.readout.write(memory, told, points, tokens_each=points.shape[1])
        candidates = self._candidates(sizes)
        state_map = cells.flatten(2).transpose(1, 2)
        attends = self.config.relevance == "attention"  # of the present state, whenever it is observed
        return GlanceFocusState(
            map=state_map,
            memory=memory,
            candidates=candidates,
            coverage=candidates.new_zeros(candidates.shape[:2]),
            num_looks=torch.zeros(n, dtype=torch.int64, device=device),
            sizes_px=sizes,
            relevance=None if attends else class_activation(self.auxiliary, state_map, self.config.relevance),
        )

    def update(self, state: GlanceFocusState, glimpses: Any, look: Look) -> GlanceFocusState:
        if not look.valid.all():
            return self._update_ragged(state, glimpses, look)
        viewpoints = torch.as_tensor(look.viewpoints, device=state.map.device).float()
        n, k = viewpoints.shape[:2]
        tokens = self.focus_net(self.preprocess(glimpses).flatten(0, 1)).permute(0, 2, 3, 1)
        grid = tuple(tokens.shape[1:3])
        tokens = self.focus_norm(tokens).reshape(n, -1, self.focus_net.dim)
        points = token_centers(viewpoints.flatten(0, 1), grid).reshape(n, -1, 2)
        cells_per_token = self._cells_per_token(viewpoints, grid).repeat_interleave(grid[0] * grid[1], dim=1)
        written = splat(self.focus_in(tokens) * cells_per_token[..., None], points, self.config.state_grid)
        covered = contains(viewpoints, state.candidates[..., :2])
        return GlanceFocusState(
            map=state.map + written,
            memory=self.readout.write(state.memory, tokens, points, tokens_each=grid[0] * grid[1]),
            candidates=state.candidates,
            coverage=state.coverage + covered.sum(1),
            num_looks=state.num_looks + k,
            sizes_px=state.sizes_px,
            relevance=state.relevance,
        )

    def _update_ragged(self, state: GlanceFocusState, glimpses: Any, look: Look) -> GlanceFocusState:
        """Some looks are not valid: one after the other, each for the rows that have it: the rest costs nothing."""
        valid = as_numpy(look.valid)
        for i in range(valid.shape[1]):
            rows = np.flatnonzero(valid[:, i])
            if len(rows):
                one = Look(action={}, viewpoints=look.viewpoints[rows, i : i + 1], valid=look.valid[rows, i : i + 1])
                state = put(state, rows, self.update(state.select(rows), glimpses[rows, i : i + 1], one))
        return state

    def observe(self, state: GlanceFocusState) -> Observation:
        summary = torch.cat([state.map.mean(1), self.readout.summary(state.memory)], dim=1)
        return Observation(
            candidates=state.candidates,
            features=state.map.detach().float(),
            mask=torch.ones_like(state.coverage, dtype=torch.bool),
            coverage=state.coverage,
            summary=summary.detach().float(),
            num_looks=state.num_looks,
            sizes_px=state.sizes_px,
            relevance=self._attention(state.map) if self.config.relevance == "attention" else state.relevance,
            grid=self.config.state_grid,
        )

    def predict(self, state: GlanceFocusState) -> Tensor:
        prediction: Tensor = self.readout.read(state.memory)
        return prediction

    def auxiliary_prediction(self, state: GlanceFocusState) -> Tensor:
        """The task's prediction, read from the agent's map alone: what trains the glance, and what fixations write
        there, for the agent, who sees the map detached."""
        prediction: Tensor = self.auxiliary(state.map)
        return prediction

    def training_looks(self) -> tuple[TrainingLook, ...]:
        if self.auxiliary is None:
            return ()
        weight = self.config.auxiliary_weight
        return (TrainingLook(name="glance", size_px=None, readout="auxiliary_prediction", weight=weight),)

    def price(self) -> Price:
        return self._price

    @cached_property
    def _price(self) -> Price:
        config = self.config
        glance_tokens = self.glance_net.grid[0] * self.glance_net.grid[1]
        focus_tokens = self.focus_net.grid[0] * self.focus_net.grid[1]
        parts = {
            "open/glance": counted_macs(self.glance_net, (1, config.num_bands, *config.glance_px)),
            "open/state": glance_tokens * self.glance_net.dim * config.state_dim,
            "look/focus": counted_macs(self.focus_net, (1, config.num_bands, *config.focus_px)),
            "look/state": focus_tokens * config.state_dim * (self.focus_net.dim + 4),
            "look/readout": self.readout.macs(focus_tokens)["write"],
            "predict/readout": self.readout.macs(focus_tokens)["read"],
        }
        if config.answer_from_glance:
            into = glance_tokens * self.glance_net.dim * self.focus_net.dim
            parts["open/readout"] = into + self.readout.macs(glance_tokens)["write"]
        cells = config.state_grid[0] * config.state_grid[1]
        if config.relevance == "attention":
            parts["observe/attention"] = self.auxiliary.attention_macs(cells)
        elif config.relevance != "none":  # class activation: forward, and backward to the input
            parts["open/relevance"] = 2 * counted_macs(self.auxiliary, (1, cells, config.state_dim))
        return Price(parts=parts)

    @torch.no_grad()
    def _attention(self, state_map: Tensor) -> Tensor:
        relevance: Tensor = self.auxiliary.attention(state_map.float())
        return relevance

    def _candidates(self, sizes_px: Tensor) -> Tensor:
        region = self.config.focus_region_px or self.config.focus_px
        half = torch.tensor(region, device=sizes_px.device, dtype=torch.float32) / sizes_px
        centers = grid_centers(self.config.state_grid, half)
        shape = (len(sizes_px), len(centers), 2)
        return clamp_inside(torch.cat([centers.expand(shape), half[:, None].expand(shape)], dim=-1))

    def _cells_per_token(self, viewpoints: Tensor, grid: tuple[int, int]) -> Tensor:
        """How many state cells one token of each viewpoint ``[n, k, 4]`` covers, ``[n, k]``: makes what a fixation
        writes independent of its tokens' density."""
        cells = viewpoints[..., 2] * viewpoints[..., 3] * (self.config.state_grid[0] * self.config.state_grid[1])
        return (cells / (grid[0] * grid[1])).clamp(max=1.0)
