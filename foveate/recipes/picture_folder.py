"""A folder of labelled pictures as a run: layout, splits by content, and sizes chosen from the pictures themselves."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveate.errors import UsageError
from foveate.recipes.folder_parts import Pair, find_parts
from foveate.recipes.recipe import Recipe, check_counts
from foveate.system import PartSpec, SystemSpec
from foveate.training.config import ENDLESS, TrainConfig
from foveate.training.ppo import PpoConfig

MINUTES = 10.0  # of training, if nothing else was said
MIXED_ASPECTS = 1.5  # pictures whose shapes differ more than this share a square glance


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """(height, width) of what the model sees, and why."""

    glance_px: Pair
    focus_px: Pair
    focus_region_px: Pair | None
    state_grid: Pair
    why: str


@dataclass(frozen=True, kw_only=True)
class FolderRecipe(Recipe):
    """A run on a folder, with what was found there."""

    notes: tuple[str, ...]
    """For people: what was found and chosen."""
    majority: float
    """Share of the most frequent class in the test pictures: what guessing gets."""


def picture_folder(
    path: str | os.PathLike[str],
    *,
    minutes: float | None = None,
    steps: int | None = None,
    looks: int = 4,
    seed: int = 0,
    policy: str = "spatial",
    flip: bool = False,
    zoom: float = 1.0,
    batch_size: int | None = None,
    processes: int = 1,
) -> FolderRecipe:
    """Train on a folder of pictures: ``steps`` updates, or as many as fit into ``minutes``, whichever ends first; for
    ten minutes when neither is given.

    ``flip``: mirrored pictures mean the same. ``zoom``: a fixation covers this many times its own side. ``processes``:
    of data-parallel training; the batch is a multiple of it. Raises DataError, with the remedy, for a folder that
    cannot be learned from.
    """
    if zoom <= 0:
        raise UsageError(f"zoom is {zoom}; it must be above 0")
    check_counts(batch_size=batch_size)
    parts = find_parts(path, seed=seed)
    sizes = choose_sizes(parts.sizes_px, zoom=zoom)
    parts = parts.without_small(sizes.focus_region_px or sizes.focus_px)
    batch = batch_size or parts.batch_size(processes)
    sources = parts.sources(flip=flip)
    return FolderRecipe(
        name="picture_folder",
        system=_system(parts.folder.class_names, sizes, policy),
        train=folder_training(minutes=minutes, steps=steps, looks=looks, seed=seed, batch_size=batch),
        source=sources["train"],
        calibration=sources["calibrate"],
        test=sources["test"],
        majority=parts.majority,
        notes=(*parts.found(), *_chosen(sizes, batch, flip=flip), *parts.doubts()),
    )


def choose_sizes(sizes_px: NDArray[np.int64], *, zoom: float = 1.0) -> Sizes:
    """Sizes for pictures of ``sizes_px`` ``[n, 2]``: a glance of a sixth of the median picture's long side, within
    64..128 px and at most half of it; fixations of a tenth, within 64..96 px and at most 40 % of the short side."""
    height, width = (round(side) for side in np.median(sizes_px, axis=0))
    long, short = max(height, width), min(height, width)
    glance = min(round(float(np.clip(long / 6, 64, 128))), -(-long // 2))
    aspects = np.quantile(sizes_px[:, 0] / sizes_px[:, 1], (0.1, 0.9))
    is_mixed = bool(aspects[1] / aspects[0] > MIXED_ASPECTS)
    glance_px = (glance, glance) if is_mixed else (_eights(glance * height / long), _eights(glance * width / long))
    focus = max(4, min(round(float(np.clip(long / 10, 64, 96))), int(0.4 * short)))
    focus = focus // 8 * 8 if focus >= 16 else focus
    region = max(1, round(min(focus * zoom, short)))
    shape = "a square glance, as shapes are mixed" if is_mixed else "the glance keeps their shape"
    detail = f"{long / max(glance_px):.1f} x smaller than the picture; fixations are " + (
        "native pixels" if region == focus else f"{region / focus:.1f} x shrunk"
    )
    return Sizes(
        glance_px=glance_px,
        focus_px=(focus, focus),
        focus_region_px=None if region == focus else (region, region),
        state_grid=(max(3, min(20, glance_px[0] // 8)), max(3, min(20, glance_px[1] // 8))),
        why=f"median picture {height} x {width} px; {shape}, {detail}",
    )


def _eights(side: float) -> int:
    """A multiple of 8 where that changes little."""
    return max(8, round(side / 8) * 8) if side >= 32 else max(6, round(side))


def _system(class_names: tuple[str, ...], sizes: Sizes, policy: str) -> SystemSpec:
    model = {
        "num_outputs": len(class_names),
        "glance_px": sizes.glance_px,
        "focus_px": sizes.focus_px,
        "focus_region_px": sizes.focus_region_px,
        "state_grid": sizes.state_grid,
        "glance": _conv(sizes.glance_px),
        "focus": _conv(sizes.focus_px),
        "readout": {"name": "pool"},
        "auxiliary": "cells",
        "relevance": "attention",
    }
    return SystemSpec(
        model=PartSpec(name="glance_focus", config=model),
        policy=PartSpec(name=policy),
        critic=PartSpec(name="spatial_value"),
        task=PartSpec(name="classification", config={"class_names": class_names}),
    )


def _conv(image_px: Pair) -> dict[str, object]:
    """Four layers that shrink by 8; by 4 where there is little to shrink."""
    strides = (2, 2, 2, 1) if min(image_px) >= 48 else (2, 2, 1, 1)
    return {"name": "conv", "channels": (16, 32, 48, 64), "strides": strides, "kernels": (5, 3, 3, 3)}


def folder_training(*, minutes: float | None, steps: int | None, looks: int, seed: int, batch_size: int) -> TrainConfig:
    """How any run on a folder of pictures is trained; the bounds are those of :func:`picture_folder`."""
    if minutes is None and steps is None:
        minutes = MINUTES
    return TrainConfig(
        steps=ENDLESS if steps is None else steps,
        seconds=None if minutes is None else 60 * minutes,
        batch_size=batch_size,
        num_looks=looks,
        lr=2e-3,
        weight_decay=0.02,
        ppo=PpoConfig(gamma=1.0, epochs=2, minibatches=1, lr=2e-3, entropy_weight=0.01),
        seed=seed,
        eval_every=40 if steps is None else max(1, min(40, steps // 4)),
        eval_scenes=128,
        keep="best",
    )


def _chosen(sizes: Sizes, batch_size: int, *, flip: bool) -> list[str]:
    return [
        f"sizes      {sizes.why}",
        f"model      glance {_x(sizes.glance_px)}, fixations {_x(sizes.focus_px)}, state {_x(sizes.state_grid)} cells; "
        f"{batch_size} pictures per step{', mirrored at random' if flip else ''}",
    ]


def _x(pair: Pair) -> str:
    return f"{pair[0]} x {pair[1]}"
