"""What is marked where in big pictures, in the files that people have: a reader per format. Nothing is decoded.

:func:`foveate.annotations.reading.read_annotations` finds the file and gives what it says as one
:class:`~foveate.annotations.annotated.Annotated`. Facts: ``suffixes`` of the files' names, in any case of letters, the
longest that fits first; ``members`` of the JSON object by which two readers of one suffix tell whose a file is;
``marks_places``, a "module:function" that takes the file's path and says at little cost whether it has places and not
only labels (absent: it always has); ``summary``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from foveate.registry import Registry

if TYPE_CHECKING:
    from foveate.annotations.annotated import MarkedPicture
    from foveate.annotations.source import MarksFile

Reader = Callable[["MarksFile"], list["MarkedPicture"]]

ANNOTATIONS: Registry[Reader] = Registry("format of annotations")
ANNOTATIONS.register(
    "table",
    "foveate.annotations.table:table",
    suffixes=(".csv", ".jsonl"),
    marks_places="foveate.annotations.table:marks_places",
    summary="a box, a point or a picture a line",
)
ANNOTATIONS.register(
    "coco",
    "foveate.annotations.coco:coco",
    suffixes=(".coco.json", ".json"),
    members=("images", "categories", "annotations"),
    summary="COCO's boxes",
)
ANNOTATIONS.register(
    "geojson",
    "foveate.annotations.geojson:geojson",
    suffixes=(".geojson", ".json"),
    members=("features",),
    summary="a map, or outlines in pixels",
)
