"""COCO's instances as one mask per picture: the category of each pixel, 0 where there is no instance.

A pixel belongs to a polygon if its centre lies inside. Where instances overlap the smaller one shows; crowds lie below
all others. COCO's own tools trace outlines on a finer grid: masks differ from theirs in pixels along the edges.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.datasets.listing import Pair
from foveate.datasets.needed import first_few
from foveate.errors import DataError, SceneError

BACKGROUND = "background"

Region = NDArray[Any]
"""Of an instance, a polygon: float32 [p, 2] (x, y) in pixels; or runs: int64 [r], lengths of pixels outside, inside,
outside, ... down the columns from the left."""


@dataclass(frozen=True, kw_only=True)
class DrawnMask:
    """The mask of one picture."""

    origin: str
    size_px: Pair
    regions: tuple[tuple[int, Region], ...]  # (class, region), the later ones on top

    def read(self, size_px: Pair) -> NDArray[np.uint8]:
        """``[H, W]`` class numbers; SceneError if the picture is of another size than the instances say."""
        if self.size_px != size_px:
            raise SceneError(
                "has a mask of {} x {} pixels for a picture of {} x {}: fetch both again".format(
                    *self.size_px, *size_px
                ),
                path=self.origin,
            )
        mask = np.zeros(size_px, np.uint8)
        for label, region in self.regions:
            if region.ndim == 2:
                left, top = np.floor(region.min(axis=0)).clip(0).astype(int)
                right, bottom = np.ceil(region.max(axis=0)).clip(0).astype(int)
                part = mask[top:bottom, left:right]
                part[inside(region - (left, top), part.shape)] = label
            else:
                mask[unrolled(region, size_px)] = label
        return mask


def read_masks(file: Path, paths: Sequence[str], *, remedy: str) -> tuple[tuple[DrawnMask, ...], tuple[str, ...]]:
    """A mask per picture, by its file name, and the classes' names. DataError for a file that does not have them."""
    try:
        content = json.loads(file.read_bytes())
        class_names = (BACKGROUND, *(str(one["name"]) for one in content["categories"]))
        masks = _masks(content, str(file))
    except FileNotFoundError as error:
        raise DataError(f"{file}: there is no such file; {remedy}") from error
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise DataError(f"{file}: holds no COCO instances ({type(error).__name__}: {error}): fetch it again") from error
    names = [Path(path).name for path in paths]
    absent = [name for name in names if name not in masks]
    if absent:
        raise DataError(f"{file}: knows nothing of {len(absent)} pictures: {first_few(absent)}; fetch it again")
    return tuple(masks[name] for name in names), class_names


def inside(polygon: Region, size_px: Pair) -> NDArray[np.bool_]:
    """``[H, W]``, True where a pixel's centre lies inside (even-odd)."""
    height, width = size_px
    (x0, y0), (x1, y1) = polygon.T, np.roll(polygon, -1, axis=0).T
    rows = np.arange(height) + 0.5
    edge, row = np.nonzero((y0[:, None] <= rows) != (y1[:, None] <= rows))
    x = x0[edge] + (rows[row] - y0[edge]) / (y1 - y0)[edge] * (x1 - x0)[edge]
    crossings = np.zeros((height, width + 1), np.uint8)  # their parity is all that counts
    np.add.at(crossings, (row, np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)), 1)
    return np.asarray(crossings.cumsum(axis=1, dtype=np.uint8)[:, :width] % 2 == 1)


def unrolled(runs: Region, size_px: Pair) -> NDArray[np.bool_]:
    """``[H, W]`` of run lengths that fill the picture."""
    height, width = size_px
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(width, height).T


def _masks(content: Mapping[str, Any], origin: str) -> dict[str, DrawnMask]:
    """By the pictures' file names."""
    number = {int(one["id"]): label for label, one in enumerate(content["categories"], 1)}
    sizes_px = {int(one["id"]): (int(one["height"]), int(one["width"])) for one in content["images"]}
    regions: dict[int, list[tuple[int, Region]]] = {picture: [] for picture in sizes_px}
    for one in sorted(content["annotations"], key=lambda one: (not one.get("iscrowd", 0), -float(one["area"]))):
        picture, label = int(one["image_id"]), number[int(one["category_id"])]
        regions[picture] += [(label, region) for region in _regions(one["segmentation"], sizes_px[picture])]
    return {
        str(one["file_name"]): DrawnMask(
            origin=origin, size_px=sizes_px[int(one["id"])], regions=tuple(regions[int(one["id"])])
        )
        for one in content["images"]
    }


def _regions(segmentation: Any, size_px: Pair) -> list[Region]:
    if not isinstance(segmentation, Mapping):
        return [np.array(polygon, np.float32).reshape(-1, 2) for polygon in segmentation if polygon]
    runs = np.array(segmentation["counts"], np.int64)  # packed into text, as results are, is a ValueError
    if tuple(segmentation["size"]) != size_px or int(runs.sum()) != size_px[0] * size_px[1]:
        raise ValueError("the runs of a region do not fill its picture")
    return [runs]
