"""A folder of labelled pictures in three parts that share no content: what every run on a folder begins with."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from foveate.errors import DataError, SceneError
from foveate.scenes.decode import read_header
from foveate.scenes.folders import SHOWN, PictureFolder, find_pictures
from foveate.scenes.splits import content_hashes, contradictions, splits_of
from foveate.training.folder_source import Augment, FolderSource

BATCH_BYTES = 256 << 20  # of native pixels
MAX_BATCH = 24  # minutes of a CPU are better spent on many steps than on large ones

Pair = tuple[int, int]
Rows = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class FolderParts:
    """The usable pictures, and which of them are to train, calibrate and test with.

    The parts depend on the files' content, their classes and the seed: not on what is left out for its size, so that
    models that read larger or smaller fixations never test on each other's training pictures.
    """

    folder: PictureFolder
    sizes_px: NDArray[np.int64]  # [n, 2] (height, width)
    hashes: tuple[str, ...]  # [n] of the files
    rows: Mapping[str, Rows]  # of "train", "calibrate" and "test"
    left_out: tuple[tuple[str, str], ...]  # files that are not used, and why

    @property
    def parts(self) -> dict[str, PictureFolder]:
        return {name: self.folder.select(rows) for name, rows in self.rows.items()}

    @property
    def majority(self) -> float:
        """Share of the most frequent class in the test pictures: what guessing gets."""
        test = self.folder.labels[self.rows["test"]]
        return float(np.bincount(test).max() / len(test))

    @property
    def scene_px(self) -> Pair:
        """(height, width) of the median picture."""
        height, width = np.median(self.sizes_px, axis=0)
        return round(height), round(width)

    def without_small(self, least_px: Pair) -> Self:
        """The same without pictures that are smaller than (height, width) on any side. Raises DataError as
        :func:`find_parts`."""
        fits = np.asarray((self.sizes_px >= np.array(least_px)).all(axis=1))
        number = np.cumsum(fits) - 1
        small = [(self.folder.paths[i], "{} x {} px, smaller than a fixation".format(*self.sizes_px[i]))
                 for i in np.flatnonzero(~fits)]  # fmt: skip
        return replace(
            self,
            folder=self.folder.select(fits),
            sizes_px=self.sizes_px[fits],
            hashes=tuple(one for one, kept in zip(self.hashes, fits, strict=True) if kept),
            rows={name: number[rows[fits[rows]]] for name, rows in self.rows.items()},
            left_out=(*self.left_out, *small),
        )._checked()

    def sources(self, *, flip: bool) -> dict[str, FolderSource]:
        """A source per part. Training pictures are decoded ahead and changed a little (``flip``: mirrored pictures mean
        the same); of the others the files are read while they are looked at."""
        return {
            name: FolderSource(
                part,
                augment=Augment(flip=flip) if name == "train" else None,
                from_files=name != "train",
                hashes=[self.hashes[row] for row in self.rows[name]],
            )
            for name, part in self.parts.items()
        }

    def batch_size(self, processes: int) -> int:
        """Pictures per training step: a multiple of the processes, within a bound of memory."""
        scene_bytes = 3 * self.scene_px[0] * self.scene_px[1]
        largest = min(MAX_BATCH, max(8, BATCH_BYTES // scene_bytes), max(2, len(self.rows["train"]) // 2))
        return max(processes, int(largest) // processes * processes)

    def found(self) -> list[str]:
        """For people: what was found and how it was split."""
        folder, names = self.folder, self.folder.class_names
        counts = np.bincount(folder.labels, minlength=len(names))
        shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
        whose = "by the folder's own train/val/test" if folder.splits else "by content, so that copies stay together"
        return [
            f"pictures   {len(folder)} in {folder.root}, of {len(counts)} classes ({shown}), "
            f"{counts.min()} to {counts.max()} each",
            f"splits     {' + '.join(f'{len(rows)} to {name}' for name, rows in self.rows.items())}, {whose}",
        ]

    def doubts(self) -> list[str]:
        """For people: what was left out, and labels that contradict each other."""
        passed = [f"{count} {reason}" for reason, count in self.folder.ignored.items()]
        passed += [f"{path} ({reason})" for path, reason in self.left_out[:SHOWN]]
        passed += [f"and {len(self.left_out) - SHOWN} more pictures"] if len(self.left_out) > SHOWN else []
        lines = [f"left out   {'; '.join(passed) or 'nothing'}"]
        if wrong := contradictions(self.folder, self.hashes):
            lines.append(
                f"beware     {len(wrong)} pictures stand under two classes, such as {' = '.join(wrong[0][:2])}"
            )
        return lines

    def _checked(self) -> Self:
        folder = self.folder
        for name, rows in self.rows.items():
            if len(rows) == 0:
                raise DataError(
                    f"{folder.root}: {len(folder)} usable pictures are too few: none is left to {name} with; "
                    "needed are at least three different pictures of each class, better fifty"
                )
        known = set(folder.labels[self.rows["train"]].tolist())
        missing = [name for label, name in enumerate(folder.class_names) if label not in known]
        if missing:
            raise DataError(
                f"{folder.root}: no usable picture to train with is of the class {', '.join(missing[:SHOWN])}; "
                "add pictures of it, or remove its folder"
            )
        return self


def find_parts(path: str | os.PathLike[str], *, seed: int) -> FolderParts:
    """Find the pictures and split them. Raises DataError, with the remedy, for a folder that cannot be learned from."""
    folder, sizes_px, left_out = _readable(find_pictures(path))
    hashes = content_hashes(folder)
    rows = {name: by_content(part, hashes) for name, part in splits_of(folder, seed=seed, hashes=hashes).items()}
    return FolderParts(folder=folder, sizes_px=sizes_px, hashes=hashes, rows=rows, left_out=left_out)._checked()


def by_content(rows: Rows, hashes: Sequence[str]) -> Rows:
    """Rows in an order that has nothing to do with their classes: the first so many of them are a fair sample."""
    return np.array(sorted(rows.tolist(), key=lambda row: hashes[row]), np.int64)


def _readable(found: PictureFolder) -> tuple[PictureFolder, NDArray[np.int64], tuple[tuple[str, str], ...]]:
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
    return found.select(good), np.array([sizes[i] for i in good], np.int64), tuple(bad)
