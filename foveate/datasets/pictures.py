"""Any folder of pictures, at any depth: to reconstruct, no label is needed."""

from __future__ import annotations

import os

import numpy as np

from foveate.datasets.listing import Pictures, Target
from foveate.datasets.needed import folder_at, one_of, pictures_under
from foveate.errors import DataError
from foveate.scenes.folders import PictureFolder
from foveate.scenes.splits import split_by_content

PART_OF = {"train": "train", "val": "calibrate", "test": "test"}
REMEDY = "name a folder with pictures in it, at any depth"


def pictures(folder: str | os.PathLike[str], *, split: str, target: Target = "picture", seed: int = 0) -> Pictures:
    """The pictures of one part, by name; "train", "val" and "test" share no content, "all" are all.

    About 70, 15 and 15 % of the different contents, by a hash of each file and the seed: a copy of a picture is in the
    same part, whatever it is called. All files are read for that; for "all", none is.
    """
    one_of("split", split, (*PART_OF, "all"))
    one_of("target", target, ("picture",))
    root = folder_at(folder, remedy=REMEDY)
    found = Pictures(name=f"pictures-{split}", root=str(root), paths=tuple(pictures_under(root, remedy=REMEDY)))
    if split == "all":
        return found
    unlabelled = PictureFolder(
        root=str(root), paths=found.paths, labels=np.zeros(len(found), np.int64), class_names=("picture",)
    )
    part = found.select(split_by_content(unlabelled, seed=seed)[PART_OF[split]])
    if len(part) == 0:
        raise DataError(f"{root}: none of {len(found)} pictures is left for {split!r}; needed are three that differ")
    return part
