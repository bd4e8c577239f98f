"""Scene batches of several types as one, in any order: a folder holds TIFFs beside JPEGs.

Shape letters: n scenes, k looks, C bands, h x w glimpse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from foveate.core import Glimpses, Scenes
from foveate.errors import IncompatibleError, UsageError
from foveate.geometry.viewpoint import Array
from foveate.rows import as_numpy
from foveate.scenes.reading import row_numbers


class JoinedScenes:
    """The scenes of the parts, the first part's first. Costs and limits are those of the parts."""

    def __init__(self, parts: Sequence[Scenes]) -> None:
        """Raises UsageError without any part, IncompatibleError where bands or ranges differ."""
        if not parts:
            raise UsageError("no scenes to join: give at least one batch")
        kinds = {(one.num_bands, tuple(one.value_range)) for one in parts}
        if len(kinds) > 1:
            told = " and ".join(f"{bands} bands in {low:g} to {high:g}" for bands, (low, high) in sorted(kinds))
            raise IncompatibleError(f"scenes of {told} cannot share a batch: convert some of them")
        self.parts = tuple(parts)
        self.num_bands, self.value_range = parts[0].num_bands, parts[0].value_range
        self.sizes_px: NDArray[np.int64] = np.concatenate([one.sizes_px for one in parts])
        self._part_of = np.repeat(np.arange(len(parts)), [len(one) for one in parts])
        self._place = np.concatenate([np.arange(len(one)) for one in parts])  # in its part

    def __len__(self) -> int:
        return len(self.sizes_px)

    def read(
        self, viewpoints: Array, size_px: tuple[int, int], valid: Array | None = None, *, antialias: bool = True
    ) -> Glimpses:
        """Glimpses ``[n, k, C, h, w]``, numpy. Looks not valid are zeros."""
        views = as_numpy(viewpoints)
        is_valid = np.ones(views.shape[:2], np.bool_) if valid is None else as_numpy(valid).astype(np.bool_)
        pixels: NDArray[Any] | None = None
        prices = np.zeros((2, len(self)), np.int64)
        for rows, part in self._present():
            one = part.read(views[rows], size_px, is_valid[rows], antialias=antialias)
            if pixels is None:
                given = as_numpy(one.pixels)
                pixels = np.zeros((*views.shape[:2], *given.shape[2:]), given.dtype)
            pixels[rows] = as_numpy(one.pixels)
            prices[:, rows] = one.decoded_px, one.read_bytes
        if pixels is None:
            pixels = np.zeros((*views.shape[:2], self.num_bands, *size_px), np.uint8)
        return Glimpses(pixels=pixels, decoded_px=prices[0], read_bytes=prices[1])

    def max_read_bytes(self) -> NDArray[np.int64]:
        """``[n]``, as the parts say."""
        most = np.zeros(len(self), np.int64)
        for rows, part in self._present():
            most[rows] = part.max_read_bytes()
        return most

    def select(self, rows: Any) -> Self:
        """The given rows (indices or a mask), sharing the parts."""
        keep = row_numbers(rows, len(self))
        chosen = object.__new__(type(self))
        chosen.__dict__.update(self.__dict__)
        chosen._part_of, chosen._place = self._part_of[keep], self._place[keep]
        chosen.sizes_px = self.sizes_px[keep]
        return chosen

    def _present(self) -> Iterator[tuple[NDArray[np.int64], Scenes]]:
        """Rows of each part that has any, and the part's scenes in their order."""
        for number in np.unique(self._part_of).tolist():
            rows = np.flatnonzero(self._part_of == number)
            yield rows, self.parts[number].select(self._place[rows])
