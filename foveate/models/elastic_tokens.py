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
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor, nn

from foveate.camera import PatchCamera
from foveate.config import from_plain
from foveate.core import Camera, Look, Observation, ObservationShape, Opening, Price, Rowwise, Seen, TrainingLook
from foveate.errors import UsageError, suggest
from foveate.geometry.patches import patch_boxes
from foveate.geometry.viewpoint import WHOLE_SCENE, contains, grid_centers, to_boxes_px
from foveate.models.answers import ANSWERS, Known
from foveate.models.auxiliary import CellClasses, CellPlaces
from foveate.models.canvas import Canvas, CanvasConfig, pooled, pooled_macs
from foveate.models.elastic_encoder import ELASTIC_SIZES, ElasticEncoder, ElasticEncoderConfig
from foveate.models.mosaic import blank, paint_macs, painted
from foveate.models.preprocess import Preprocess
from foveate.models.zooms import gains, square_candidates, zoom_grids

ABOUT = 0.9  # of a candidate's closeness is as close
GEOMETRY_DIM = 4  # of a candidate: row, column, zoom, how closely its area was seen


@dataclass(frozen=True, kw_only=True)
class ElasticTokensConfig:
    """Everything that determines the network."""

    num_outputs: int = 1
    """Classes; not read where the answer is pixels."""
    num_bands: int = 3
    value_range: tuple[float, float] = (0.0, 255.0)
    """Of the pixels that scenes give."""
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    """Per band (or one for all), after scaling the range to [0, 1]."""
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    size: str | Mapping[str, int] = "tiny"
    """Of the encoder: a name of ``ELASTIC_SIZES``, or dim, depth and num_heads."""
    stem: str = "linear"
    """How a patch becomes a token: "linear" (the paper) or "conv", which suits small nets and short trainings."""
    layer_scale: float = 1e-4
    """Start of the residual branches' gains, of encoder and canvas; small nets learn faster from 0.1 or 1."""
    patch_px: int = 16
    glimpse_grid: int = 2
    """g: patches along a glimpse's side."""
    canvas_px: tuple[int, int] = (224, 224)
    """Resolution that scenes are described in, whatever their size: places are told in patches of it, answers painted
    on it."""
    max_looks: int = 12
    """T: looks that there is room for."""
    opening: Opening = "free"
    """ "glance": a first look at the whole scene is forced, of the same size as any other."""
    compute: Literal["reencode", "cached"] = "reencode"
    """All patches from scratch at each look (the paper), or each glimpse once, by all blocks but ``shared_depth``."""
    shared_depth: int = 2
    """With ``compute="cached"``: blocks that see all glimpses."""
    answer: Mapping[str, Any] = field(default_factory=lambda: {"name": "classes"})
    """"classes" (from the class token), "token_classes" (from all tokens, which small nets learn sooner), "pixels" or
    "segments", and options."""
    canvas: Mapping[str, Any] | None = None
    """Options of the :class:`~foveate.models.canvas.Canvas`; None: none is painted, and candidates are described by
    their geometry only. Dense answers need one."""
    relevance: Literal["none", "attention", "places", "doubt"] = "none"
    """What policies are told of the candidates: "attention" of a head that classifies from the cells, "places" where a
    head that was told so in training expects the thing (tasks whose targets say where), "doubt" of the dense answer
    (the error it expects, the entropy of its classes)."""
    importance: Literal["none", "rollout", "softmax"] = "none"
    """What agents are told of how much each patch mattered: attention rollout (which costs the fast attention), or the
    softmax of it, which hardly differs from patch to patch (the paper's code)."""
    latent_block: int | None = None
    """Agents are told the tokens that enter this block of the encoder; None: those that leave the last."""
    zooms: tuple[float, ...] = (1.0, 0.5, 0.25)
    """Sides of the candidates, as shares of the scene's shorter side; none is closer than native resolution."""
    legacy_sampling: bool = False
    """The paper's sensor: corners rounded down, every patch sampled at points."""

    def __post_init__(self) -> None:
        if isinstance(self.size, str) and self.size not in ELASTIC_SIZES:
            raise UsageError(
                f"no size {self.size!r}; known: {', '.join(ELASTIC_SIZES)}.{suggest(self.size, ELASTIC_SIZES)}"
            )
        if self.canvas_px[0] % self.patch_px or self.canvas_px[1] % self.patch_px:
            raise UsageError(f"canvas_px is {self.canvas_px}; both must be multiples of patch_px, {self.patch_px}")
        answer = ANSWERS.get(self.answer.get("name", ""))
        dense = answer.is_dense
        if answer.is_by_patch and (self.canvas or {}).get("grid") not in (None, self.patch_grid):
            raise UsageError(f"pixels are answered patch by patch: leave the canvas' grid at {self.patch_grid}")
        if self.canvas is None and (answer.needs_canvas or self.relevance != "none"):
            raise UsageError(
                f"the answer {self.answer['name']!r} with relevance {self.relevance!r} is read from a canvas: give "
                'canvas={"dim": 128, "depth": 2, "num_heads": 4} or the like'
            )
        if self.relevance in (("attention", "places") if dense else ("doubt",)):
            raise UsageError(
                f"relevance is {self.relevance!r}: dense answers have 'doubt', classes have 'attention' or 'places'"
            )

    @property
    def patch_grid(self) -> tuple[int, int]:
        """(rows, cols) of the canvas in patches."""
        return self.canvas_px[0] // self.patch_px, self.canvas_px[1] // self.patch_px


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
        self.preprocess = Preprocess(value_range=c.value_range, mean=c.mean, std=c.std)
        shape = ELASTIC_SIZES[c.size] if isinstance(c.size, str) else c.size
        shared = shape["depth"] if c.compute == "reencode" else c.shared_depth
        self.encoder = ElasticEncoder(
            ElasticEncoderConfig(
                **shape,
                shared_depth=shared,
                patch_px=c.patch_px,
                num_bands=c.num_bands,
                stem=c.stem,
                layer_scale=c.layer_scale,
            )
        )
        self.grid = c.patch_grid
        self.canvas: Canvas | None = None
        if c.canvas is not None:
            shape_of_canvas = _canvas_config(c, self.grid)
            self.canvas = Canvas(shape_of_canvas, token_dim=shape["dim"], num_bands=c.num_bands, canvas_px=c.canvas_px)
        self.cell_grid = self.grid if self.canvas is None else self.canvas.config.grid
        options = dict(c.answer)
        self.answer = ANSWERS.get(options.pop("name"))(
            num_outputs=c.num_outputs, num_bands=c.num_bands, patch_px=c.patch_px, token_dim=shape["dim"],
            cell_dim=self._cell_dim, grid=self.cell_grid, mean=c.mean, std=c.std,
            reads_mosaic=self._has_mosaic, **options,
        )  # fmt: skip
        self.register_buffer("cell_centers", grid_centers(self.cell_grid, torch.zeros(1))[None], persistent=False)
        self.zoom_grids = zoom_grids(c.zooms, c.canvas_px)
        self.auxiliary: Any = None
        if c.relevance == "attention":
            self.auxiliary = CellClasses(dim=self._cell_dim, num_outputs=c.num_outputs)
        elif c.relevance == "places":
            self.auxiliary = CellPlaces(dim=self._cell_dim, num_outputs=1, grid=self.cell_grid)

    # -- facts -----------------------------------------------------------------------------------------------------

    @property
    def opening(self) -> Opening:
        return self.config.opening

    @property
    def max_looks(self) -> int:
        return self.config.max_looks

    @property
    def value_range(self) -> tuple[float, float]:
        return self.config.value_range

    @property
    def num_bands(self) -> int:
        return self.config.num_bands

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
        candidates = self._candidates(sizes)
        state = ElasticTokensState(
            kept=zeros.expand(n, p, dim),
            tokens=zeros.expand(n, 1 + p, dim),
            latent=None,
            importance=None,
            cells=None,
            mosaic=blank(counts, num_bands=c.num_bands, size_px=c.canvas_px) if self._has_mosaic else None,
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
        pixels, boxes = self._patches(normed), self._boxes(viewpoints, state.sizes_px)
        kept, all_pixels, all_boxes = state.kept.clone(), state.pixels.clone(), state.boxes.clone()
        turn = state.num_seen[:, None] + valid.cumsum(1) - 1  # [n, k] slot of each valid glimpse
        for i in range(valid.shape[1]):
            rows = valid[:, i].nonzero()[:, 0]
            part = slice(i * each, (i + 1) * each)
            at = (rows[:, None], turn[rows, i, None] * each + torch.arange(each, device=rows.device))
            extracted = self.encoder.extract(pixels[rows, part], boxes[rows, part])
            kept, all_pixels = kept.to(extracted.dtype), all_pixels.to(pixels.dtype)
            kept[at], all_pixels[at], all_boxes[at] = extracted, pixels[rows, part], boxes[rows, part]
        close = self._closeness(viewpoints).masked_fill(~valid, 0.0)
        candidates = state.candidates
        seen_cells = contains(viewpoints, self.get_buffer("cell_centers").expand(len(close), -1, -1))
        as_close = close[..., None] >= ABOUT * self._closeness(candidates)[:, None]
        covers = contains(viewpoints, candidates[..., :2]) & as_close & valid[..., None]
        return replace(
            state, kept=kept, pixels=all_pixels, boxes=all_boxes, num_seen=state.num_seen + valid.sum(1),
            closeness=torch.maximum(state.closeness, (seen_cells * close[..., None]).amax(1)),
            coverage=state.coverage + covers.sum(1),
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
            cells=None if self.canvas is None else self._cells(fused.tokens, mask, state),
        )

    def _cells(self, tokens: Tensor, mask: Tensor, state: ElasticTokensState) -> Tensor:
        assert self.canvas is not None
        cells: Tensor = self.canvas(tokens, mask, self._seen_viewpoints(state)[:, : mask.shape[1]], state.mosaic)
        return cells

    def observe(self, state: ElasticTokensState) -> Observation:
        return Observation(
            candidates=state.candidates,
            features=self._features(state),
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
        return Known(
            tokens=state.tokens,
            mask=self._mask(state),
            cells=state.cells,
            mosaic=state.mosaic,
            relevance=self._shown(state),
        )

    @torch.no_grad()
    def _shown(self, state: ElasticTokensState) -> Tensor | None:
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

    def _features(self, state: ElasticTokensState) -> Tensor:
        """``[n, m, d + 4]``: the cells under each candidate, its place and zoom, and how closely it was seen."""
        close = state.closeness[..., None].float()
        cells = close if state.cells is None else torch.cat([state.cells.detach().float(), close], dim=-1)
        under = pooled(cells, state.candidates, self.cell_grid)
        here = self._closeness(state.candidates)[..., None]
        geometry = [state.candidates[..., :2], here.log2(), (under[..., -1:] / here).clamp(max=1.0)]
        return torch.cat([under[..., :-1], *geometry], dim=-1)

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

    def _patches(self, pixels: Tensor) -> Tensor:
        """``[n, k * g * g, C, h, w]`` of glimpses ``[n, k, C, g * h, g * w]``."""
        side, g = self.config.patch_px, self.config.glimpse_grid
        n, k, bands = pixels.shape[:3]
        tiles = pixels.reshape(n, k, bands, g, side, g, side).permute(0, 1, 3, 5, 2, 4, 6)
        return tiles.reshape(n, k * g * g, bands, side, side)

    def _boxes(self, viewpoints: Tensor, sizes_px: Tensor) -> Tensor:
        """Boxes ``[n, k * g * g, 4]`` of the patches, in patches of the canvas."""
        boxes, is_whole = to_boxes_px(viewpoints, sizes_px), self.config.legacy_sampling
        # The camera rounds corners down, whatever policy chose them.
        patches = patch_boxes(boxes.floor() if is_whole else boxes, self.config.glimpse_grid, whole_px=is_whole)
        unit = sizes_px.double() / torch.tensor(self.grid, device=sizes_px.device)
        return (patches / unit.repeat(1, 2)[:, None]).float()

    def _seen_viewpoints(self, state: ElasticTokensState) -> Tensor:
        """Viewpoints ``[n, p, 4]`` of the patches seen; zeros where none."""
        low, high = (part / torch.tensor(self.grid, device=part.device) * 2 - 1 for part in state.boxes.split(2, -1))
        viewpoints = torch.cat([(low + high) / 2, (high - low) / 2], dim=-1)
        return viewpoints * self._mask(state)[..., None]

    def _candidates(self, sizes_px: Tensor) -> Tensor:
        closest_px = self.glimpse_size_px(1)[0]
        return square_candidates(sizes_px, zooms=self.config.zooms, grids=self.zoom_grids, closest_px=closest_px)

    def _closeness(self, viewpoints: Tensor) -> Tensor:
        """Glimpse pixels per canvas pixel ``[n, k]``, at most 1: closer than the canvas adds nothing."""
        share = self.glimpse_size_px(1)[0] / self.config.canvas_px[0]
        return (share / viewpoints[..., 2].clamp(min=1e-6)).clamp(max=1.0)

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
            head = self.answer.doubt_macs() if self.auxiliary is None else self.auxiliary.attention_macs(cells)
            parts["observe/relevance"] = head + pooled_macs(num, self.cell_grid, 2)
            if self._answers_by_relevance:
                parts["predict/relevance"] = head + pooled_macs(self._num_slots, self.cell_grid, 1)
        total = {f"{kind}_macs": _summed(parts, kind) for kind in ("open", "look", "observe", "predict")}
        return Price(**total, parts=parts)


def _canvas_config(config: ElasticTokensConfig, grid: tuple[int, int]) -> CanvasConfig:
    return from_plain(
        CanvasConfig, {"grid": grid, "layer_scale": config.layer_scale, **(config.canvas or {})}, where="the canvas"
    )


def _summed(parts: Mapping[str, Any], kind: str) -> Any:
    """Entry-wise sum of the parts of a kind; an int where none of them grows."""
    own = [macs for name, macs in parts.items() if name.startswith(f"{kind}/")]
    longest = max((len(macs) for macs in own if isinstance(macs, tuple)), default=0)
    if longest == 0:
        return sum(own)
    return tuple(sum(macs[i] if isinstance(macs, tuple) else macs for macs in own) for i in range(longest))
