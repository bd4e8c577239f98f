"""Scene types: what can be looked at. Each reads only what is looked at, and counts it.

Facts: ``source`` is what one scene is given as ("array", "file"), ``suffixes`` the ends of file names it answers to,
the longest that fits first, ``sniffs`` a "module:function" that takes a path or an address and says by its content
whether it is one of this type, ``any_name`` whether it takes files of names that nobody answers to, ``needs`` the
modules of its extra. A fact that is absent is None, none, False.
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
SCENES.register(
    "tiff",
    "foveate.scenes.tiff:TiffScenes",
    source="file",
    suffixes=(".tif", ".tiff", ".btf", ".tf8", ".svs"),
    sniffs="foveate.scenes.sniffs:is_big_tiff",
    needs=("tifffile", "imagecodecs"),
)
SCENES.register(
    "whole_slide",
    "foveate.scenes.slides:SlideScenes",
    source="file",
    suffixes=(".svs", ".ndpi", ".mrxs", ".scn", ".bif", ".vms", ".vmu", ".svslide"),
    needs=("openslide",),
)
SCENES.register(
    "multiscale",
    "foveate.scenes.multiscale:MultiscaleScenes",
    source="file",
    suffixes=(".zarr",),
    sniffs="foveate.scenes.sniffs:is_zarr",
    needs=("zarr",),
)
SCENES.register(
    "raster",
    "foveate.scenes.rasters:RasterScenes",
    source="file",
    suffixes=(".img", ".vrt", ".jp2"),
    needs=("rasterio",),
)
