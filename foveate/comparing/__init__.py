"""Other ways to read a big scene with the same model: what users do today, and what a search has to beat.

A reader gives a policy for one scene, of which the overview was seen. Facts: ``summary``; ``reads_all`` for one that
is always played to its end.
"""

from __future__ import annotations

from typing import Any

from foveate.registry import Registry

READERS: Registry[Any] = Registry("reader")

READERS.register("search", "foveate.comparing.readers:search", summary="the model's own looks")
READERS.register(
    "exhaustive",
    "foveate.comparing.readers:exhaustive",
    reads_all=True,
    summary="every tile at full resolution, many at a time",
)
READERS.register(
    "one_shot",
    "foveate.comparing.readers:one_shot",
    summary="tiles in the order of what the overview promises: a filter that never looks twice",
)
READERS.register("random", "foveate.comparing.readers:random", summary="tiles in random order")
READERS.register("raster", "foveate.comparing.readers:raster", summary="tiles in reading order")
READERS.register(
    "coarse_to_fine", "foveate.comparing.readers:coarse_to_fine", summary="a quadtree's nodes, level by level"
)
READERS.register(
    "saliency",
    "foveate.comparing.readers:saliency",
    summary="tiles in the order of how the overview stands out from its surroundings",
)
