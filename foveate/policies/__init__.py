"""Policies: where to look next. Learned ones can be improved by reinforcement; the others are the honest controls.

Facts: ``config`` is the config class, ``learned`` whether reinforcement can improve it, ``needs_grid`` whether the
candidates must be a regular grid, ``needs_relevance`` whether the family must offer a relevance.
"""

from __future__ import annotations

from typing import Any

from foveate.registry import Registry

POLICIES: Registry[Any] = Registry("policy")

POLICIES.register(
    "spatial",
    "foveate.policies.spatial:Spatial",
    config="foveate.policies.spatial:SpatialConfig",
    learned=True,
    summary="a heatmap over the candidates, times a small offset (our default)",
)
POLICIES.register(
    "gaussian",
    "foveate.policies.gaussian:Gaussian",
    config="foveate.policies.gaussian:GaussianConfig",
    learned=True,
    needs_grid=True,
    summary="a Gaussian whose mean a map network gives (the paper's)",
)
