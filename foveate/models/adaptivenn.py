"""AdaptiveNN-DeiT-S, exactly: the model of Wang et al., Nature Machine Intelligence 7 (2025), as their code defines it.

A ViT glances at the shrunk scene; its tokens before the last blocks are the state map. Another reads each fixation,
primed with what the state expects there (:class:`Reuse`); its tokens are written back around where they were seen
(:class:`Update`). The rest of the glance ViT is the head before any look; each further step has a head of its own.
Policy and critic are :mod:`foveate.policies.gaussian` and :mod:`foveate.critics.map_value`.
Shape letters: n rows, m state cells, p local tokens, c features, k looks, C bands, K outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from foveate.core import Look, Observation, ObservationShape, Opening, TrainingLook
from foveate.errors import UsageError
from foveate.geometry.viewpoint import clamp_inside, contains, grid_centers, half_extents_of
from foveate.models.fusion import FusionConfig, Reuse, Update
from foveate.models.heads import PooledHead, StepHeads, StepHeadsConfig
from foveate.models.preprocess import Preprocess
from foveate.models.relevance import check_relevance, class_activation
from foveate.models.vit import Vit, VitConfig
from foveate.price import Price
from foveate.rows import Rowwise

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class AdaptiveNNConfig:
    """Everything that determines the network. The defaults are ``adaptivenn_deit_small``."""

    num_outputs: int
    """Classes."""
    max_looks: int = 4
    """T: fixed by the norms and heads that every step has for itself."""
    num_bands: int = 3
    """Bands of the scenes."""
    value_range: tuple[float, float] = (0.0, 255.0)
    """Of the pixels that scenes give."""
    mean: tuple[float, ...] = IMAGENET_MEAN
    """Per band, after scaling the range to [0, 1]."""
    std: tuple[float, ...] = IMAGENET_STD
    """Per band, after scaling the range to [0, 1]."""
    glance_px: tuple[int, int] = (112, 112)
    """The whole scene is shrunk to this (height, width)."""
    focus_px: tuple[int, int] = (112, 112)
    """(height, width) of a fixation, in scene pixels."""
    patch_px: int = 16
    """Side of a patch of both ViTs."""
    embed_dim: int = 384
    """Features c of both ViTs and of the state."""
    num_heads: int = 8
    """Attention heads of all blocks (the paper's code has 8, DeiT-S itself 6)."""
    glance_depth: int = 12
    """Blocks of the glance ViT, including those that are its head."""
    focus_depth: int = 12
    """Blocks of the focus ViT."""
    head_blocks: int = 4
    """Blocks of each head."""
    mlp_ratio: float = 4.0
    """Hidden width of all blocks' MLPs in units of ``embed_dim``."""
    drop_path: float = 0.1
    """Stochastic depth: of the last block of each ViT (linear from 0) and of all blocks of the later heads."""
    update_radius: int = 2
    """A local token writes to the state cells within this distance."""
    paper_cells: bool = True
    """The paper's rule for the nearest state cell; see :attr:`FusionConfig.paper_cells`."""
    focus_only_px: tuple[int, int] = (160, 160)
    """In training the focus ViT alone also classifies the scene shrunk to this (the paper's regulariser)."""
    focus_only_weight: float = 2.0
    """Weight of that loss; 0 switches it off."""
    relevance: str = "none"
    """Class activation of the glance by its own head, for policies that need it: "none", "gradcam" or "layercam"."""

    def __post_init__(self) -> None:
        check_relevance(self.relevance)
        if not 0 < self.head_blocks < self.glance_depth:
            raise UsageError(
                f"head_blocks is {self.head_blocks}; it must be 1 to {self.glance_depth - 1} (glance_depth - 1)"
            )
        if self.max_looks < 1:
            raise UsageError(f"max_looks is {self.max_looks}; it must be at least 1")

    def vit(self, image_px: tuple[int, int], depth: int, drop_path: tuple[float, float]) -> VitConfig:
        """One of the two ViTs."""
        return VitConfig(
            image_px=image_px,
            patch_px=self.patch_px,
            in_bands=self.num_bands,
            embed_dim=self.embed_dim,
            depth=depth,
            num_heads=self.num_heads,
            mlp_ratio=self.mlp_ratio,
            drop_path=drop_path,
        )


@dataclass(frozen=True, kw_only=True)
class AdaptiveNNState(Rowwise):
    """What is known of each scene."""

    map: Tensor  # [n, m, c] float32
    candidates: Tensor  # [n, m, 4] float32: a fixation centred on each cell, shifted inside the scene
    coverage: Tensor  # [n, m] float32
    num_looks: Tensor  # [n] int64
    sizes_px: Tensor  # [n, 2] int64
    relevance: Tensor | None  # [n, m] float32, of the glance


class AdaptiveNN(nn.Module):
    """The family; see the module's docstring."""

    opening: ClassVar[Opening] = "glance"
    # Facts of the publication, by registered name: what its numbers were made with.
    paper_policy: ClassVar[str] = "gaussian"
    paper_critic: ClassVar[str] = "map_value"
    paper_scene_px: ClassVar[tuple[int, int]] = (288, 288)

    def __init__(self, config: AdaptiveNNConfig) -> None:
        super().__init__()
        self.config = c = config
        self.max_looks, self.value_range, self.num_bands = c.max_looks, c.value_range, c.num_bands
        trunk_depth, slope = c.glance_depth - c.head_blocks, c.drop_path / (c.glance_depth - 1)
        self.preprocess = Preprocess(value_range=c.value_range, mean=c.mean, std=c.std)
        self.glance = Vit(c.vit(c.glance_px, trunk_depth, (0.0, slope * (trunk_depth - 1))))
        self.focus = Vit(c.vit(c.focus_px, c.focus_depth, (0.0, c.drop_path)))
        fusion = FusionConfig(
            dim=c.embed_dim,
            state_grid=self.glance.config.grid,
            local_grid=self.focus.config.grid,
            num_steps=c.max_looks,
            update_radius=c.update_radius,
            paper_cells=c.paper_cells,
        )
        self.reuse, self.write = Reuse(fusion), Update(fusion)
        self.heads = StepHeads(
            StepHeadsConfig(
                dim=c.embed_dim,
                num_outputs=c.num_outputs,
                num_looks=c.max_looks,
                num_blocks=c.head_blocks,
                num_heads=c.num_heads,
                mlp_ratio=c.mlp_ratio,
                glance_drop_path=(slope * trunk_depth, c.drop_path),
                drop_path=c.drop_path,
            )
        )
        self.focus_head = PooledHead(c.embed_dim, c.num_outputs)

    @property
    def observation_shape(self) -> ObservationShape:
        """What a policy or critic must know to be built for this model."""
        c = self.config
        return ObservationShape(
            feature_dim=c.embed_dim,
            summary_dim=c.embed_dim,
            grid=self.glance.config.grid,
            num_steps=c.max_looks,
            has_relevance=c.relevance != "none",
            closest_px=c.focus_px,
        )

    def glimpse_size_px(self, look_index: int) -> tuple[int, int]:
        """(height, width) of the glance (0) or a fixation."""
        return self.config.focus_px if look_index else self.config.glance_px

    def open(self, glance: Any, sizes_px: Any) -> AdaptiveNNState:
        """The state after the glance ``[n, 1, C, h, w]`` at scenes of ``sizes_px`` ``[n, 2]``."""
        state_map = self.glance.tokens(self.preprocess(glance)[:, 0])
        sizes = torch.as_tensor(sizes_px, device=state_map.device)
        candidates = self._candidates(sizes)
        num_looks = torch.zeros(len(state_map), dtype=torch.int64, device=state_map.device)
        return AdaptiveNNState(
            map=state_map,
            candidates=candidates,
            coverage=candidates.new_zeros(candidates.shape[:2]),
            num_looks=num_looks,
            sizes_px=sizes,
            relevance=class_activation(lambda cells: self.heads(cells, num_looks), state_map, self.config.relevance),
        )

    def update(self, state: AdaptiveNNState, glimpses: Any, look: Look) -> AdaptiveNNState:
        """Fuse glimpses ``[n, k, C, h, w]``, in the order of k; a row whose look is not valid stays as it is."""
        pixels = self.preprocess(glimpses)
        viewpoints = torch.as_tensor(look.viewpoints, device=pixels.device).float()
        valid = torch.as_tensor(look.valid, device=pixels.device)
        state_map, num_looks = state.map, state.num_looks
        for i in range(pixels.shape[1]):
            context = self.reuse(state_map, viewpoints[:, i], num_looks)
            local = self.focus.tokens(pixels[:, i], context)
            updated = self.write(state_map, local, viewpoints[:, i], num_looks)
            state_map = torch.where(valid[:, i, None, None], updated, state_map)
            num_looks = num_looks + valid[:, i]
        covered = contains(viewpoints, state.candidates[..., :2]) & valid[..., None]
        return AdaptiveNNState(
            map=state_map,
            candidates=state.candidates,
            coverage=state.coverage + covered.sum(1),
            num_looks=num_looks,
            sizes_px=state.sizes_px,
            relevance=state.relevance,
        )

    def observe(self, state: AdaptiveNNState) -> Observation:
        """The state map, without gradient: what agents learn never moves the backbones (paper, Methods)."""
        features = state.map.detach().float()
        return Observation(
            candidates=state.candidates,
            features=features,
            mask=torch.ones_like(state.coverage, dtype=torch.bool),
            coverage=state.coverage,
            summary=features.mean(1),
            num_looks=state.num_looks,
            sizes_px=state.sizes_px,
            relevance=state.relevance,
            grid=self.glance.config.grid,
        )

    def predict(self, state: AdaptiveNNState) -> Tensor:
        """Logits ``[n, K]``, each row by the head of its step."""
        logits: Tensor = self.heads(state.map, state.num_looks)
        return logits

    def focus_only(self, pixels: Any) -> Tensor:
        """Logits ``[n, K]`` of the focus ViT alone, for whole scenes ``[n, C, h, w]`` of any multiple of the patch."""
        logits: Tensor = self.focus_head(self.focus.tokens(self.preprocess(pixels)))
        return logits

    def training_looks(self) -> tuple[TrainingLook, ...]:
        """The paper's regulariser of the focus ViT."""
        c = self.config
        if c.focus_only_weight == 0:
            return ()
        return (TrainingLook(name="focus", size_px=c.focus_only_px, readout="focus_only", weight=c.focus_only_weight),)

    def price(self) -> Price:
        """MACs of one row, from the shapes."""
        return self._price

    @cached_property
    def _price(self) -> Price:
        rows, cols = self.glance.config.grid
        parts = {
            "open/glance": self.glance.macs(),
            "look/reuse": self.reuse.macs(),
            "look/focus": self.focus.macs(),
            "look/update": self.write.macs(),
            "predict/head": self.heads.macs(rows * cols),
        }
        if self.config.relevance != "none":
            parts["open/relevance"] = self.heads.macs(rows * cols) + self.heads.backward_macs(rows * cols)
        return Price(parts=parts)

    def _candidates(self, sizes_px: Tensor) -> Tensor:
        """A fixation on every cell of the state, ``[n, m, 4]``, shifted inside the scene."""
        half = half_extents_of(self.config.focus_px, sizes_px.float())
        centers = grid_centers(self.glance.config.grid, half)
        shape = (len(sizes_px), len(centers), 2)
        return clamp_inside(torch.cat([centers.expand(shape), half[:, None].expand(shape)], dim=-1))


def adaptivenn_deit_small(num_outputs: int = 1000) -> AdaptiveNNConfig:
    """The published model: two DeiT-S of 8 heads, 112 px glance and fixations, at most 4 looks; scenes of 288 px."""
    return AdaptiveNNConfig(num_outputs=num_outputs)


def adaptivenn_test(num_outputs: int = 5) -> AdaptiveNNConfig:
    """The same structure in miniature, not square, for tests."""
    return AdaptiveNNConfig(
        num_outputs=num_outputs,
        max_looks=2,
        glance_px=(24, 32),
        focus_px=(16, 24),
        patch_px=8,
        embed_dim=32,
        num_heads=2,
        glance_depth=3,
        focus_depth=2,
        head_blocks=1,
        focus_only_px=(32, 32),
    )
