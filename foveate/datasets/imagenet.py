"""ImageNet-1k (ILSVRC 2012): ``train/`` and ``val/`` with a folder per class; ``val/`` may also be flat, with a list.

Classes are numbered by the sorted names of their folders (``n01440764``, ...), as everywhere. The list of a flat
``val/`` is one of the two that are passed around: ``val.txt`` (a file name and a class number per line) or
``LOC_val_solution.csv`` (a file name and a class name per line); it lies beside ``val/`` or in it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from foveate.datasets.listing import Pictures, Target
from foveate.datasets.needed import first_few, folder_at, folders_in, lines_of, one_of, pictures_in, pictures_under
from foveate.errors import DataError

LISTS = ("val.txt", "LOC_val_solution.csv")
CLASS_LISTS = ("synsets.txt", "LOC_synset_mapping.txt")  # where there is no train/: a class name begins each line
REMEDY = "name the folder that holds train and val, each unpacked into a folder per class"


def imagenet(folder: str | os.PathLike[str], *, split: str, target: Target = "label") -> Pictures:
    """Pictures of "train" or "val" with class numbers; for the target "picture", no classes are looked for."""
    one_of("split", split, ("train", "val"))
    one_of("target", target, ("label", "picture"))
    root = folder_at(folder, remedy=REMEDY)
    part, name = folder_at(root / split, remedy=REMEDY), f"imagenet-{split}"
    if target == "picture":
        return Pictures(name=name, root=str(root), paths=tuple(pictures_under(part, remedy=REMEDY)))
    if split == "val" and not folders_in(part):
        class_names = _class_names(root)
        paths = pictures_in(part, remedy=REMEDY)
        labels = _listed(_list_file(part), paths, class_names)
    else:
        class_names = _class_names(root) if (root / "train").is_dir() else folders_in(part)
        paths, labels = _in_class_folders(part, class_names)
    return Pictures(
        name=name,
        root=str(root),
        paths=tuple(paths),
        labels=np.array(labels, np.int64),
        class_names=tuple(class_names),
    )


def _class_names(root: Path) -> list[str]:
    if (root / "train").is_dir():
        found = folders_in(root / "train")
    else:
        files = [root / name for name in CLASS_LISTS if (root / name).is_file()]
        found = sorted(line.split()[0] for line in lines_of(files[0], remedy=REMEDY) if line) if files else []
    if not found:
        lists = " or ".join(CLASS_LISTS)
        raise DataError(f"{root}: names no classes: train has no class folders, and there is no {lists}; {REMEDY}")
    return found


def _in_class_folders(part: Path, class_names: Sequence[str]) -> tuple[list[str], list[int]]:
    number = {name: label for label, name in enumerate(class_names)}
    paths: list[str] = []
    labels: list[int] = []
    unknown = [name for name in folders_in(part) if name not in number]
    if unknown:
        raise DataError(f"{part}: has the folders {first_few(unknown)}, which are no classes of train: remove them")
    for name in folders_in(part):
        inside = pictures_under(part / name, remedy="unpack this class again, or remove its folder")
        paths += inside
        labels += [number[name]] * len(inside)
    if not paths:
        raise DataError(f"{part}: has no class folders; {REMEDY}")
    return paths, labels


def _list_file(part: Path) -> Path:
    for place in (part.parent, part):
        for name in LISTS:
            if (place / name).is_file():
                return place / name
    raise DataError(
        f"{part}: has no class folders, and neither it nor {part.parent} has a list {' or '.join(LISTS)}: "
        "move the pictures into class folders, or add such a list"
    )


def _listed(file: Path, paths: Sequence[str], class_names: Sequence[str]) -> list[int]:
    """Labels of the pictures, by a list that names the same pictures."""
    label_of = _read_list(file, class_names)
    stems = [Path(path).stem for path in paths]
    unlisted = [stem for stem in stems if stem not in label_of]
    if unlisted:
        raise DataError(f"{file}: does not name {len(unlisted)} pictures of val: {first_few(unlisted)}; fetch it again")
    absent = sorted(set(label_of) - set(stems))
    if absent:
        raise DataError(f"{file}: names {len(absent)} pictures that are not there: {first_few(absent)}; unpack again")
    return [label_of[stem] for stem in stems]


def _read_list(file: Path, class_names: Sequence[str]) -> dict[str, int]:
    """Class number by file name without its ending; of a class only the first word of the line's rest is read."""
    number = {name: label for label, name in enumerate(class_names)}
    label_of: dict[str, int] = {}
    for line, text in enumerate(lines_of(file, remedy=REMEDY), 1):
        words = text.replace(",", " ").split()
        if not words or words[0] == "ImageId":  # the head of the CSV
            continue
        given = words[1] if len(words) > 1 else "nothing"
        label = number.get(given, int(given) if given.isdecimal() else -1)
        if not 0 <= label < len(class_names):
            raise DataError(
                f"{file}, line {line}: the class of {words[0]} is {given}; needed is one of the "
                f"{len(class_names)} names of train's folders, or a number from 0 to {len(class_names) - 1}"
            )
        label_of[Path(words[0]).stem] = label
    return label_of
