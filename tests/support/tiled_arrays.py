"""A pyramid in memory, whose tiles may be damaged and whose reads are counted."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from foveate.scenes.pyramid import GeoTransform, Level, LostTileError
from foveate.scenes.tile_cache import Tile


class TiledArray:
    """Levels ``[H, W, C]`` cut into tiles; a tile takes 10 bytes and a byte per row."""

    has_alpha = False
    um_per_px: tuple[float, float] | None = None
    geo_transform: GeoTransform | None = None

    def __init__(
        self, levels: Sequence[np.ndarray], *, tile_px: tuple[int, int] = (32, 48), name: str = "array",
        damaged: Collection[tuple[int, int, int]] = (),
    ) -> None:  # fmt: skip
        self.arrays, self.name, self.damaged = levels, name, damaged
        self.levels = tuple(Level(size_px=each.shape[:2], tile_px=tile_px) for each in levels)  # type: ignore[arg-type]
        self.num_bands, self.dtype = levels[0].shape[2], levels[0].dtype
        self.reads: list[tuple[int, int, int]] = []

    def tile_bytes(self, level: int) -> np.ndarray:
        rows, cols = self.levels[level].grid
        return np.array([[10 + self.levels[level].tile_size_px(r, c)[0] for c in range(cols)] for r in range(rows)])

    def read_tile(self, level: int, row: int, col: int) -> Tile:
        self.reads.append((level, row, col))
        here = self.levels[level]
        (height, width), num_bytes = here.tile_size_px(row, col), int(self.tile_bytes(level)[row, col])
        if (level, row, col) in self.damaged:
            raise LostTileError(f"level {level}, tile ({row}, {col}) is damaged", path=self.name, read_bytes=num_bytes)
        top, left = row * here.tile_px[0], col * here.tile_px[1]
        pixels = self.arrays[level][top : top + height, left : left + width]
        return Tile(pixels=pixels, decoded_px=here.tile_px[0] * here.tile_px[1], read_bytes=num_bytes)
