"""Where a picture lies on the globe, whoever reads its pixels.

A GeoTIFF that is small enough is read by Pillow, which knows nothing of maps; the other readers that its name could go
to are asked too.
"""

from __future__ import annotations

from foveate.errors import FoveateError
from foveate.scenes import SCENES
from foveate.scenes.files import open_files
from foveate.scenes.scene import Scene

Place = tuple[tuple[float, ...] | None, str | None]  # geo_transform and crs, as of a Scene


def place_of(scene: Scene) -> Place:
    """(geo_transform, crs) of a picture; each None where nothing says it."""
    if scene.geo_transform is not None:
        return scene.geo_transform, scene.crs
    for reader in _others(scene):
        try:
            scenes = open_files(reader, [scene.name], num_bands=scene.num_bands, value_range=scene.value_range)
        except FoveateError:  # it is not for this reader, or its extra is missing
            continue
        other = Scene(scenes, name=scene.name, reader=reader)
        if other.geo_transform is not None and other.size_px == scene.size_px:
            return other.geo_transform, other.crs
    return None, scene.crs


def _others(scene: Scene) -> list[str]:
    """Readers that the picture's name could go to."""
    name = scene.name.lower()
    facts = {reader: SCENES.facts(reader) for reader in SCENES if reader != scene.reader}
    return [
        reader
        for reader, its in facts.items()
        if its.get("source") == "file" and any(name.endswith(suffix.lower()) for suffix in its.get("suffixes", ()))
    ]
