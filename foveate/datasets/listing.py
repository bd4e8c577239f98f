"""What a reader gives: the pictures of one part of a data set, with what is known of each. Nothing is decoded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from foveate.rows import take

Pair = tuple[int, int]
Target = Literal["label", "picture", "mask"]


class Mask(Protocol):
    """The classes of one picture's pixels, read when asked for."""

    @property
    def origin(self) -> str:
        """The file that it is read from."""

    def read(self, size_px: Pair) -> NDArray[np.uint8]:
        """``[H, W]`` class numbers, ``IGNORED`` where there is none, for a picture of (height, width).

        SceneError, which names the file, for a mask that is broken, of another size, or of unknown classes.
        """


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """One part of a data set, in a fixed order."""

    name: str  # of the set and the part: "ade20k-val"
    root: str
    paths: tuple[str, ...]
    labels: NDArray[np.int64] | None = None  # [n] index into class_names
    masks: tuple[Mask, ...] | None = None  # [n]
    class_names: tuple[str, ...] | None = None  # of the labels, or of the masks' pixels

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def gives(self) -> tuple[Target, ...]:
        """What can be learned from these."""
        known: dict[Target, object] = {"label": self.labels, "picture": self.paths, "mask": self.masks}
        return tuple(target for target, value in known.items() if value is not None)

    @cached_property
    def fingerprint(self) -> str:
        """Of the files' names and sizes, and the labels. Not of their contents: to hash a million pictures takes hours,
        and what is published under a name does not change."""
        digest = hashlib.sha256("\n".join(self.class_names or ()).encode())
        sizes = {mask.origin: _num_bytes(mask.origin) for mask in self.masks or ()}
        for row, path in enumerate(self.paths):
            facts: list[Any] = [self._relative(path), _num_bytes(path)]
            facts += [] if self.labels is None else [self.labels[row]]
            if self.masks is not None:
                origin = self.masks[row].origin
                facts += [self._relative(origin), sizes[origin]]
            digest.update(("\n" + "\t".join(map(str, facts))).encode())
        return f"{self.name}-{len(self)}-{digest.hexdigest()[:16]}"

    def select(self, rows: Any) -> Pictures:
        """The given pictures (indices or a mask); the classes stay as they are."""
        chosen = np.arange(len(self))[np.asarray(rows, np.int64 if np.size(rows) == 0 else None)]

        def pick(values: Sequence[Any]) -> tuple[Any, ...]:
            return tuple(values[row] for row in chosen.tolist())

        masks = None if self.masks is None else pick(self.masks)
        return replace(self, paths=pick(self.paths), labels=take(self.labels, chosen), masks=masks)

    def _relative(self, path: str) -> str:
        return path.removeprefix(self.root).replace(os.sep, "/")


class Reader(Protocol):
    """Lists a part of a data set that lies in a folder; what else it takes has defaults."""

    def __call__(self, folder: str | os.PathLike[str], *, split: str, target: Target = ...) -> Pictures:
        """Only what the target needs is looked for. DataError, with the remedy, for a layout that is not the set's;
        UsageError for a split or a target that it does not have."""


def _num_bytes(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except OSError:
        return -1
