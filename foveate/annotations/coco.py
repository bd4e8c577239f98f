"""COCO's JSON: ``images``, ``categories``, and ``annotations`` of which only the boxes are read.

Crowds count as any other box; an image without annotations has nothing in it. Pictures lie beside the file or in
``images`` there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from foveate.annotations.annotated import MarkedPicture
from foveate.annotations.boxes import Box, as_array, checked
from foveate.annotations.source import MarksFile
from foveate.errors import DataError

FOLDER = "images"


def coco(file: MarksFile) -> list[MarkedPicture]:
    """The images, in the file's order; DataError names the image, category or annotation, counted from 1."""
    categories = {number: _text(one, "name", where) for number, where, one in _numbered(file, "categories", "category")}
    paths: dict[Any, str] = {}
    sizes_px: dict[Any, tuple[int, int] | None] = {}
    for number, where, one in _numbered(file, "images", "image"):
        paths[number] = file.picture(_text(one, "file_name", where), inside=FOLDER)
        sizes_px[number] = _size(one)
    _check_once(file, paths)
    boxes: dict[Any, list[Box]] = {number: [] for number in paths}
    names: dict[Any, list[str]] = {number: [] for number in paths}
    for where, one in file.listed("annotations", "annotation"):
        image, category = one.get("image_id"), one.get("category_id")
        for what, key, known in (("image", image, paths), ("category", category, categories)):
            if not isinstance(key, int | float | str) or key not in known:
                raise DataError(f"{where}: its {what}_id is {key!r}, and no {what} of this file has that id: mend one")
        boxes[image].append(_box(one, where, sizes_px[image]))
        names[image].append(categories[category])
    return [
        MarkedPicture(path=path, boxes_px=as_array(boxes[number]), names=tuple(names[number]))
        for number, path in paths.items()
    ]


def _numbered(file: MarksFile, member: str, thing: str) -> Iterator[tuple[Any, str, Mapping[str, Any]]]:
    """(id, where it stands, object) of each; ids are numbers or texts, each there once."""
    seen: set[Any] = set()
    for where, one in file.listed(member, thing):
        number = one.get("id")
        if not isinstance(number, int | float | str) or number in seen:
            raise DataError(f"{where}: its id is {number!r}; needed is a number of its own for each {thing}")
        seen.add(number)
        yield number, where, one


def _text(one: Mapping[str, Any], key: str, where: str) -> str:
    text = str(one[key]).strip() if one.get(key) is not None else ""
    if not text:
        raise DataError(f"{where}: has no {key}: give it one")
    return text


def _size(image: Mapping[str, Any]) -> tuple[int, int] | None:
    """(height, width), where both are said."""
    height, width = image.get("height"), image.get("width")
    if isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0:
        return height, width
    return None


def _box(one: Mapping[str, Any], where: str, size_px: tuple[int, int] | None) -> Box:
    try:
        left, top, width, height = (float(side) for side in one["bbox"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{where}: its bbox is {one.get('bbox')!r}; needed is [left, top, width, height] in pixels"
        ) from error
    try:
        return checked((top, left, top + height, left + width), size_px=size_px)
    except ValueError as error:
        raise DataError(f"{where}: {error}; bbox is [left, top, width, height] in pixels: mend or remove it") from error


def _check_once(file: MarksFile, paths: Mapping[Any, str]) -> None:
    first: dict[str, Any] = {}
    for number, path in paths.items():
        if path in first:
            raise DataError(f"{file.path}: {path} is both image {first[path]!r} and image {number!r}: make it one")
        first[path] = number
