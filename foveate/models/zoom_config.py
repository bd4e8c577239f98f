"""Settings of :mod:`.zoom_search`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from foveate.config import check_numbers
from foveate.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class ZoomSearchConfig:
    """Everything that determines the network."""

    num_outputs: int
    num_bands: int = 3
    value_range: tuple[float, float] = (0.0, 255.0)
    """Of the pixels that scenes give."""
    mean: tuple[float, ...] = (0.45,)
    """Per band (or one for all), after scaling the range to [0, 1]."""
    std: tuple[float, ...] = (0.25,)
    glimpse_px: tuple[int, int] = (128, 128)
    """Of the overview and of every look."""
    net: Mapping[str, Any] = field(
        default_factory=lambda: {
            "name": "conv",
            "channels": (16, 24, 40, 64),
            "strides": (2, 2, 1, 2),  # what is read comes before the last of them: less depends on where it lies
            "kernels": (5, 3, 3, 3),
            "norm": True,
            "skips": True,
        }
    )
    """The encoder: a name of ``BACKBONES`` and its options."""
    cells: tuple[int, int] = (8, 8)
    """(rows, cols) of the candidates that a glimpse offers."""
    context: float = 2.0
    """Side of a look, in cells: so looking at a cell shows it up to ``cells / context`` times closer, and things of up
    to ``context - 1`` cells whole, wherever they lie."""
    finest_px: float = 1.0
    """Pixels of the scene per pixel of the closest looks; above 1 where that is enough, below to magnify."""
    reach: float = 0.5
    """Of a place, at most 0.5, by which those of the closest looks answer beyond their edges, so that what lies between
    two is not half believed by each. Farther looks decide where to look, which that would blur."""
    frontier_size: int = 256
    """f: cells that are remembered. All can be answered from, those of coarse looks looked at."""
    hidden_dim: int = 64
    num_heads: int = 4
    prior: float = 1e-3
    """Share of a glimpse's places that hold a target's middle, as training begins."""
    heat_weight: float = 1.0
    """Of the loss that teaches the heat, where targets say places."""
    finds: bool = False
    """Also answers with what was found: boxes, and the class of each. For tasks that ask for it."""
    taught_looks: int = 4
    """Looks of one step whose heat is taught."""

    def __post_init__(self) -> None:
        check_numbers(self, "context", least=1)
        check_numbers(self, "finest_px", above=0)
        check_numbers(self, "frontier_size", "num_heads", "hidden_dim", "taught_looks", least=1)
        check_numbers(self, "heat_weight", least=0)
        check_numbers(self, "reach", least=0, most=0.5)
        if min(self.cells) / self.context <= 1:
            raise UsageError(
                f"cells is {self.cells} and context {self.context}; a closer look shows cells / context times more "
                "detail: context must be less than both cells"
            )
        if not 0 < self.prior < 1:
            raise UsageError(f"prior is {self.prior}; it is a share between 0 and 1")
