"""Critics: what further looking is worth. A seam of their own: any critic serves any policy, learned or not."""

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
    "map_value",
    "foveate.critics.map_value:MapValue",
    config="foveate.critics.map_value:MapValueConfig",
    needs_grid=True,
    summary="a map network like the Gaussian policy's (the paper's)",
)
