"""Somebody else's tile model, run only where it pays: ``foveate.search(scene, callback=..., budget="200 tiles")``.

A frontier says what to expect of each tile before any is read: a function of the scene, its tiles and a seed that gives
:class:`foveate.searching.expected.Expected`. A loaded model can be one too (:mod:`.model_first`). Fact: ``summary``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from foveate.registry import Registry

if TYPE_CHECKING:
    from foveate.scenes.scene import Scene
    from foveate.searching.expected import Expected
    from foveate.searching.tiling import Tiles

Frontier = Callable[["Scene", "Tiles", int], "Expected"]

FRONTIERS: Registry[Frontier] = Registry("frontier")
FRONTIERS.register(
    "saliency", "foveate.searching.saliency:saliency", summary="what stands out in the overview; learns nothing"
)
FRONTIERS.register("raster", "foveate.searching.expected:raster", summary="reading order (control)")
FRONTIERS.register("random", "foveate.searching.expected:random", summary="any order, by the seed (control)")
