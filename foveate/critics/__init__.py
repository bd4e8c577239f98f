"""Critics: what further looking is worth. A seam of their own: any critic serves any policy, learned or not."""

from __future__ import annotations

from typing import Any

from foveate.registry import Registry

CRITICS: Registry[Any] = Registry("critic")

CRITICS.register("spatial_value", "foveate.critics.spatial_value:SpatialValue", summary="candidates pooled by attention, with the summary (our default)")
