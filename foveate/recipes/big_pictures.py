"""A folder of big pictures in which things are marked: a finder of them, sizes chosen from the marks themselves.

Training scenes are windows of the pictures, so that few pictures go a long way; to calibrate and to test, pictures are
whole. Where only labels of whole pictures are known, so are training scenes, and nothing says where to look.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from foveate.annotations.annotated import Annotated
from foveate.annotations.reading import read_annotations
from foveate.errors import DataError
from foveate.models.cells import CLOSER
from foveate.recipes.picture_folder import FolderRecipe
from foveate.recipes.recipe import check_counts
from foveate.recipes.zoom_parts import CONTEXT, zoom_system, zoom_training
from foveate.scenes.folders import SHOWN, PictureFolder
from foveate.scenes.splits import sampled_hash, splits_of
from foveate.training.config import ENDLESS
from foveate.training.marked_source import MarkedSource, PixelKind
from foveate.training.window_draw import WindowDraw
from foveate.words import counted

MINUTES = 20.0
FRONTIER_SIZE = 1024  # cells that are remembered: pictures may hold hundreds of things
LARGE_CONTEXT = 2.0  # things of up to half a look are seen whole
PARTS = ("train", "calibrate", "test")


def big_pictures(
    path: str | os.PathLike[str],
    *,
    minutes: float | None = None,
    steps: int | None = None,
    looks: int = 32,
    glimpse_px: int = 128,
    window_px: int = 1024,
    finest_px: float | None = None,
    point_px: float = 32.0,
    classes: tuple[str, ...] = (),
    flip: bool = False,
    bands: int = 3,
    value_range: tuple[float, float] = (0.0, 255.0),
    amp: Literal["off", "fp16", "bf16"] = "off",
    seed: int = 0,
) -> FolderRecipe:
    """Train a finder: ``steps`` updates, or as many as fit into ``minutes``, whichever ends first; for twenty minutes
    when neither is given.

    ``classes``: those that are searched, all if none is named; what is marked as another is then nothing.
    ``window_px``: the shorter side of the smallest window. ``finest_px``: pixels of a picture per pixel of the closest
    looks; chosen so that things of the median size fill at most half a look. ``point_px``: the side of the box that a
    point stands for. ``flip``: mirrored pictures mean the same. ``bands`` and ``value_range``: what pictures are
    converted to. Raises DataError, with the remedy, for what cannot be learned from."""
    check_counts(looks=looks, glimpse_px=glimpse_px, window_px=window_px, bands=bands)
    marked = read_annotations(path, point_px=point_px)
    marked = marked.only(classes) if classes else marked
    kind = PixelKind(num_bands=bands, value_range=value_range)
    draw = WindowDraw(least_px=window_px, flip=flip) if marked.has_places else None
    rows = _parts(marked, seed)
    sources = {
        name: MarkedSource(marked.select(rows[name]), kind=kind, windows=draw if name == "train" else None)
        for name in PARTS
    }
    sizes = _sizes(marked, glimpse_px, finest_px)
    _check_looks(marked.root, sources, CLOSER * glimpse_px * sizes["finest_px"])
    if minutes is None and steps is None:
        minutes = MINUTES
    test = marked.labels[rows["test"]]
    return FolderRecipe(
        name="big_pictures",
        system=zoom_system(
            ("none", *marked.class_names),
            glimpse_px=glimpse_px,
            model={"num_bands": bands, "value_range": value_range, "frontier_size": FRONTIER_SIZE, **sizes},
        ),
        train=zoom_training(
            steps=ENDLESS if steps is None else steps,
            seconds=None if minutes is None else 60 * minutes,
            num_looks=looks,
            amp=amp,
            seed=seed,
            eval_every=400,
        ),
        source=sources["train"],
        calibration=sources["calibrate"],
        test=sources["test"],
        majority=float(np.bincount(test).max() / len(test)),
        notes=(
            *_found(marked, rows),
            *_left_out(sources.values()),
            *_chosen(marked, sources["train"], sizes, glimpse_px),
        ),
    )


def _parts(marked: Annotated, seed: int) -> dict[str, NDArray[np.int64]]:
    """Rows of each part: those that the file says, else by content. DataError where one would be empty."""
    folder = PictureFolder(
        root=marked.root, paths=marked.paths, labels=marked.labels, class_names=("none", *marked.class_names),
        splits=marked.splits,
    )  # fmt: skip
    rows = splits_of(folder, seed=seed, hashes=[sampled_hash(path) for path in marked.paths])
    for name in PARTS:
        if len(rows[name]) == 0:
            raise DataError(
                f"{marked.root}: of {len(marked)} pictures none is left to {name} with; needed are at least three "
                "different ones of one class, better fifty of each, and as many with nothing, or another split"
            )
    if not (marked.labels[rows["train"]] > 0).any():
        raise DataError(f"{marked.root}: nothing is in any picture to train with: mark some, or change the split")
    return rows


def _check_looks(root: str, sources: Mapping[str, MarkedSource], least_px: float) -> None:
    """DataError where all pictures of a part are smaller: an overview shows all that is in them."""
    for name in ("train", "calibrate"):
        if (sources[name].sizes_px.max(1) < least_px).all():
            raise DataError(
                f"{root}: no picture to {name} with has a side of {least_px:g} px or more, so overviews show all that "
                "is in them, and there is nothing to look at more closely: give a smaller --set glimpse_px or finest_px"
            )


def _sides_px(marked: Annotated) -> NDArray[np.float32]:
    """The longer side of everything that is marked."""
    every = np.concatenate(marked.boxes_px) if marked.has_places else np.zeros((0, 4), np.float32)
    return np.asarray((every[:, 2:] - every[:, :2]).max(1, initial=0))


def _sizes(marked: Annotated, glimpse_px: int, finest_px: float | None) -> Mapping[str, Any]:
    """How closely is looked, and how much looks overlap."""
    sides = _sides_px(marked)
    median = float(np.median(sides)) if len(sides) else 0.0
    finest = max(1.0, 2 * median / glimpse_px) if finest_px is None else finest_px
    fits = median <= (1 - 1 / CONTEXT) * glimpse_px * finest
    return {"finest_px": finest, "context": CONTEXT if fits else LARGE_CONTEXT}


def _found(marked: Annotated, rows: Mapping[str, NDArray[np.int64]]) -> list[str]:
    names, holding = marked.class_names, int((marked.labels > 0).sum())
    counts = sum(len(boxes) for boxes in marked.boxes_px)
    shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    what = f"{counts} things marked" if marked.has_places else "labels alone, nothing marked"
    whose = "by the file's own split" if marked.splits else "by content, so that copies stay together"
    return [
        f"pictures   {len(marked)} in {marked.root}, {holding} with something in them ({shown}), "
        f"{len(marked) - holding} with nothing; {what}",
        f"splits     {' + '.join(f'{len(rows[name])} to {name}' for name in PARTS)}, {whose}",
        *(f"beware     {doubt}" for doubt in marked.doubts),
    ]


def _left_out(sources: Iterable[MarkedSource]) -> list[str]:
    broken = [why for source in sources for why in source.broken.values()]
    return [f"beware     {counted(len(broken), 'picture')} passed over, for instance {broken[0]}"] if broken else []


def _chosen(marked: Annotated, source: MarkedSource, sizes: Mapping[str, Any], glimpse_px: int) -> list[str]:
    areas, sides = source.sizes_px.prod(1) / 1e6, _sides_px(marked)
    lines = [f"sizes      pictures of {areas.min():.1f} to {areas.max():.1f} Mpx"]
    if len(sides):
        low, median, high = np.percentile(sides, (5, 50, 95))
        lines[0] += f"; things of {low:.0f} to {high:.0f} px (median {median:.0f})"
    lines.append(
        f"model      looks of {glimpse_px} x {glimpse_px} px, the closest at {sizes['finest_px']:.3g} px of a picture"
    )
    if source.windows is None:
        lines.append("beware     nothing says where things are: expect little where they are small in the picture")
    else:
        lines.append(f"training   windows of {source.windows.least_px} px and more, at random places and scales")
    return lines
