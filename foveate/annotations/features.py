"""Features of a GeoJSON: in which picture, of which label, their outlines, and what the coordinates are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from foveate.annotations.outlines import Outline, outlines
from foveate.annotations.source import MarksFile, first_given
from foveate.errors import DataError
from foveate.scenes.label_files import split_name

LABELS = ("label", "class", "name", "category")
PICTURES = ("picture", "path", "file_name", "image")
NAMELESS = "thing"
FRAMES = {"geo": True, "pixel": False}


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One feature."""

    where: str
    """In which file, and which of its features."""
    picture: str
    """Path or address; "" where it names none."""
    label: str
    split: str
    """"train", "val", "test" or ""."""
    outlines: tuple[Outline, ...]
    is_geo: bool | None
    """Whether its coordinates are places on the map, not pixels; None where it is not said."""


def features_of(file: MarksFile) -> list[Feature]:
    """All of a collection; DataError for what is none, and for a feature that is broken."""
    if file.content.get("type") != "FeatureCollection":
        raise DataError(f"{file.path}: its type is {file.content.get('type')!r}; needed is a FeatureCollection")
    return [_feature(file, where, one) for where, one in file.listed("features", "feature")]


def _feature(file: MarksFile, where: str, one: Mapping[str, Any]) -> Feature:
    properties = one.get("properties") or {}
    if one.get("type") != "Feature" or not isinstance(properties, dict):
        raise DataError(f"{where}: is no Feature with properties")
    try:
        found = outlines(one.get("geometry"))
    except ValueError as error:
        raise DataError(f"{where}: {error}; mend or remove it") from error
    properties = {str(name).strip().lower(): value for name, value in properties.items()}
    picture = first_given(properties, PICTURES)
    return Feature(
        where=where,
        picture=file.picture(picture) if picture else "",
        label=first_given(properties, LABELS) or NAMELESS,
        split=split_name(properties.get("split"), where=where),
        outlines=tuple(found),
        is_geo=_is_geo(properties, file.content.get("foveate")),
    )


def _is_geo(*told: Any) -> bool | None:
    """As the first says that says anything."""
    words = [first_given(values, ("coordinates",)) for values in told if isinstance(values, Mapping)]
    return next((FRAMES[word] for word in words if word in FRAMES), None)
