"""What an agent that reasons about a set is told of its elements: of what was seen, or, where a family does not keep
that, of the candidates. Shared by the policies and critics of that kind.

Shape letters: n rows, p elements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from foveate.core import Observation
from foveate.errors import UsageError, suggest
from foveate.layers.element_pool import ElementPool, ElementPoolConfig

FACTS = ("pixels", "importance", "coords", "latent")


@dataclass(frozen=True, kw_only=True)
class SetAgentConfig:
    """What a set agent must know of the model, and the shape of its net."""

    feature_dim: int
    summary_dim: int
    seen_dim: int = 0
    """Features of what was seen; 0: the elements are the candidates."""
    seen_pixels: tuple[int, int, int] | None = None
    has_relevance: bool = False
    zoom: bool = False
    leave_out: tuple[str, ...] = ()
    """Facts of the elements that the agent is not told: of "pixels", "importance", "coords", "latent"."""
    hidden_dim: int = 256
    num_heads: int = 8
    norm: Literal["layer", "batch"] = "layer"
    """Of the net that reads pixels; "batch" is the paper's."""
    sees_summary: bool = True
    """Whether the agent is also told the model's summary (the class token); the paper's is not."""

    def __post_init__(self) -> None:
        for name in self.leave_out:
            if name not in FACTS:
                raise UsageError(f"leave_out names {name!r}.{suggest(name, FACTS)} Known: {', '.join(FACTS)}")

    @property
    def pool(self) -> ElementPoolConfig:
        is_seen = self.seen_dim > 0
        dims = {"coords": 4, "latent": self.seen_dim or self.feature_dim}
        if is_seen or self.has_relevance:
            dims = {"importance": 1, **dims}
        dims = {name: dim for name, dim in dims.items() if name not in self.leave_out}
        pixels = None if "pixels" in self.leave_out else self.seen_pixels
        if not dims and pixels is None:
            raise UsageError(f"leave_out is {self.leave_out}: nothing is left to tell the agent")
        return ElementPoolConfig(
            dims=dims, pixels=pixels, hidden_dim=self.hidden_dim, num_heads=self.num_heads,
            norm=self.norm, may_be_empty=is_seen,
        )  # fmt: skip


class SetReader(nn.Module):
    """Observations as vectors ``[n, hidden]``."""

    def __init__(self, config: SetAgentConfig) -> None:
        super().__init__()
        self.config = config
        self.pool = ElementPool(config.pool)
        self.summary = None
        if config.sees_summary:
            self.summary = nn.Sequential(
                nn.LayerNorm(config.summary_dim), nn.Linear(config.summary_dim, config.hidden_dim), nn.GELU()
            )

    def forward(self, observation: Observation) -> Tensor:
        facts, mask = _of_seen(observation) if self.config.seen_dim else _of_candidates(observation)
        with torch.autocast(observation.features.device.type, enabled=False):
            hidden: Tensor = self.pool(facts, mask)
            return hidden if self.summary is None else hidden + self.summary(observation.summary.float())

    def macs(self, observation: Observation) -> int:
        """Multiply-adds per row."""
        mask = observation.seen.mask if self.config.seen_dim and observation.seen else observation.mask
        told = 0 if self.summary is None else self.config.summary_dim * self.config.hidden_dim
        return self.pool.macs(mask.shape[1]) + told


Facts = tuple[dict[str, Tensor], Tensor]  # facts [n, p, ...] of the elements, and which exist [n, p]


def _of_seen(observation: Observation) -> Facts:
    seen = observation.seen
    assert seen is not None  # the model said so when the agent was built
    facts = {"coords": _corners(seen.viewpoints, seen.mask), "latent": seen.features}
    facts["importance"] = _column(seen.importance, like=seen.features)
    return facts if seen.pixels is None else {**facts, "pixels": seen.pixels}, seen.mask


def _of_candidates(observation: Observation) -> Facts:
    mask = observation.mask
    facts = {"coords": _corners(observation.candidates, mask), "latent": observation.features}
    facts["importance"] = _column(observation.relevance, like=observation.features)
    return facts, mask


def _corners(viewpoints: Tensor, mask: Tensor) -> Tensor:
    """(top, left, bottom, right) ``[n, p, 4]`` in [0, 1] of the scene; zeros where nothing is."""
    centers, half = viewpoints[..., :2], viewpoints[..., 2:]
    return (torch.cat([centers - half, centers + half], dim=-1) + 1) / 2 * mask[..., None]


def _column(values: Tensor | None, *, like: Tensor) -> Tensor:
    return torch.zeros_like(like[..., :1]) if values is None else values[..., None]
