"""Controls that look at places fixed beforehand, by the number of looks so far: they know nothing of the scene.

Shape letters: n rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace, device

from foveate.config import check_numbers
from foveate.core import Look, Observation
from foveate.errors import UsageError
from foveate.geometry.viewpoint import Array
from foveate.policies.legal import look_at, native_half_extents

# Centre, corners, edges, as (row, col) in units of the free range.
CENTRE_CORNERS = ((0, 0), (-1, -1), (-1, 1), (1, -1), (1, 1), (-1, 0), (0, -1), (0, 1), (1, 0))


class _Scan:
    """What scans share: noise changes nothing, and deciding is free."""

    noise_shape = (1, 1)

    def __init__(self, config: Any) -> None:
        self.config = config

    def macs(self, observation: Observation) -> int:
        return 0


@dataclass(frozen=True, kw_only=True)
class CentreCornersConfig:
    """Nothing to choose."""


class CentreCorners(_Scan):
    """The centre, the four corners, the middles of the four edges; then again."""

    def look(self, observation: Observation, noise: Any | None = None) -> Look:
        half = native_half_extents(observation)
        xp = array_namespace(half)
        order = xp.asarray(CENTRE_CORNERS, dtype=half.dtype, device=device(half))
        place = order[observation.num_looks % len(CENTRE_CORNERS)]
        return look_at(place * (1 - xp.clip(half, max=1.0)), half)


@dataclass(frozen=True, kw_only=True)
class RasterConfig:
    """How large the tiles are, and how far apart: what the family says of its closest looks."""

    closest_px: tuple[float, float] | None = None
    """(height, width) of a tile in pixels of the scene; None: as the closest candidate."""
    core_frac: float = 1.0
    """Of a tile's side, from one tile to the next."""

    def __post_init__(self) -> None:
        check_numbers(self, "core_frac", above=0, most=1)


class Raster(_Scan):
    """Tiles the scene in reading order, each look beside the last, overlapping only by what a look does not answer for;
    the last of each row and column is shifted inside. Then again."""

    def look(self, observation: Observation, noise: Any | None = None) -> Look:
        half, apart = self._half_extents(observation), self.config.core_frac
        xp = array_namespace(half)
        # [n, 2]; a sliver under 1/10,000 of a tile is none.
        tiles = 1 + xp.astype(xp.ceil((1 / half - 1) / apart - 1e-4), xp.int64)
        number = observation.num_looks % (tiles[:, 0] * tiles[:, 1])
        place = xp.stack([number // tiles[:, 1], number % tiles[:, 1]], axis=-1)
        return look_at((2 * apart * xp.astype(place, half.dtype) + 1) * half - 1, half)

    def _half_extents(self, observation: Observation) -> Array:
        """``[n, 2]``."""
        if self.config.closest_px is None:
            return native_half_extents(observation)
        xp, like = array_namespace(observation.candidates), observation.candidates
        sizes = xp.astype(observation.sizes_px, like.dtype)
        return xp.clip(xp.asarray(self.config.closest_px, dtype=like.dtype, device=device(like)) / sizes, max=1.0)


@dataclass(frozen=True, kw_only=True)
class CoarseToFineConfig:
    """How far it goes."""

    zoom: bool = False
    """Looks are as large as the quadtree's nodes; False: all as large as the family's closest look."""
    num_levels: int = 5
    """Levels of the quadtree, 1 x 1 first; after the last node it starts again."""
    first_level: int = 1
    """2 leaves out the whole scene, which a family with a glance has seen already."""

    def __post_init__(self) -> None:
        if not 1 <= self.first_level <= self.num_levels <= 12:
            raise UsageError(
                f"first_level is {self.first_level}, num_levels {self.num_levels}; they must be 1 to 12, in this order"
            )


class CoarseToFine(_Scan):
    """The nodes of a quadtree, level by level, each level in reading order: 1 x 1, 2 x 2, 4 x 4 ..."""

    def look(self, observation: Observation, noise: Any | None = None) -> Look:
        half = native_half_extents(observation)
        xp = array_namespace(half)
        skipped = (4 ** (self.config.first_level - 1) - 1) // 3
        number = skipped + observation.num_looks % ((4**self.config.num_levels - 1) // 3 - skipped)
        side, first = xp.ones_like(number), xp.zeros_like(number)  # nodes per axis, first number of the level
        for level in range(1, self.config.num_levels):
            start = (4**level - 1) // 3
            side = xp.where(number >= start, xp.full_like(side, 2**level), side)
            first = xp.where(number >= start, xp.full_like(first, start), first)
        place = xp.stack([(number - first) // side, (number - first) % side], axis=-1)
        node = xp.astype(xp.stack([side, side], axis=-1), half.dtype)
        centers = (2 * xp.astype(place, half.dtype) + 1) / node - 1
        return look_at(centers, 1 / node if self.config.zoom else half)
