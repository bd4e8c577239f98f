"""ADE20K scene parsing, as unpacked into ``ADEChallengeData2016``: pictures and masks of 150 classes.

Under ``images`` and under ``annotations`` there are ``training`` and ``validation``. A picture's mask is the PNG of
the same name: 0 is "other", 1 to 150 are the classes of ``objectInfo150.txt``. Here these are 0 to 149, and "other" is
ignored.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foveate.datasets.listing import Pair, Pictures, Target
from foveate.datasets.needed import first_few, folder_at, lines_of, one_of, pictures_in
from foveate.errors import DataError, SceneError
from foveate.scenes.decode import opened, read_header
from foveate.tasks import IGNORED

NUM_CLASSES = 150
FOLDER_OF = {"train": "training", "val": "validation"}
NAMES_FILE = "objectInfo150.txt"
REMEDY = "name the folder ADEChallengeData2016 as it was unpacked: it holds images and annotations"


def ade20k(folder: str | os.PathLike[str], *, split: str, target: Target = "mask") -> Pictures:
    """Pictures of "train" or "val" with masks of 150 classes; for the target "picture", no masks are looked for.

    Classes are named by ``objectInfo150.txt`` if it is there, else by their numbers in the files.
    """
    one_of("split", split, tuple(FOLDER_OF))
    one_of("target", target, ("mask", "picture"))
    root, name = folder_at(folder, remedy=REMEDY), f"ade20k-{split}"
    paths = pictures_in(folder_at(root / "images" / FOLDER_OF[split], remedy=REMEDY), remedy=REMEDY)
    if target == "picture":
        return Pictures(name=name, root=str(root), paths=tuple(paths))
    class_names = _class_names(root / NAMES_FILE)
    files = _mask_files(folder_at(root / "annotations" / FOLDER_OF[split], remedy=REMEDY), paths)
    return Pictures(
        name=name,
        root=str(root),
        paths=tuple(paths),
        masks=tuple(MaskFile(origin=file, num_classes=len(class_names)) for file in files),
        class_names=class_names,
    )


@dataclass(frozen=True, kw_only=True)
class MaskFile:
    """A picture file whose values, not its colours, are classes counted from 1; 0 is ignored."""

    origin: str
    num_classes: int

    def read(self, size_px: Pair) -> NDArray[np.uint8]:
        """``[H, W]`` class numbers from 0; raises SceneError as every mask does."""
        values = self._values()
        if values.shape != size_px:
            raise SceneError(
                "is a mask of {} x {} pixels, its picture has {} x {}: fetch both again".format(
                    *values.shape, *size_px
                ),
                path=self.origin,
            )
        if values.max() > self.num_classes:
            raise SceneError(
                f"is a mask with the class {values.max()}; known are 1 to {self.num_classes}, and 0 for none: "
                f"fetch it and {NAMES_FILE} again",
                path=self.origin,
            )
        return np.where(values == 0, np.uint8(IGNORED), values - np.uint8(1))

    def _values(self) -> NDArray[np.uint8]:
        read_header(self.origin)  # says clearly what is wrong with a file that is no picture
        with opened(self.origin, self.origin) as picture:
            if picture.mode not in ("L", "P"):
                raise SceneError(f"is no mask: its pixels are {picture.mode}, not classes of 8 bits", path=self.origin)
            return np.asarray(picture, np.uint8)


def _mask_files(place: Path, paths: list[str]) -> list[str]:
    there = set(os.listdir(place))  # noqa: PTH208  (twenty thousand names, no need of objects)
    names = [f"{Path(path).stem}.png" for path in paths]
    absent = [name for name in names if name not in there]
    if absent:
        raise DataError(
            f"{place}: {len(absent)} of {len(paths)} pictures have no mask here: {first_few(absent)}; "
            "unpack the set again, or remove these pictures"
        )
    return [str(place / name) for name in names]


def _class_names(file: Path) -> tuple[str, ...]:
    """Names in the order of the numbers 1, 2, ... of a table with a head, split by tabs: number first, name last."""
    if not file.is_file():
        return tuple(str(number + 1) for number in range(NUM_CLASSES))
    rows = [line.split("\t") for line in lines_of(file, remedy="fetch it again, or remove it")[1:] if line]
    if [row[0].strip() for row in rows] != [str(number + 1) for number in range(len(rows))] or not rows:
        raise DataError(f"{file}: does not list classes numbered 1, 2, ... line by line: fetch it again, or remove it")
    return tuple(row[-1].strip() for row in rows)
