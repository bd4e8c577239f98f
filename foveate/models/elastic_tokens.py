"""Tokens of glimpses of any place and zoom: AdaGlimpse's scheme, for classes, pixels and segments.

Nothing is seen at first (or a glance, if asked for). Every look is a square of any size, cut into patches; each patch
becomes a token that knows its corners; a transformer fuses all of them (:mod:`.elastic_encoder`, where ``compute``
decides what is kept from look to look). A canvas of cells over the scene (:mod:`.canvas`) is read from the tokens where
the answer is dense, and where the agent asks for it: the candidates are squares of several zooms, each described by the
cells under it. Agents that reason about the tokens themselves, as the paper's, find them in the observation's ``seen``.
Shape letters: n rows, k looks, g x g patches of one, p = most looks x g x g slots, c token features, d cell features,
m candidates, R x S cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from foveate.camera import PatchCamera
from foveate.core import Camera, Look, Observation, ObservationShape, Opening, Seen, TrainingLook
from foveate.geometry.patches import cut, patch_boxes
from foveate.geometry.viewpoint import WHOLE_SCENE, contains, grid_centers, to_boxes_px
from foveate.models.answers import ANSWERS, AnswerShape, Known
from foveate.models.auxiliary import CellClasses, CellPlaces
from foveate.models.canvas import Canvas
from foveate.models.elastic_config import ElasticTokensConfig
from foveate.models.elastic_encoder import ElasticEncoder
from foveate.models.mosaic import blank, paint_macs, painted
from foveate.models.pooling import pooled, pooled_macs
from foveate.models.preprocess import Preprocess
from foveate.models.zooms import GEOMETRY_DIM, closeness, covers, described, gains, square_candidates, zoom_grids
from foveate.price import Price
from foveate.rows import Rowwise


@dataclass(frozen=True, kw_only=True)
class ElasticTokensState(Rowwise):
    """Slots beyond what was seen hold zeros."""

    kept: Tensor  # [n, p, c] what the encoder keeps of each patch
    tokens: Tensor  # [n, 1 + p, c] after the last fusion, the class token first
    latent: Tensor | None  # [n, p, c] what agents are told instead
    importance: Tensor | None  # [n, p]
    cells: Tensor | None  # [n, R * S, d]
    mosaic: Tensor | None  # [n, C + 1, H, W] what was seen, painted; the closeness in the last band
    pixels: Tensor  # [n, p, C, h, w] normalised
    boxes: Tensor  # [n, p, 4] in patches of the canvas
    closeness: Tensor  # [n, R * S] the closest that each cell was seen, in glimpse pixels per canvas pixel
    candidates: Tensor  # [n, m, 4]
    coverage: Tensor  # [n, m]
    num_seen: Tensor  # [n] int64 glimpses in the slots: the looks, and a forced glance
    num_looks: Tensor  # [n] int64
    sizes_px: Tensor  # [n, 2] int64


class ElasticTokens(nn.Module):
    """The family; see the module's docstring."""

    def __init__(self, config: ElasticTokensConfig) -> None:
        super().__init__()
        self.config = c = config
        self.opening: Opening = c.opening
        self.max_looks, self.value_range, self.num_bands = c.max_looks, c.value_range, c.num_bands
        self.preprocess = Preprocess(value_range=c.value_range, mean=c.mean, std=c.std)
        self.encoder = ElasticEncoder(c.encoder_config)
        self.grid = c.patch_grid
        self.canvas: Canvas | None = None
        if c.canvas is not None:
            self.canvas = Canvas(
                c.canvas_config, token_dim=c.shape["dim"], num_bands=c.num_bands, canvas_px=c.canvas_px
            )
        self.cell_grid = self.grid if self.canvas is None else self.canvas.config.grid
        shape = AnswerShape(
            num_outputs=c.num_outputs, num_bands=c.num_bands, patch_px=c.patch_px, token_dim=c.shape["dim"],
            cell_dim=self._cell_dim, grid=self.cell_grid, mean=c.mean, std=c.std, reads_mosaic=self._has_mosaic,
        )  # fmt: skip
        self.answer = ANSWERS.made(c.answer, shape)
        self.register_buffer("cell_centers", grid_centers(self.cell_grid, torch.zeros(1))[None], persistent=False)
        self.zoom_grids = zoom_grids(c.zooms, c.canvas_px, overlaps=c.overlap_of_zooms)
        self.auxiliary: Any = None
        if c.relevance == "attention":
            self.auxiliary = CellClasses(dim=self._cell_dim, num_outputs=c.num_outputs)
        elif c.relevance == "places":
            self.auxiliary = CellPlaces(dim=self._cell_dim, num_outputs=1, grid=self.cell_grid)

    # -- facts -----------------------------------------------------------------------------------------------------

    @property
    def camera(self) -> Camera | None:
        return PatchCamera(grid=self.config.glimpse_grid) if self.config.legacy_sampling else None

    @property
    def observation_shape(self) -> ObservationShape:
        c, dim = self.config, self.encoder.config.dim
        return ObservationShape(
            feature_dim=self._cell_dim + GEOMETRY_DIM,
            summary_dim=dim,
            grid=None,
            num_steps=1,
            zoom=True,
            has_relevance=c.relevance != "none",
            seen_dim=dim,
            seen_pixels=(c.num_bands, c.patch_px, c.patch_px),
            closest_px=self.glimpse_size_px(1),
        )

    def glimpse_size_px(self, look_index: int) -> tuple[int, int]:
        side = self.config.patch_px * self.config.glimpse_grid
        return side, side

    @property
    def _cell_dim(self) -> int:
        return 0 if self.canvas is None else self.canvas.config.dim

    @property
    def _has_mosaic(self) -> bool:
        return self.canvas is not None and self.canvas.reader is not None

    @property
    def _answers_by_relevance(self) -> bool:
        return self.answer.reads_relevance and self.auxiliary is not None

    @property
    def _num_slots(self) -> int:
        return (self.config.max_looks + (self.config.opening == "glance")) * self.config.glimpse_grid**2

    # -- the episode -----------------------------------------------------------------------------------------------

    def open(self, glance: Any, sizes_px: Any) -> ElasticTokensState:
        device, dim, c = self.encoder.start.device, self.encoder.config.dim, self.config
        sizes = torch.as_tensor(sizes_px, device=device)
        n, p, cells = len(sizes), self._num_slots, math.prod(self.cell_grid)
        zeros, counts = torch.zeros((), device=device), torch.zeros(n, dtype=torch.int64, device=device)
        closest_px = self.glimpse_size_px(1)[0]
        candidates = square_candidates(sizes, zooms=c.zooms, grids=self.zoom_grids, closest_px=closest_px)
        state = ElasticTokensState(
            kept=zeros.expand(n, p, dim),
            tokens=zeros.expand(n, 1 + p, dim),
            latent=None,
            importance=None,
            cells=None,
            mosaic=blank(n, num_bands=c.num_bands, size_px=c.canvas_px, device=device) if self._has_mosaic else None,
            pixels=zeros.expand(n, p, c.num_bands, c.patch_px, c.patch_px),
            boxes=zeros.expand(n, p, 4),
            closeness=zeros.expand(n, cells),
            candidates=candidates,
            coverage=zeros.expand(n, candidates.shape[1]),
            num_seen=counts,
            num_looks=counts,
            sizes_px=sizes,
        )
        if glance is None:
            return self._fused(state)
        whole = torch.tensor(WHOLE_SCENE, device=device).expand(n, 1, 4)
        return self._fused(self._written(state, glance, whole, torch.ones(n, 1, dtype=torch.bool, device=device)))

    def update(self, state: ElasticTokensState, glimpses: Any, look: Look) -> ElasticTokensState:
        device = state.kept.device
        viewpoints = torch.as_tensor(look.viewpoints, device=device).float()
        valid = torch.as_tensor(look.valid, device=device)
        written = self._written(state, glimpses, viewpoints, valid)
        return self._fused(replace(written, num_looks=state.num_looks + valid.sum(1)))

    def _written(
        self, state: ElasticTokensState, glimpses: Any, viewpoints: Tensor, valid: Tensor
    ) -> ElasticTokensState:
        """The valid glimpses in the next free slots."""
        each = self.config.glimpse_grid**2
        normed = self.preprocess(glimpses)
        pixels, boxes = cut(normed, self.config.glimpse_grid), self._boxes(viewpoints, state.sizes_px)
        kept, all_pixels, all_boxes = state.kept.clone(), state.pixels.clone(), state.boxes.clone()
        turn = state.num_seen[:, None] + valid.cumsum(1) - 1  # [n, k] slot of each valid glimpse
        for i in range(valid.shape[1]):
            rows = valid[:, i].nonzero()[:, 0]
            part = slice(i * each, (i + 1) * each)
            at = (rows[:, None], turn[rows, i, None] * each + torch.arange(each, device=rows.device))
            extracted = self.encoder.extract(pixels[rows, part], boxes[rows, part])
            kept = kept.to(extracted.dtype)
            kept[at], all_pixels[at], all_boxes[at] = extracted, pixels[rows, part], boxes[rows, part]
        close = self._closeness(viewpoints).masked_fill(~valid, 0.0)
        seen_cells = contains(viewpoints, self.get_buffer("cell_centers").expand(len(close), -1, -1))
        covered = covers(viewpoints, close, state.candidates, self._closeness(state.candidates))
        return replace(
            state, kept=kept, pixels=all_pixels, boxes=all_boxes, num_seen=state.num_seen + valid.sum(1),
            closeness=torch.maximum(state.closeness, (seen_cells * close[..., None]).amax(1)),
            coverage=state.coverage + covered.sum(1),
            mosaic=None if state.mosaic is None else painted(state.mosaic, normed, viewpoints, close),
        )  # fmt: skip

    def _fused(self, state: ElasticTokensState) -> ElasticTokensState:
        """Tokens, and the canvas if there is one: computed for as many slots as the fullest row has, then padded."""
        # Shapes without numbers, which a cost is counted from, know no fullest row.
        used = self._num_slots if state.num_seen.is_meta else int(state.num_seen.max()) * self.config.glimpse_grid**2
        mask = self._mask(state)[:, :used]
        fused = self.encoder.fuse(
            state.kept[:, :used], mask, tap=self.config.latent_block, weigh=self.config.importance != "none"
        )
        cells = None
        if self.canvas is not None:
            cells = self.canvas(fused.tokens, mask, self._seen_viewpoints(state)[:, :used], state.mosaic)
        exists = torch.cat([mask.new_ones(len(mask), 1), mask], dim=1)[..., None]
        spare = (0, 0, 0, self._num_slots - used)
        importance = fused.importance
        if importance is not None and self.config.importance == "softmax":
            importance = importance.masked_fill(~mask, -math.inf).softmax(1).nan_to_num(0.0)
        return replace(
            state,
            tokens=nn.functional.pad(fused.tokens * exists, spare),
            latent=None if fused.tapped is None else nn.functional.pad((fused.tapped * exists)[:, 1:], spare),
            importance=None if importance is None else nn.functional.pad(importance, spare[2:]),
            cells=cells,
        )

    def observe(self, state: ElasticTokensState) -> Observation:
        return Observation(
            candidates=state.candidates,
            features=described(
                None if state.cells is None else state.cells.detach().float(),
                state.closeness.float(),
                self._closeness(state.candidates),
                state.candidates,
                self.cell_grid,
            ),
            mask=torch.ones_like(state.coverage, dtype=torch.bool),
            coverage=state.coverage,
            summary=state.tokens[:, 0].detach().float(),
            num_looks=state.num_looks,
            sizes_px=state.sizes_px,
            relevance=self._relevance(state),
            seen=Seen(
                viewpoints=self._seen_viewpoints(state),
                features=(state.tokens[:, 1:] if state.latent is None else state.latent).detach().float(),
                mask=self._mask(state),
                pixels=state.pixels.float(),
                importance=state.importance,
            ),
        )

    def predict(self, state: ElasticTokensState) -> Any:
        return self.answer(self._known(state))

    def _known(self, state: ElasticTokensState) -> Known:
        mask, viewpoints = self._mask(state), self._seen_viewpoints(state)
        return Known(
            tokens=state.tokens,
            mask=mask,
            viewpoints=viewpoints,
            closeness=self._closeness(viewpoints * self.config.glimpse_grid) * mask,
            cells=state.cells,
            mosaic=state.mosaic,
            relevance=self._patch_relevance(state),
        )

    @torch.no_grad()
    def _patch_relevance(self, state: ElasticTokensState) -> Tensor | None:
        """``[n, p]``: the attention that each patch's area has, times how closely it shows it."""
        if not self._answers_by_relevance:
            return None
        assert state.cells is not None
        viewpoints, each = self._seen_viewpoints(state), self.config.glimpse_grid
        per_cell = self.auxiliary.attention(state.cells.float())[..., None]
        area = viewpoints[..., 2] * viewpoints[..., 3] * math.prod(self.cell_grid)
        return pooled(per_cell, viewpoints, self.cell_grid)[..., 0] * area * self._closeness(viewpoints * each)

    def auxiliary_prediction(self, state: ElasticTokensState) -> Tensor:
        """The task's prediction from the cells alone: what trains them where the answer does not need them."""
        assert self.auxiliary is not None
        prediction: Tensor = self.auxiliary(state.cells)
        return prediction

    def training_looks(self) -> tuple[TrainingLook, ...]:
        if self.auxiliary is None:
            return ()
        return (TrainingLook(name="cells", size_px=None, readout="auxiliary_prediction", weight=1.0),)

    # -- what agents are told --------------------------------------------------------------------------------------

    @torch.no_grad()
    def _relevance(self, state: ElasticTokensState) -> Tensor | None:
        """``[n, m]``: the doubt or attention under each candidate that a look there could settle."""
        if self.config.relevance == "none":
            return None
        assert state.cells is not None
        if self.auxiliary is not None:
            per_cell = self.auxiliary.attention(state.cells.float())
        else:
            per_cell = self.answer.doubt(self._known(state))
        here = self._closeness(state.candidates)
        return gains(per_cell.float(), state.closeness, here, state.candidates, self.cell_grid)

    def _mask(self, state: ElasticTokensState) -> Tensor:
        slots = torch.arange(self._num_slots, device=state.kept.device)
        return slots < state.num_seen[:, None] * self.config.glimpse_grid**2

    # -- geometry --------------------------------------------------------------------------------------------------

    def _boxes(self, viewpoints: Tensor, sizes_px: Tensor) -> Tensor:
        """Boxes ``[n, k * g * g, 4]`` of the patches, in patches of the canvas."""
        boxes, g = to_boxes_px(viewpoints, sizes_px), self.config.glimpse_grid
        patches = patch_boxes(boxes, g, whole_px=self.config.legacy_sampling)  # as the camera takes them
        unit = sizes_px.double() / torch.tensor(self.grid, device=sizes_px.device)
        return (patches / unit.repeat(1, 2)[:, None]).float()

    def _seen_viewpoints(self, state: ElasticTokensState) -> Tensor:
        """Viewpoints ``[n, p, 4]`` of the patches seen; zeros where none."""
        low, high = (part / torch.tensor(self.grid, device=part.device) * 2 - 1 for part in state.boxes.split(2, -1))
        viewpoints = torch.cat([(low + high) / 2, (high - low) / 2], dim=-1)
        return viewpoints * self._mask(state)[..., None]

    def _closeness(self, viewpoints: Tensor) -> Tensor:
        return closeness(viewpoints, glimpse_px=self.glimpse_size_px(1)[0], canvas_px=self.config.canvas_px)

    # -- cost ------------------------------------------------------------------------------------------------------

    def price(self) -> Price:
        return self._price

    @cached_property
    def _price(self) -> Price:
        c, each, encoder = self.config, self.config.glimpse_grid**2, self.encoder
        first = int(c.opening == "glance")  # glimpses in the slots before any look
        counts = [(first + looks) * each for looks in range(c.max_looks + 1)]
        parts: dict[str, Any] = {
            "look/extract": encoder.extract_macs(each),
            "look/fuse": tuple(encoder.fuse_macs(count) for count in counts[1:]),
            "open/fuse": encoder.fuse_macs(counts[0]),
            "predict/answer": self.answer.macs(counts[-1]),  # all slots, filled or not
        }
        if first:
            parts["open/extract"] = encoder.extract_macs(each)
        num = sum(rows * cols for rows, cols in self.zoom_grids)
        parts["observe/features"] = pooled_macs(num, self.cell_grid, 1 + self._cell_dim)
        if self.canvas is not None:
            parts["open/canvas"] = self.canvas.macs(counts[0])
            parts["look/canvas"] = tuple(self.canvas.macs(count) for count in counts[1:])
        if self._has_mosaic:
            parts["look/mosaic"] = paint_macs(c.num_bands, self.glimpse_size_px(1), c.canvas_px)
            parts |= {"open/mosaic": parts["look/mosaic"]} if first else {}
        if c.relevance != "none":
            cells = math.prod(self.cell_grid)
            head = (
                self.answer.doubt_macs(self._num_slots)
                if self.auxiliary is None
                else self.auxiliary.attention_macs(cells)
            )
            parts["observe/relevance"] = head + pooled_macs(num, self.cell_grid, 2)
            if self._answers_by_relevance:
                parts["predict/relevance"] = head + pooled_macs(self._num_slots, self.cell_grid, 1)
        return Price(parts=parts)
