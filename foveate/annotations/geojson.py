"""GeoJSON: a box around each outline, on the map or in pixels (x to the right, y downwards).

Coordinates are pixels where the collection's member ``foveate`` or a feature's property ``coordinates`` says "pixel",
as `foveate find --save` writes it; else places on the map, for pictures that say where they lie. A feature may name its
``picture``. One on the map that names none belongs to every picture beside the file that its middle lies in. Pictures
beside the file of which no feature tells have nothing in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain

import numpy as np

from foveate.annotations.annotated import MarkedPicture, gathered
from foveate.annotations.boxes import Box, around, as_array, checked
from foveate.annotations.features import Feature, features_of
from foveate.annotations.headers import Header, header_of, pictures_beside
from foveate.annotations.outlines import Outline
from foveate.annotations.reference import differ, named_crs, remedy
from foveate.annotations.source import MarksFile
from foveate.errors import DataError, SceneError

SAY_PIXELS = 'where coordinates are pixels, say so: "foveate": {"coordinates": "pixel"} beside "features"'
Pieces = Iterator[tuple[str, MarkedPicture]]


def geojson(file: MarksFile) -> list[MarkedPicture]:
    """The pictures beside the file, in natural order, then others that it names; DataError names the feature."""
    features = features_of(file)
    placing = _Placing(file, pictures_beside(file.folder))
    file.check_there(list(dict.fromkeys(one.picture for one in features if one.picture)))
    beside = ((str(file.path), MarkedPicture(path=path)) for path in placing.beside)
    named = (placing.named(one) for one in features if one.picture)
    unnamed = [one for one in features if not one.picture]
    in_pixels = (placing.in_pixels(one) for one in unnamed if one.is_geo is False)
    on_the_map = placing.on_the_map([one for one in unnamed if one.is_geo is not False])
    return gathered(chain(beside, *named, *in_pixels, on_the_map))


class _Placing:
    """Which picture each feature is in, and where. Headers are opened only for features on the map."""

    def __init__(self, file: MarksFile, beside: Sequence[str]) -> None:
        self.beside = beside
        self._file, self._crs = file, named_crs(file.content)
        self._opened: dict[str, Header] = {}

    def named(self, feature: Feature) -> Pieces:
        """Of a feature that names its picture."""
        header = None if feature.is_geo is False else self._header(feature.picture)
        if header is not None and header.geo_transform is None:
            raise DataError(f"{feature.where}: {header.path} does not say where on the map it lies; {SAY_PIXELS}")
        yield _piece(feature, feature.picture, [self._box(feature, each, header) for each in feature.outlines])

    def in_pixels(self, feature: Feature) -> Pieces:
        """Of a feature in pixels that names no picture: there must be one alone."""
        if len(self.beside) != 1:
            raise DataError(
                f"{feature.where}: is in pixels and names no picture, and {len(self.beside)} pictures lie beside the "
                'file: give each feature the property "picture"'
            )
        yield _piece(feature, self.beside[0], [self._box(feature, each, None) for each in feature.outlines])

    def on_the_map(self, features: Sequence[Feature]) -> Pieces:
        """Of features that name no picture: in every one beside the file that their middle lies in.

        Pictures that cannot be opened are passed over: whoever looks at them will say so. So are features that lie in
        none, if any lies in one: the file's doubts say how many."""
        parts = [(one, each) for one in features for each in one.outlines]
        if not parts:
            return
        where, is_placed = parts[0][0].where, np.zeros(len(parts), bool)
        spans = np.array([[*each.places.min(0), *each.places.max(0)] for _, each in parts])
        for header in self._headers():
            if header.geo_transform is None:
                raise DataError(
                    f"{where}: names no picture, and {header.path} does not say where on the map it lies: give each "
                    f'feature the property "picture", or take that picture away; {SAY_PIXELS}'
                )
            left, low, right, high = header.extent()
            near = (spans[:, 0] <= right) & (spans[:, 2] >= left) & (spans[:, 1] <= high) & (spans[:, 3] >= low)
            for at in np.flatnonzero(near):
                feature, outline = parts[at]
                if header.holds(_extent(outline, header)):
                    is_placed[at] = True
                    yield _piece(feature, header.path, [self._box(feature, outline, header)])
        if not is_placed.any():
            raise DataError(
                f"{where}: neither this nor any other feature that names no picture lies in one of the "
                f"{len(self.beside)} pictures beside the file: check the reference systems; {SAY_PIXELS}"
            )
        if not is_placed.all():
            first = parts[int(is_placed.argmin())][0].where
            self._file.doubts.append(
                f"{(~is_placed).sum()} of {len(parts)} outlines that name no picture lie in none of the "
                f"{len(self.beside)} beside the file and are left out, the first of {first}"
            )

    def _headers(self) -> Iterator[Header]:
        for path in self.beside:
            with suppress(SceneError):
                yield self._header(path)

    def _header(self, path: str) -> Header:
        """DataError for a picture that is known to be in another reference system."""
        if path not in self._opened:
            header = header_of(path)
            if header.geo_transform is not None and differ(self._crs, header.crs):
                assert self._crs is not None
                assert header.crs is not None
                default = "" if "crs" in self._file.content else ", as it names no other"
                raise DataError(
                    f"{self._file.path}: its coordinates are in {self._crs}{default}; {path} is in {header.crs}; "
                    f"{remedy(self._crs, header.crs)}"
                )
            self._opened[path] = header
        return self._opened[path]

    def _box(self, feature: Feature, outline: Outline, header: Header | None) -> Box:
        """In pixels: of an outline on the map where a header is given, cut at the picture's border."""
        try:
            box_px = _extent(outline, header)
            if header is not None and not header.holds(box_px):
                height, width = header.size_px
                raise ValueError(f"its middle lies outside of {header.path} ({height} x {width} px)")
            if outline.is_point:
                box_px = around(box_px[0], box_px[1], side_px=self._file.point_px)
            return checked(box_px, size_px=None if header is None else header.size_px, most_outside_px=np.inf)
        except ValueError as error:
            raise DataError(f"{feature.where}: {error}; mend or remove it") from error


def _extent(outline: Outline, header: Header | None) -> Box:
    """In pixels; of a point without height or width."""
    places = outline.places[:, ::-1] if header is None else header.in_pixels(outline)
    (top, left), (bottom, right) = places.min(0).tolist(), places.max(0).tolist()
    return top, left, bottom, right


def _piece(feature: Feature, picture: str, boxes_px: Sequence[Box]) -> tuple[str, MarkedPicture]:
    names = (feature.label,) * len(boxes_px)
    return feature.where, MarkedPicture(path=picture, boxes_px=as_array(boxes_px), names=names, split=feature.split)
