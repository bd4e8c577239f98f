"""Loading labelled pictures for training: broken files are skipped, counted and reported, and never stop the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from foveate.core import Scenes
from foveate.errors import DataError, SceneError
from foveate.geometry.viewpoint import from_boxes_px
from foveate.scenes.folders import PictureFolder
from foveate.scenes.memory import ArrayScenes
from foveate.scenes.modes import Mode
from foveate.scenes.pictures import PictureScenes

S = TypeVar("S", bound=Scenes)

ChooseView = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[Any]]
"""(rows [n] of the folder, sizes_px [n, 2]) -> viewpoints [n, 1, 4]: which part of each picture becomes the scene."""


@dataclass(frozen=True, kw_only=True)
class Loaded(Generic[S]):
    """What could be loaded, and what could not."""

    scenes: S
    rows: NDArray[np.int64]  # [n] of the folder, one per scene
    labels: NDArray[np.int64]  # [n]
    broken: tuple[tuple[str, str], ...]  # (path, reason)


def load_batch(
    folder: PictureFolder, indices: NDArray[np.int64] | Sequence[int], *, mode: Mode = "RGB", **options: Any
) -> Loaded[PictureScenes]:
    """Pictures of a folder as they are, decoded once now so that broken ones are found; ``options`` as PictureScenes.

    What fits into ``cache_bytes`` is kept, so looks at it cost nothing afterwards. DataError if none could be read.
    """
    rows, broken = [], []
    for row in np.asarray(indices, np.int64).tolist():
        try:
            PictureScenes([folder.paths[row]], mode=mode, **options)
        except SceneError as error:
            broken.append((folder.paths[row], str(error)))
        else:
            rows.append(row)
    _check_some_left(rows, broken)
    scenes = PictureScenes([folder.paths[row] for row in rows], mode=mode, **options)
    late = scenes.preload()
    broken += [(folder.paths[rows[at]], str(error)) for at, error in late.items()]
    good = [at for at in range(len(rows)) if at not in late]
    _check_some_left(good, broken)
    kept = np.array(rows, np.int64)[good]
    return Loaded(scenes=scenes.select(good), rows=kept, labels=folder.labels[kept], broken=tuple(broken))


def load_resized(
    folder: PictureFolder,
    indices: NDArray[np.int64] | Sequence[int],
    *,
    size_px: tuple[int, int],
    choose: ChooseView | None = None,
    mode: Mode = "RGB",
    **options: Any,
) -> Loaded[ArrayScenes]:
    """Pictures of a folder as one array ``[n, C, *size_px]``; JPEGs are decoded no larger than that needs.

    ``choose`` says which part of each picture is taken (augmentation); without it, the largest middle part with the
    aspect of ``size_px``, so that nothing is stretched.
    """
    rows, arrays, broken = [], [], []
    for row in np.asarray(indices, np.int64).tolist():
        try:
            one = PictureScenes([folder.paths[row]], mode=mode, **options)
            view = middle(one.sizes_px, size_px) if choose is None else choose(np.array([row]), one.sizes_px)
            arrays.append(one.read(view, size_px).pixels[0, 0])
        except SceneError as error:
            broken.append((folder.paths[row], str(error)))
        else:
            rows.append(row)
    _check_some_left(rows, broken)
    kept = np.array(rows, np.int64)
    return Loaded(scenes=ArrayScenes(np.stack(arrays)), rows=kept, labels=folder.labels[kept], broken=tuple(broken))


def middle(sizes_px: NDArray[np.int64], size_px: tuple[int, int]) -> NDArray[np.float64]:
    """Viewpoints ``[n, 1, 4]`` of the largest middle part of scenes ``[n, 2]`` with the aspect of ``size_px``."""
    sizes = sizes_px.astype(np.float64)
    part = np.array(size_px, np.float64) * (sizes / np.array(size_px)).min(1, keepdims=True)
    low = (sizes - part) / 2
    return np.asarray(from_boxes_px(np.concatenate([low, low + part], -1)[:, None], sizes_px))


def batches(
    num_pictures: int, batch_size: int, *, rng: np.random.Generator | None = None
) -> Iterator[NDArray[np.int64]]:
    """Rows of each batch, every picture once; shuffled if there is a generator, the last batch may be smaller."""
    order = np.arange(num_pictures) if rng is None else rng.permutation(num_pictures)
    for first in range(0, num_pictures, batch_size):
        yield order[first : first + batch_size]


def _check_some_left(rows: Sequence[int], broken: Sequence[tuple[str, str]]) -> None:
    if not rows:
        first = broken[0][1] if broken else "the list of pictures is empty"
        raise DataError(f"none of {len(broken)} pictures could be read; the first: {first}")
