"""MS COCO: pictures in ``train2014``, ``val2014``, ``test2014`` (or 2017), masks from ``annotations/instances_*``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from foveate.datasets.coco_masks import read_masks
from foveate.datasets.listing import Pictures, Target
from foveate.datasets.needed import folder_at, one_of, pictures_in

SPLITS = ("train", "val", "test")


def coco(
    folder: str | os.PathLike[str], *, split: str, target: Target = "picture", year: Literal[2014, 2017] = 2014
) -> Pictures:
    """All pictures of "train", "val" or "test"; for the target "mask", with masks of the 80 categories.

    A mask's class 0 is "background", whatever no instance covers. The test pictures have no published masks.
    """
    one_of("target", target, ("picture", "mask"))
    one_of("split", split, SPLITS if target == "picture" else SPLITS[:2])
    remedy = f"name the folder that holds train{year}, val{year} and, for masks, annotations"
    root, name = folder_at(folder, remedy=remedy), f"coco{year}-{split}"
    paths = pictures_in(folder_at(root / f"{split}{year}", remedy=remedy + _other(root, split, year)), remedy=remedy)
    if target == "picture":
        return Pictures(name=name, root=str(root), paths=tuple(paths))
    masks, class_names = read_masks(root / "annotations" / f"instances_{split}{year}.json", paths, remedy=remedy)
    return Pictures(name=name, root=str(root), paths=tuple(paths), masks=masks, class_names=class_names)


def _other(root: Path, split: str, year: int) -> str:
    other = 2017 if year == 2014 else 2014
    return f" (there is {split}{other}: say year={other})" if (root / f"{split}{other}").is_dir() else ""
