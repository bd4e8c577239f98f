"""`.coco.json`: detections as data sets of COCO have them, for annotation tools and their evaluation.

Numbers of images, categories and annotations begin at 1. Images are in the order given, those without findings among
them; categories are the labels that were found, in the order of the alphabet.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from foveate.findings import Found


def coco(founds: Sequence[Found]) -> str:
    """COCO's ``images``, ``categories`` and ``annotations``: ``bbox`` is [left, top, width, height] in pixels."""
    labels = sorted({each.label for found in founds for each in found.findings})
    numbers = {label: number for number, label in enumerate(labels, start=1)}
    values = {
        "info": {"description": "Found by foveate"},
        "images": [_image(number, found) for number, found in enumerate(founds, start=1)],
        "categories": [{"id": number, "name": label} for label, number in numbers.items()],
        "annotations": list(_annotations(founds, numbers)),
    }
    return json.dumps(values, ensure_ascii=False, allow_nan=False) + "\n"


def _image(number: int, found: Found) -> dict[str, Any]:
    height, width = found.size_px
    return {"id": number, "file_name": found.picture, "width": width, "height": height}


def _annotations(founds: Sequence[Found], numbers: dict[str, int]) -> Iterator[dict[str, Any]]:
    pairs = [(image, each) for image, found in enumerate(founds, start=1) for each in found.findings]
    for number, (image, each) in enumerate(pairs, start=1):
        top, left, bottom, right = each.box_px
        height, width = bottom - top, right - left
        yield {
            "id": number,
            "image_id": image,
            "category_id": numbers[each.label],
            "bbox": [left, top, width, height],
            "area": width * height,
            "iscrowd": 0,
            "score": each.score,
        }
