"""Scene types: what can be looked at. Each reads only what is looked at, and counts it.

Facts: ``source`` is what one scene is given as ("array", "file"), ``suffixes`` the ends of file names it answers to,
the longest that fits first, ``any_name`` whether it takes files of names that nobody answers to. A fact that is absent
is None, none, False.
"""

from __future__ import annotations

from foveate.core import Scenes
from foveate.registry import Registry

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif")

SCENES: Registry[type[Scenes]] = Registry("scene type")
SCENES.register("array", "foveate.scenes.memory:ArrayScenes", source="array", suffixes=())
SCENES.register(
    "pictures",
    "foveate.scenes.pictures:PictureScenes",
    source="file",
    suffixes=PICTURE_SUFFIXES,
    any_name=True,
)
SCENES.register("procedural", "foveate.scenes.scene_files:SceneFileScenes", source="file", suffixes=(".scene",))
