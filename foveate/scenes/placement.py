"""Where the things of composed scenes go: on a lattice, or anywhere without overlap. For all scenes of a batch at once.

Shape letters: n scenes, m things of a scene (the absent ones are masked).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from foveate.errors import UsageError

CANDIDATES = 8  # places tried for a thing before its scene starts over
MAX_ATTEMPTS = 200
MAX_DENSITY = 0.4  # of the canvas; blind placement gets stuck a little above one half

Draw = Callable[[NDArray[np.int64], int, tuple[int, ...]], NDArray[np.float64]]
"""(rows, attempt, shape) -> uniforms [len(rows), *shape], a pure function of each row's scene."""


def lattice_shape(canvas_px: tuple[int, int], cell_px: int, margin_px: int) -> tuple[int, int]:
    """(rows, columns) of whole cells inside the margin."""
    return (canvas_px[0] - 2 * margin_px) // cell_px, (canvas_px[1] - 2 * margin_px) // cell_px


def has_room(count: int, size_px: int, *, canvas_px: tuple[int, int], margin_px: int = 0, gap_px: int = 0) -> bool:
    """Whether so many things of at most this size may be placed anywhere inside the margin."""
    return size_px <= largest_px(count, canvas_px=canvas_px, margin_px=margin_px, gap_px=gap_px)


def largest_px(count: int, *, canvas_px: tuple[int, int], margin_px: int = 0, gap_px: int = 0) -> int:
    """The largest size that so many things may have, to be placed anywhere inside the margin; negative if none."""
    height, width = (side - 2 * margin_px for side in canvas_px)
    if min(height, width) < 0:
        return -1
    return min(height, width, math.floor(math.sqrt(MAX_DENSITY * height * width / max(count, 1))) - gap_px)


def on_lattice(
    draw: Draw, sizes_px: NDArray[np.int64], *, canvas_px: tuple[int, int], cell_px: int, margin_px: int
) -> NDArray[np.int64]:
    """Corners ``[n, m, 2]`` (top, left): different cells of a centred lattice, each thing in the middle of its cell."""
    n, m = sizes_px.shape
    rows, cols = lattice_shape(canvas_px, cell_px, margin_px)
    order = np.argsort(draw(np.arange(n), 0, (rows * cols,)), axis=1)[:, :m]
    first = np.array([(canvas_px[0] - rows * cell_px) // 2, (canvas_px[1] - cols * cell_px) // 2])
    corners = first + cell_px * np.stack([order // cols, order % cols], -1)
    return np.asarray(corners + (cell_px - sizes_px[..., None]) // 2)


def anywhere(
    draw: Draw,
    sizes_px: NDArray[np.int64],
    present: NDArray[np.bool_],
    *,
    canvas_px: tuple[int, int],
    margin_px: int,
    gap_px: int,
) -> NDArray[np.int64]:
    """Corners ``[n, m, 2]`` (top, left) at whole pixels, uniform, no two present things closer than ``gap_px``.

    Things are placed one after the other, each at the first of a few random places that is free; a scene in which
    none is free starts over with new numbers.
    """
    corners = np.zeros((*sizes_px.shape, 2), np.int64)
    pending = np.arange(len(sizes_px))
    for attempt in range(MAX_ATTEMPTS):
        u = draw(pending, attempt, (sizes_px.shape[1], CANDIDATES, 2))
        corners[pending], failed = _place_in_turn(u, sizes_px[pending], present[pending], canvas_px, margin_px, gap_px)
        pending = pending[failed]
        if len(pending) == 0:
            return corners
    raise UsageError(
        f"{int(present[pending[0]].sum())} things of up to {int(sizes_px.max())} px find no place on a canvas of "
        f"{canvas_px[0]} x {canvas_px[1]} px: fewer or smaller things, or placement='lattice'"
    )


def _place_in_turn(
    u: NDArray[np.float64],
    sizes_px: NDArray[np.int64],
    present: NDArray[np.bool_],
    canvas_px: tuple[int, int],
    margin_px: int,
    gap_px: int,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Corners ``[n, m, 2]`` and which scenes failed ``[n]``, of uniforms ``[n, m, candidates, 2]``."""
    n, m = sizes_px.shape
    room = np.array(canvas_px) - 2 * margin_px + 1 - sizes_px[..., None]
    candidates = margin_px + (u * room[:, :, None]).astype(np.int64)
    corners = np.zeros((n, m, 2), np.int64)
    failed = np.zeros(n, np.bool_)
    for j in range(m):
        new = candidates[:, j]  # [n, candidates, 2]
        is_free: NDArray[np.bool_] = np.ones(new.shape[:2], np.bool_)
        if j:
            low, high = corners[:, None, :j] - gap_px, (corners + sizes_px[..., None])[:, None, :j] + gap_px
            size = sizes_px[:, j, None, None, None]
            collides = ((new[:, :, None] < high) & (low < new[:, :, None] + size)).all(-1)  # [n, candidates, j]
            is_free = np.asarray(~(collides & present[:, None, :j]).any(-1))
        corners[:, j] = new[np.arange(n), is_free.argmax(1)]
        failed |= present[:, j] & ~is_free.any(1)
    return corners, failed
