"""Training on big pictures of which it is known what is where: files, read only where they are looked at.

A training scene is a window of a picture, drawn by its key; to calibrate and to test, scenes are whole pictures. A file
that cannot be read, or not in the bands of the others, is skipped, counted and remembered with its reason; it never
stops a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from foveate.annotations.annotated import Annotated
from foveate.annotations.boxes import said
from foveate.core import Scenes
from foveate.errors import DataError, IncompatibleError, SceneError, UsageError
from foveate.geometry.viewpoint import whole_scene
from foveate.scenes.files import open_files, reader_of
from foveate.scenes.joined import JoinedScenes
from foveate.scenes.windows import WindowScenes
from foveate.training.clues import known_clues
from foveate.training.kept import CACHE_BYTES
from foveate.training.sources import Batch, Indices
from foveate.training.window_draw import Crowd, WindowDraw, Windows, draw_windows

SCENES_PER_EPOCH = 4096  # at least: few pictures are many windows
PROBE_PX = (32, 32)
STRANGE = "backslashreplace"  # names of files may be no text

PASSED_OVER = (SceneError, IncompatibleError)
"""Of a picture: it cannot be read, or not in the bands and the range of the others."""

Boxes = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class PixelKind:
    """What all pictures are converted to."""

    num_bands: int = 3
    value_range: tuple[float, float] = (0.0, 255.0)

    def __post_init__(self) -> None:
        low, high = self.value_range
        if not low < high:
            raise UsageError(f"value_range is {low:g}, {high:g}; the first must be less than the second")


class MarkedSource:
    """See the module's docstring. ``broken`` maps the files that could not be read to the reason."""

    def __init__(self, marked: Annotated, *, kind: PixelKind, windows: WindowDraw | None = None) -> None:
        """``windows``: None gives whole pictures. Headers are read now; DataError if no picture can be opened, and for
        a box whose middle lies outside of its picture; UsageError for windows of pictures of which only labels are
        known: nothing says what a window shows."""
        if windows is not None and not marked.has_places:
            raise UsageError("windows are drawn, but nothing is marked in the pictures: show them whole")
        self.marked, self.kind, self.windows = marked, kind, windows
        self.broken: dict[str, str] = {}
        self._scenes, self._rows = self._opened()
        self._check_boxes()
        self._place = {row: place for place, row in enumerate(self._rows)}  # of a picture among the scenes
        self._crowd = Crowd(np.array([len(boxes) for boxes in marked.boxes_px]))
        self._probed: set[int] = set()

    def __len__(self) -> int:
        count = len(self._rows)
        return count if self.windows is None else count * -(-SCENES_PER_EPOCH // count)

    @property
    def sizes_px(self) -> NDArray[np.int64]:
        """``[n, 2]`` of the pictures that can be opened."""
        return self._scenes.sizes_px

    @cached_property
    def fingerprint(self) -> str:
        """Of the files' names and sizes, of what is marked in them, and of what is done to them."""
        marked = self.marked
        digest = sha256("\n".join(marked.class_names).encode())
        for path, boxes, classes, label in zip(
            marked.paths, marked.boxes_px, marked.classes, marked.labels.tolist(), strict=True
        ):
            digest.update(f"\n{Path(path).name}\t{_num_bytes(path)}\t{label}\t".encode(errors=STRANGE))
            digest.update(boxes.tobytes() + classes.tobytes())
        changes = {**asdict(self.kind), **(asdict(self.windows) if self.windows else {})}
        told = [f"{name}={value}" for name, value in changes.items()]
        return "+".join([f"marked-{len(marked)}-{digest.hexdigest()[:16]}", *told])

    def batch(self, indices: Indices, epoch_seed: int) -> Batch:
        """The given scenes without those of broken files; DataError if all of them are.

        Targets are those of the task ``finding``, labels ``[n]`` alone where nothing is marked; of windows also
        ``heat_gain`` and ``label_gain`` ``[n]``, what drawing them so has changed (:mod:`.window_draw`)."""
        numbers = np.asarray(indices, np.int64)
        rows = np.array(self._rows, np.int64)[numbers % len(self._rows)]
        good = np.array([self._can_be_read(row) for row in rows.tolist()], np.bool_)
        if not good.any():
            why = next((self.broken[self.marked.paths[row]] for row in rows), "none was asked for")
            raise DataError(f"none of {len(rows)} pictures could be read; the first: {why}")
        numbers, rows = numbers[good], rows[good]
        scenes: Scenes = self._scenes.select([self._place[row] for row in rows.tolist()])
        if not self.marked.has_places:
            return Batch(scenes=scenes, target=torch.from_numpy(self.marked.labels[rows]), indices=numbers)
        boxes = [self.marked.boxes_px[row] for row in rows.tolist()]
        if self.windows is None:
            target = self._target(rows, boxes, scenes.sizes_px)
            return Batch(scenes=scenes, target=target, indices=numbers)
        middles = [(one[:, :2] + one[:, 2:]) / 2.0 for one in boxes]
        windows = draw_windows(self.windows, scenes.sizes_px, middles, epoch_seed=epoch_seed, indices=numbers)
        shown = WindowScenes(scenes, windows.boxes_px, windows.mirrored)
        target = self._target(rows, [_moved(one, windows, row) for row, one in enumerate(boxes)], shown.sizes_px)
        for name, gain in (("heat_gain", self._crowd.heat_gain), ("label_gain", self._crowd.label_gain)):
            target[name] = torch.from_numpy(gain(windows.area_frac).astype(np.float32))
        return Batch(scenes=shown, target=target, indices=numbers)

    def _opened(self) -> tuple[JoinedScenes, list[int]]:
        """All pictures that can be opened, one batch per reader, and their rows."""
        rows_of: dict[str, list[int]] = {}
        for row, path in enumerate(self.marked.paths):
            with self._broken_of(path):
                rows_of.setdefault(reader_of(path), []).append(row)
        parts, kept = [], []
        for reader, rows in rows_of.items():
            try:
                part = self._open(reader, rows)
            except PASSED_OVER:  # one; the others are asked one by one, and opened again
                rows = self._openable(reader, rows)
                if not rows:
                    continue
                part = self._open(reader, rows)
            parts.append(part)
            kept += rows
        if not parts:
            raise DataError(f"none of {len(self.marked)} pictures can be opened; {next(iter(self.broken.values()))}")
        return JoinedScenes(parts), kept

    def _openable(self, reader: str, rows: Sequence[int]) -> list[int]:
        good = []
        for row in rows:
            with self._broken_of(self.marked.paths[row]):
                self._open(reader, [row])
                good.append(row)
        return good

    @contextmanager
    def _broken_of(self, path: str) -> Iterator[None]:
        """A picture that cannot be read is noted, and passed over."""
        try:
            yield
        except PASSED_OVER as error:
            self.broken[path] = str(error)

    def _check_boxes(self) -> None:
        """Files seldom say how large a picture is: only its header tells what lies outside."""
        for row, size_px in zip(self._rows, self._scenes.sizes_px, strict=True):
            boxes = self.marked.boxes_px[row]
            outside = np.flatnonzero(~_shown(boxes, size_px))
            if len(outside):
                height, width = size_px.tolist()
                raise DataError(
                    f"{self.marked.paths[row]}: is {height} x {width} px, and the middle of {said(boxes[outside[0]])}, "
                    "which is marked in it, lies outside: mend or remove it"
                )

    def _open(self, reader: str, rows: Sequence[int]) -> Scenes:
        kind, paths = self.kind, [self.marked.paths[row] for row in rows]
        return open_files(
            reader, paths, num_bands=kind.num_bands, value_range=kind.value_range, cache_bytes=CACHE_BYTES
        )

    def _can_be_read(self, row: int) -> bool:
        """Whether an overview of the picture can be read: tried once."""
        path = self.marked.paths[row]
        if row in self._probed:
            return path not in self.broken
        self._probed.add(row)
        with self._broken_of(path):
            self._scenes.select([self._place[row]]).read(whole_scene(1), PROBE_PX)
        return path not in self.broken

    def _target(self, rows: Indices, boxes: Sequence[Boxes], sizes_px: NDArray[np.int64]) -> dict[str, torch.Tensor]:
        """What is known of scenes ``sizes_px`` ``[n, 2]`` that show the given boxes (of each ``[m, 4]``, some outside)
        of the pictures ``rows``: as :func:`foveate.training.clues.known_clues`."""
        most = max(1, int(self._crowd.counts.max(initial=0)))
        boxes_px = np.zeros((len(rows), most, 4), np.float32)
        classes = np.zeros((len(rows), most), np.int64)
        is_target = np.zeros((len(rows), most), np.bool_)
        for i, (row, every) in enumerate(zip(rows.tolist(), boxes, strict=True)):
            shown = _shown(every, sizes_px[i])
            count = int(shown.sum())
            boxes_px[i, :count] = every[shown].clip(0, np.tile(sizes_px[i], 2))
            classes[i, :count] = self.marked.classes[row][shown] + 1
            is_target[i, :count] = True
        return known_clues(
            boxes_px=boxes_px,
            classes=classes,
            is_thing=is_target,
            is_target=is_target,
            label=torch.from_numpy(self._labels(rows, classes)),
            sizes_px=sizes_px,
        )

    def _labels(self, rows: Indices, classes: NDArray[np.int64]) -> NDArray[np.int64]:
        """``[n]``, 0 for none: of a picture that is shown whole what it was given, of a window what most of it is."""
        if self.windows is None:
            return self.marked.labels[rows]
        votes = np.stack([(classes == number).sum(1) for number in range(1, len(self.marked.class_names) + 1)], 1)
        return np.where(votes.any(1), votes.argmax(1) + 1, 0)


def _moved(boxes: Boxes, windows: Windows, row: int) -> Boxes:
    """Boxes ``[m, 4]`` of a picture in pixels of its window."""
    top, left, bottom, right = windows.boxes_px[row].tolist()
    inside = boxes - np.array([top, left, top, left], np.float32)
    for axis, side in enumerate((bottom - top, right - left)):
        if windows.mirrored[row, axis]:
            inside[:, [axis, axis + 2]] = side - inside[:, [axis + 2, axis]]
    return inside


def _shown(boxes: Boxes, size_px: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of boxes ``[m, 4]``, those whose middle is in a picture of (height, width)."""
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.asarray(((middles >= 0) & (middles < size_px)).all(1))


def _num_bytes(path: str) -> int:
    """-1 of what is no file: an address, or a folder that is a picture."""
    place = Path(path)
    return place.stat().st_size if place.is_file() else -1
