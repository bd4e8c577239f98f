"""Reading on exhaustively where a search did not settle: every tile, those first where most is expected.

Each scene is scanned alone, many tiles at a time, from what the search knew at its end.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.core import ActiveModel, Scenes
from foveate.cost import Ledger
from foveate.episode import Episode, Player
from foveate.errors import IncompatibleError
from foveate.geometry.tiles import tile_viewpoints
from foveate.policies.planned import Planned
from foveate.policies.promise import most_promising_first
from foveate.rollout import rollout
from foveate.rows import as_numpy
from foveate.stopping.settled import FoundForSure
from foveate.system import System

TILES_PER_STEP = 64


def tiles_of(model: ActiveModel, size_px: tuple[int, int]) -> NDArray[np.float32]:
    """Closest looks ``[t, 4]`` of a model that together answer for all of a scene (height, width), in reading order.

    Raises IncompatibleError for a family that does not say how closely it looks, or has no room for so many looks."""
    shape = model.observation_shape
    if shape.closest_px is None or model.max_looks is not None:
        why = "does not say how closely it looks" if shape.closest_px is None else f"takes {model.max_looks} looks"
        raise IncompatibleError(
            f"a {type(model).__name__} cannot read a scene exhaustively: it {why}; take a family that looks without "
            "end, such as zoom_search"
        )
    return tile_viewpoints(size_px, window_px=shape.closest_px, core_frac=shape.core_frac)


def scan(
    system: System,
    scenes: Scenes,
    state: Any,
    *,
    ledger: Ledger,
    sure: float | None,
    tiles_per_step: int = TILES_PER_STEP,
) -> Episode:
    """Go on from the ``state`` of a batch of one scene, until something is found with at least the certainty ``sure``
    (stopped) or everything was read (truncated); ``None`` reads everything. Costs are added to the ledger."""
    height, width = scenes.sizes_px[0].tolist()
    tiles = most_promising_first(system.model.observe(state), tiles_of(system.model, (height, width)))
    start = int(as_numpy(state.num_looks)[0])
    player = Player(
        model=system.model,
        policy=Planned(tiles, num_looks_per_step=tiles_per_step, start=start),
        task=system.task,
        stop=None if sure is None else FoundForSure(threshold=sure),
    )
    return rollout(scenes, player, state=state, ledger=ledger)
