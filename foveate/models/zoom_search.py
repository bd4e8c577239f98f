"""Zooming search: a frontier of places worth a closer look, over scenes of any size.

One encoder reads glimpses of one size, of the whole scene first. Each glimpse says of its places how likely the middle
of a target is there (its heat); summed over cells (:mod:`.cells`) this is what a closer look at each can be expected to
find. The cells of all glimpses so far, whatever their scale, are the frontier (:mod:`.frontier`): candidates of where
to look next while something closer can be seen, and the evidence that the answer pools by attention. Heat is learned
from the answer alone, and from boxes or points where targets say them.

Shape letters: n scenes, k looks, b = n * k glimpses, h x w places of a glimpse, d their channels, m = R x S cells of a
glimpse, f cells in the frontier, C bands.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from foveate.core import Look, Observation, ObservationShape, TrainingLook
from foveate.geometry.viewpoint import WHOLE_SCENE, whole_scene
from foveate.layers.macs import linear_macs
from foveate.models.backbones import BACKBONES
from foveate.models.cells import cells, cores, extents, grown, scale_px, shares
from foveate.models.counted import counted_macs
from foveate.models.evidence import Evidence
from foveate.models.frontier import LEAST_MASS, Frontier
from foveate.models.preprocess import Preprocess
from foveate.models.thing_head import BOX, ThingHead, things_of
from foveate.models.zoom_config import ZoomSearchConfig
from foveate.price import Macs, Price
from foveate.rows import Rowwise

FACTS = 2  # told of every cell beside what it looks like: its mass, and how much closer one could look
PRIOR_GAIN = 30.0  # an optimiser moves every weight by as much: else all features would bend to move the prior first
TOUCHES = 0.1  # of a place, the least that makes it one of a cell's
FAR = 3.0  # doublings of the resolution from which on it makes no difference to what is expected of a place


@dataclass(frozen=True, kw_only=True)
class ZoomSearchState(Rowwise):
    """``heat`` is of the last looks, padded, for what teaches it and for pictures."""

    frontier: Frontier
    evidence: Tensor  # [n, e] what the frontier says, pooled
    heat: Mapping[str, Tensor]
    num_looks: Tensor  # [n] int64
    sizes_px: Tensor  # [n, 2] int64


class ZoomSearch(nn.Module):
    """The family; see the module's docstring."""

    opening, max_looks = "glance", None

    def __init__(self, config: ZoomSearchConfig) -> None:
        super().__init__()
        self.config = config
        self.value_range, self.num_bands = config.value_range, config.num_bands
        self.preprocess = Preprocess(value_range=config.value_range, mean=config.mean, std=config.std)
        self.net = BACKBONES.made(config.net, num_bands=config.num_bands, image_px=config.glimpse_px)
        self.norm = nn.LayerNorm(self.net.dim)
        last = nn.Linear(config.hidden_dim, 1, bias=False)
        self.heat = nn.Sequential(nn.Linear(self.net.dim + 1, config.hidden_dim), nn.GELU(), last)
        self.prior = nn.Parameter(torch.tensor(math.log(config.prior / (1 - config.prior)) / PRIOR_GAIN))
        self.things: ThingHead | None = None
        if config.finds:
            self.things = ThingHead(dim=self.net.dim, hidden=config.hidden_dim, num_classes=config.num_outputs - 1)
        self.pool = Evidence(dim=self.net.dim + FACTS, num_heads=config.num_heads, hidden=config.hidden_dim)
        self.answer = nn.Sequential(
            nn.Linear(self.pool.dim_out, config.hidden_dim), nn.GELU(), nn.Linear(config.hidden_dim, config.num_outputs)
        )

    @property
    def observation_shape(self) -> ObservationShape:
        return ObservationShape(
            feature_dim=self.net.dim + FACTS, summary_dim=self.pool.dim_out, grid=None, num_steps=1, zoom=True,
            has_relevance=True, closest_px=self._closest_px, core_frac=1 / self.config.context,
        )  # fmt: skip

    @property
    def _found_dim(self) -> int:
        """Numbers that say what thing is found: a box and its class; one output is for none."""
        return BOX + self.config.num_outputs - 1 if self.config.finds else 0

    @property
    def _closest_px(self) -> tuple[float, float]:
        height, width = (side * self.config.finest_px for side in self.config.glimpse_px)
        return height, width

    def glimpse_size_px(self, look_index: int) -> tuple[int, int]:
        return self.config.glimpse_px

    def open(self, glance: Any, sizes_px: Any) -> ZoomSearchState:
        pixels = self.preprocess(glance)
        n, sizes = len(pixels), torch.as_tensor(sizes_px, device=pixels.device)
        windows = torch.as_tensor(whole_scene(n), device=pixels.device)
        valid = torch.ones((n, 1), dtype=torch.bool, device=pixels.device)
        known = Frontier.empty(n, self.config.frontier_size, self.net.dim, self._found_dim, like=windows)
        state = self._fused(known, pixels, windows, valid, sizes)
        return replace(state, num_looks=torch.zeros_like(state.num_looks))

    def update(self, state: ZoomSearchState, glimpses: Any, look: Look) -> ZoomSearchState:
        pixels, sizes = self.preprocess(glimpses), state.sizes_px
        windows = torch.as_tensor(look.viewpoints, device=pixels.device).float()
        valid = torch.as_tensor(look.valid, device=pixels.device)
        windows = torch.where(valid[..., None], windows, windows.new_tensor(WHOLE_SCENE))
        after = self._fused(state.frontier, pixels, windows, valid, sizes)
        looked = valid.any(1)
        heat = {name: _where(looked, value, state.heat[name]) for name, value in after.heat.items()}
        return replace(after, heat=heat, num_looks=state.num_looks + after.num_looks)

    def _fused(self, known: Frontier, pixels: Tensor, windows: Tensor, valid: Tensor, sizes: Tensor) -> ZoomSearchState:
        """With what glimpses ``[n, k, C, H, W]`` of windows ``[n, k, 4]`` show; their number is that of these."""
        config, (n, k) = self.config, valid.shape
        views, of_scenes = windows.flatten(0, 1), sizes.repeat_interleave(k, 0)
        scales = scale_px(views[:, 2:], of_scenes, glimpse_px=config.glimpse_px)
        closer = (scales / config.finest_px).clamp(min=1).log2().clamp(max=FAR) / FAR  # [b]
        places = self.norm(self.net(pixels.flatten(0, 1)).permute(0, 2, 3, 1)).float()
        told = closer[:, None, None, None].expand(*places.shape[:3], 1)
        heat = self.heat(torch.cat([places, told], dim=-1))[..., 0].float() + PRIOR_GAIN * self.prior  # [b, h, w]
        mass = nn.functional.softplus(heat)  # -log(1 - p): adds up over places as chances do
        said = places[..., :0] if self.things is None else self.things(places)
        found = said if self.things is None else things_of(said.detach(), views)
        new = self._cells(places, found, mass, closer, views, of_scenes)
        exists = (new.exists & valid.flatten()[:, None]).reshape(n, -1)
        by_scene = {name: value.unflatten(0, (n, k)).flatten(1, 2) for name, value in vars(new).items()}
        by_row = scales.unflatten(0, (n, k))
        core, reach = cores(windows, context=config.context), config.reach * new.is_leaf[:, 0]  # alike in all of a look
        known = known.superseded(core, by_row, valid)
        answers = (1 + 2 * reach) ** 2  # places, for one thing
        each = mass / answers[:, None, None]
        answered = grown(core, by=2 * reach.unflatten(0, (n, k))[..., None] * extents(windows, heat.shape[1:]))
        known = known.revised(windows, answered, each.unflatten(0, (n, k)), by_row, valid)
        frontier = known.joined(Frontier(**{**by_scene, "exists": exists}))
        latest = {
            "heat": heat.unflatten(0, (n, k)), "said": said.unflatten(0, (n, k)), "windows": windows, "valid": valid,
            "weight": (1 / (1 + FAR * closer) / answers).unflatten(0, (n, k)), "reach": reach.unflatten(0, (n, k)),
        }  # fmt: skip
        return ZoomSearchState(
            frontier=frontier,
            evidence=self.pool(frontier),
            heat={name: _valid_first(value, valid, config.taught_looks) for name, value in latest.items()},
            num_looks=valid.sum(1),
            sizes_px=sizes,
        )

    def _cells(
        self,
        places: Tensor,
        found: Tensor,
        mass: Tensor,
        closer: Tensor,
        views: Tensor,
        sizes: Tensor,
    ) -> Frontier:
        """Cells ``[b, m]`` of glimpses whose places ``[b, h, w, d]`` promise ``mass`` ``[b, h, w]`` of the things
        ``found`` ``[b, h, w, 4 + c]``; ``closer`` is ``[b]``. Mass adds up in cells to look at; those of leaves hold
        one thing at most, and are as sure of it as their surest place."""
        config = self.config
        boxes, windows, exists, is_leaf = cells(
            views,
            sizes,
            grid=config.cells,
            context=config.context,
            glimpse_px=config.glimpse_px,
            finest_px=config.finest_px,
        )
        rows, cols = self._shares(boxes, views, places)  # [b, R, h], [b, S, w]
        total = rows @ mass @ cols.transpose(1, 2)  # [b, R, S]
        both = torch.cat([places, found], dim=-1) * mass[..., None]
        weighted = torch.einsum("bih,bhwd,bjw->bijd", rows, both, cols)
        shown = (weighted / total[..., None].clamp(min=LEAST_MASS)).flatten(1, 2)
        total = torch.where(is_leaf[:, None, None], _most(mass, rows, cols), total).flatten(1)
        next_scales = scale_px(windows[..., 2:], sizes[:, None], glimpse_px=config.glimpse_px)
        return Frontier(
            boxes=boxes,
            windows=windows,
            scales_px=next_scales,
            mass=total,
            looks=shown[..., : places.shape[-1]],
            found=shown[..., places.shape[-1] :],
            closer=closer[:, None].expand_as(total),
            exists=exists,
            is_leaf=is_leaf[:, None].expand_as(exists),
            coverage=torch.zeros_like(total),
        )

    def _shares(self, boxes: Tensor, views: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """Of every row of cells the shares of the rows of places, and of the columns."""
        num_cols = self.config.cells[1]
        rows = shares(boxes[:, ::num_cols], views, places=places.shape[1], axis=0)
        return rows, shares(boxes[:, :num_cols], views, places=places.shape[2], axis=1)

    def observe(self, state: ZoomSearchState) -> Observation:
        known = state.frontier
        core = cores(known.windows, context=self.config.context)
        return Observation(
            candidates=known.windows,
            features=known.features.detach(),
            mask=known.is_open & ~known.outdone(core),
            coverage=known.coverage,
            summary=state.evidence.detach(),
            num_looks=state.num_looks,
            sizes_px=state.sizes_px,
            relevance=known.mass.detach(),
        )

    def predict(self, state: ZoomSearchState) -> Any:
        """Logits ``[n, K]``; where it ``finds``, also what the closest looks showed: ``things`` ``[n, f, 4 + c]``, and
        the ``mass`` ``[n, f]`` of each, which says how likely it is there."""
        logits: Tensor = self.answer(state.evidence)
        if self.things is None:
            return logits
        known = state.frontier
        mass = known.mass * (known.is_evidence & known.is_leaf)
        return {"logits": logits, "things": known.found, "mass": mass.detach()}

    def latest_heat(self, state: ZoomSearchState) -> Mapping[str, Tensor]:
        """What the last looks expect of their places, and of what kind."""
        return state.heat

    def training_looks(self) -> tuple[TrainingLook, ...]:
        if self.config.heat_weight == 0:
            return ()
        return (TrainingLook(name="heat", size_px=None, readout="latest_heat", weight=self.config.heat_weight),)

    def price(self) -> Price:
        return self._price

    @cached_property
    def _price(self) -> Price:
        config, dim, (_, width) = self.config, self.net.dim, self.net.grid
        (rows, cols), places = config.cells, self.net.grid[0] * self.net.grid[1]
        each = {
            "net": counted_macs(self.net, (1, config.num_bands, *config.glimpse_px)),
            "heat": places * (dim + 2) * config.hidden_dim,
            "cells": rows * (places + width * cols) * (1 + dim + self._found_dim),
            "evidence": self.pool.macs(config.frontier_size),
        }
        if self.things is not None:
            each["things"] = self.things.macs(places)
        parts: dict[str, Macs] = {f"{kind}/{name}": macs for kind in ("open", "look") for name, macs in each.items()}
        answer = linear_macs(1, self.pool.dim_out, config.hidden_dim)
        parts["look/revised"] = parts["open/revised"] = config.frontier_size * places
        parts["predict/answer"] = answer + linear_macs(1, config.hidden_dim, config.num_outputs)
        return Price(parts=parts)


def _most(mass: Tensor, rows: Tensor, cols: Tensor) -> Tensor:
    """The most ``[b, R, S]`` of mass ``[b, h, w]`` in any place that lies in a cell, of cells with such shares of the
    rows ``[b, R, h]`` and columns ``[b, S, w]`` of places."""
    of_cols = (mass[:, :, None] * (cols >= TOUCHES)[:, None]).amax(-1)  # [b, h, S]
    return (of_cols[:, None] * (rows >= TOUCHES)[..., None]).amax(2)


def _valid_first(value: Tensor, valid: Tensor, size: int) -> Tensor:
    """The first ``size`` that are valid of ``[n, k, ...]``, and zeros beyond."""
    order = (~valid).byte().argsort(dim=1, stable=True)[:, :size]
    rows = torch.arange(len(order), device=order.device)[:, None]
    some = value[rows, order] * _spread(valid[rows, order], value)
    return torch.cat([some, some.new_zeros((len(some), size - some.shape[1], *some.shape[2:]))], dim=1)


def _where(rows: Tensor, value: Tensor, other: Tensor) -> Tensor:
    return torch.where(_spread(rows, value), value, other)


def _spread(flags: Tensor, like: Tensor) -> Tensor:
    """With as many axes as ``like``."""
    return flags.reshape(*flags.shape, *(1,) * (like.ndim - flags.ndim))
