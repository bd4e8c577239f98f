"""Critics: what further looking is worth. A seam of their own: any critic serves any policy, learned or not.

Facts: ``config`` is the config class, ``judges_actions`` says that it has Q-values, which soft actor-critic needs.
"""

from __future__ import annotations

from typing import Any

from foveate.registry import Registry

CRITICS: Registry[Any] = Registry("critic")

CRITICS.register(
    "spatial_value",
    "foveate.critics.spatial_value:SpatialValue",
    config="foveate.critics.spatial_value:SpatialValueConfig",
    summary="candidates pooled by attention, with the summary (our default)",
)
CRITICS.register(
    "spatial_q",
    "foveate.critics.spatial_q:SpatialQ",
    config="foveate.critics.spatial_q:SpatialQConfig",
    judges_actions=True,
    summary="spatial_value, and two opinions of every candidate: for soft actor-critic with the spatial policy",
)
CRITICS.register(
    "set_q",
    "foveate.critics.set_q:SetQ",
    config="foveate.critics.set_q:SetQConfig",
    judges_actions=True,
    summary="the value and two opinions of any place and zoom, from the set of what was seen (AdaGlimpse's)",
)
CRITICS.register(
    "map_value",
    "foveate.critics.map_value:MapValue",
    config="foveate.critics.map_value:MapValueConfig",
    needs_grid=True,
    summary="a map network like the Gaussian policy's (the paper's)",
)
CRITICS.register(
    "best_candidate",
    "foveate.critics.best_candidate:BestCandidate",
    config="foveate.critics.best_candidate:BestCandidateConfig",
    needs_relevance=True,
    summary="the relevance of the best candidate that is left: for families that say what a look is expected to find",
)
