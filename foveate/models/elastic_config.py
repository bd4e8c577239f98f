"""Settings of :mod:`.elastic_tokens`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from foveate.config import check_numbers, from_plain
from foveate.core import Opening
from foveate.errors import UsageError, suggest
from foveate.models.answers import ANSWERS
from foveate.models.canvas import CanvasConfig
from foveate.models.elastic_encoder import ELASTIC_SIZES, ElasticEncoderConfig


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
    """How a patch becomes a token: "linear" (the paper), or "conv" or "max", for small nets and short trainings."""
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
    """Agents are told the tokens that enter this block of the encoder, one that sees all glimpses; None: those that
    leave the last."""
    zooms: tuple[float, ...] = (1.0, 0.5, 0.25)
    """Sides of the candidates, as shares of the scene's shorter side; none is closer than native resolution."""
    overlaps: float | tuple[float, ...] = 0.5
    """Share of their side that neighbouring candidates of one zoom have in common, of each zoom or of all: at 0 they
    tile the scene, and no look is wasted on what a neighbour shows; but small things may lie between tiles."""
    legacy_sampling: bool = False
    """The paper's sensor: corners rounded down, every patch sampled at points."""

    def __post_init__(self) -> None:
        check_numbers(
            self, "patch_px", "glimpse_grid", "max_looks", "num_outputs", "num_bands", "canvas_px", least=1
        )  # fmt: skip
        check_numbers(self, "mean", "value_range", "layer_scale")
        check_numbers(self, "std", above=0)
        if self.value_range[1] <= self.value_range[0]:
            raise UsageError(f"value_range is {self.value_range}; the second number must be above the first")
        if (side := self.glimpse_grid * self.patch_px) > min(self.canvas_px):
            raise UsageError(
                f"glimpse_grid is {self.glimpse_grid}: glimpses of {side} px are larger than the canvas, "
                f"{self.canvas_px}; give at most {min(self.canvas_px) // self.patch_px}, or a larger canvas_px"
            )
        check_numbers(self, "zooms", above=0, most=1)
        if not self.zooms:
            raise UsageError("zooms is (); it must hold at least one share of the scene's shorter side, such as 0.5")
        if isinstance(self.size, str) and self.size not in ELASTIC_SIZES:
            raise UsageError(
                f"no size {self.size!r}; known: {', '.join(ELASTIC_SIZES)}.{suggest(self.size, ELASTIC_SIZES)}"
            )
        first, depth = self.encoder_config.first_shared, self.encoder_config.depth
        if self.latent_block is not None and self.latent_block not in range(first, depth):
            raise UsageError(
                f"latent_block is {self.latent_block}; the blocks that see all glimpses are {first} to {depth - 1}"
            )
        if self.canvas_px[0] % self.patch_px or self.canvas_px[1] % self.patch_px:
            raise UsageError(f"canvas_px is {self.canvas_px}; both must be multiples of patch_px, {self.patch_px}")
        if len(self.overlap_of_zooms) != len(self.zooms) or not all(0 <= one < 1 for one in self.overlap_of_zooms):
            raise UsageError(
                f"overlaps is {self.overlaps}; needed is one, or one for each of {len(self.zooms)} zooms, at least 0 "
                "and below 1"
            )
        answer = ANSWERS.get(self.answer.get("name", ""))
        dense = answer.is_dense
        if answer.is_by_patch and (self.canvas or {}).get("grid") not in (None, self.patch_grid):
            raise UsageError(f"pixels are answered patch by patch: leave the canvas' grid at {self.patch_grid}")
        if self.canvas is None and (dense or self.relevance != "none"):
            raise UsageError(
                f"the answer {self.answer['name']!r} with relevance {self.relevance!r} is read from a canvas: give "
                'canvas={"dim": 128, "depth": 2, "num_heads": 4} or the like'
            )
        if self.relevance in (("attention", "places") if dense else ("doubt",)):
            raise UsageError(
                f"relevance is {self.relevance!r}: dense answers have 'doubt', classes have 'attention' or 'places'"
            )

    @property
    def overlap_of_zooms(self) -> tuple[float, ...]:
        return self.overlaps if isinstance(self.overlaps, tuple) else (self.overlaps,) * len(self.zooms)

    @property
    def patch_grid(self) -> tuple[int, int]:
        """(rows, cols) of the canvas in patches."""
        return self.canvas_px[0] // self.patch_px, self.canvas_px[1] // self.patch_px

    @property
    def shape(self) -> Mapping[str, int]:
        """dim, depth and num_heads of the encoder."""
        return ELASTIC_SIZES[self.size] if isinstance(self.size, str) else self.size

    @property
    def encoder_config(self) -> ElasticEncoderConfig:
        shared = self.shape["depth"] if self.compute == "reencode" else self.shared_depth
        given = {"patch_px": self.patch_px, "num_bands": self.num_bands, "stem": self.stem}
        values = {**self.shape, **given, "shared_depth": shared, "layer_scale": self.layer_scale}
        return from_plain(ElasticEncoderConfig, values, where="the encoder")

    @property
    def canvas_config(self) -> CanvasConfig:
        """Of the canvas, where there is one: as fine as the patches if it does not say otherwise."""
        defaults = {"grid": self.patch_grid, "layer_scale": self.layer_scale}
        return from_plain(CanvasConfig, {**defaults, **(self.canvas or {})}, where="the canvas")
