"""A folder of labelled pictures as a run: layout, splits by content, and sizes chosen from the pictures themselves."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveate.errors import DataError, SceneError
from foveate.recipes.recipe import Recipe
from foveate.scenes.decode import read_header
from foveate.scenes.folders import SHOWN, PictureFolder, find_pictures
from foveate.scenes.splits import content_hashes, contradictions, splits_of
from foveate.system import PartSpec, SystemSpec
from foveate.training.config import TrainConfig
from foveate.training.folder_source import Augment, FolderSource
from foveate.training.ppo import PpoConfig

BATCH_BYTES = 256 << 20  # of native pixels
MAX_BATCH = 24  # minutes of a CPU are better spent on many steps than on large ones
ENDLESS = 1_000_000  # steps of a run that is bounded by time
MIXED_ASPECTS = 1.5  # pictures whose shapes differ more than this share a square glance

Pair = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """(height, width) of what the model sees, and why."""

    scene_px: Pair  # the median picture
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
    minutes: float = 10.0,
    steps: int | None = None,
    looks: int = 4,
    seed: int = 0,
    policy: str = "spatial",
    flip: bool = False,
    zoom: float = 1.0,
    batch_size: int | None = None,
    processes: int = 1,
) -> FolderRecipe:
    """Train on a folder of pictures: ``steps`` updates, or as many as fit into ``minutes``.

    ``flip``: mirrored pictures mean the same. ``zoom``: a fixation covers this many times its own side. ``processes``:
    of data-parallel training; the batch is a multiple of it. Raises DataError, with the remedy, for a folder that
    cannot be learned from.
    """
    found = find_pictures(path)
    folder, sizes_px, left_out = _readable(found)
    sizes = choose_sizes(sizes_px, zoom=zoom)
    large_enough = np.asarray((sizes_px >= np.array(sizes.focus_region_px or sizes.focus_px)).all(axis=1))
    left_out += [(folder.paths[i], f"{h} x {w} px, smaller than a fixation")
                 for i, (h, w) in enumerate(sizes_px) if not large_enough[i]]  # fmt: skip
    folder = folder.select(large_enough)
    hashes = content_hashes(folder)
    splits = {name: by_content(rows, hashes) for name, rows in splits_of(folder, seed=seed, hashes=hashes).items()}
    parts = {name: folder.select(rows) for name, rows in splits.items()}
    _check_parts(folder, parts)
    batch = batch_size or _batch_size(sizes, len(parts["train"]), processes)
    sources = {
        name: FolderSource(
            part,
            augment=Augment(flip=flip) if name == "train" else None,
            from_files=name != "train",
            hashes=[hashes[row] for row in splits[name]],
        )
        for name, part in parts.items()
    }
    return FolderRecipe(
        name="picture_folder",
        system=_system(folder.class_names, sizes, policy),
        train=_train(minutes, steps, looks, seed, batch),
        source=sources["train"],
        calibration=sources["calibrate"],
        test=sources["test"],
        majority=float(np.bincount(parts["test"].labels).max() / len(parts["test"])),
        notes=tuple(_notes(folder, parts, sizes, batch, left_out, contradictions(folder, hashes), flip=flip)),
    )


def by_content(rows: NDArray[np.int64], hashes: Sequence[str]) -> NDArray[np.int64]:
    """Rows in an order that has nothing to do with their classes: the first so many of them are a fair sample."""
    return np.array(sorted(rows.tolist(), key=lambda row: hashes[row]), np.int64)


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
    region = round(min(focus * zoom, short))
    shape = "a square glance, as shapes are mixed" if is_mixed else "the glance keeps their shape"
    detail = f"{long / max(glance_px):.1f} x smaller than the picture; fixations are " + (
        "native pixels" if region == focus else f"{region / focus:.1f} x shrunk"
    )
    return Sizes(
        scene_px=(height, width),
        glance_px=glance_px,
        focus_px=(focus, focus),
        focus_region_px=None if region == focus else (region, region),
        state_grid=(max(3, min(20, glance_px[0] // 8)), max(3, min(20, glance_px[1] // 8))),
        why=f"median picture {height} x {width} px; {shape}, {detail}",
    )


def _eights(side: float) -> int:
    """A multiple of 8 where that changes little."""
    return max(8, round(side / 8) * 8) if side >= 32 else max(6, round(side))


def _readable(found: PictureFolder) -> tuple[PictureFolder, NDArray[np.int64], list[tuple[str, str]]]:
    """The pictures whose headers can be read, their sizes, and those left out with the reason."""

    def size_of(path: str) -> Pair | SceneError:
        try:
            return read_header(path).size_px
        except SceneError as error:
            return error

    with ThreadPoolExecutor(4) as pool:
        sizes = list(pool.map(size_of, found.paths))
    bad = [(path, str(size)) for path, size in zip(found.paths, sizes, strict=True) if isinstance(size, SceneError)]
    good = [i for i, size in enumerate(sizes) if not isinstance(size, SceneError)]
    if not good:
        raise DataError(f"{found.root}: none of {len(bad)} pictures can be read; the first: {bad[0][1]}")
    return found.select(good), np.array([sizes[i] for i in good], np.int64), bad


def _check_parts(folder: PictureFolder, parts: dict[str, PictureFolder]) -> None:
    for name, part in parts.items():
        if len(part) == 0:
            raise DataError(
                f"{folder.root}: {len(folder)} usable pictures are too few: none is left to {name} with; "
                "needed are at least three different pictures of each class, better fifty"
            )
    known = set(parts["train"].labels.tolist())
    missing = [name for label, name in enumerate(folder.class_names) if label not in known]
    if missing:
        raise DataError(
            f"{folder.root}: no usable picture to train with is of the class {', '.join(missing[:SHOWN])}; "
            "add pictures of it, or remove its folder"
        )


def _batch_size(sizes: Sizes, num_train: int, processes: int) -> int:
    scene_bytes = 3 * sizes.scene_px[0] * sizes.scene_px[1]
    largest = min(MAX_BATCH, max(8, BATCH_BYTES // scene_bytes), max(2, num_train // 2))
    return max(processes, int(largest) // processes * processes)


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


def _train(minutes: float, steps: int | None, looks: int, seed: int, batch_size: int) -> TrainConfig:
    return TrainConfig(
        steps=ENDLESS if steps is None else steps,
        seconds=60 * minutes if steps is None else None,
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


def _notes(
    folder: PictureFolder,
    parts: dict[str, PictureFolder],
    sizes: Sizes,
    batch_size: int,
    left_out: list[tuple[str, str]],
    wrong: tuple[tuple[str, ...], ...],
    *,
    flip: bool,
) -> list[str]:
    counts = np.bincount(folder.labels, minlength=len(folder.class_names))
    names = ", ".join(folder.class_names[:SHOWN]) + (", ..." if len(folder.class_names) > SHOWN else "")
    whose = "by the folder's own train/val/test" if folder.splits else "by content, so that copies stay together"
    passed = [f"{count} {reason}" for reason, count in folder.ignored.items()]
    passed += [f"{path} ({reason})" for path, reason in left_out[:SHOWN]]
    passed += [f"and {len(left_out) - SHOWN} more pictures"] if len(left_out) > SHOWN else []
    lines = [
        f"pictures   {len(folder)} in {folder.root}, of {len(counts)} classes ({names}), "
        f"{counts.min()} to {counts.max()} each",
        f"splits     {' + '.join(f'{len(part)} to {name}' for name, part in parts.items())}, {whose}",
        f"sizes      {sizes.why}",
        f"model      glance {_x(sizes.glance_px)}, fixations {_x(sizes.focus_px)}, state {_x(sizes.state_grid)} cells; "
        f"{batch_size} pictures per step{', mirrored at random' if flip else ''}",
        f"left out   {'; '.join(passed) or 'nothing'}",
    ]
    if wrong:
        lines.append(f"beware     {len(wrong)} pictures stand under two classes, such as {' = '.join(wrong[0][:2])}")
    return lines


def _x(pair: Pair) -> str:
    return f"{pair[0]} x {pair[1]}"
