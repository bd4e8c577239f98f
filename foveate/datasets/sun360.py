"""SUN360: panoramas of 26 kinds of place, listed in one shuffled file whose first tenth is the validation set.

Each line of the list is a path under the folder, ``indoor/church/pano_....jpg``; its first two parts are the class.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from foveate.datasets.listing import Pictures, Target
from foveate.datasets.needed import first_few, folder_at, lines_of, one_of
from foveate.errors import DataError

LIST_FILE = "sun360-dataset26-random.txt"
VAL_SHARE = 10  # one in so many


def sun360(
    folder: str | os.PathLike[str],
    *,
    split: str,
    target: Target = "label",
    list_file: str | os.PathLike[str] | None = None,
) -> Pictures:
    """Pictures of "train" or "val" with class numbers, in the list's order; classes are numbered by sorted names.

    ``list_file``: by default ``sun360-dataset26-random.txt``, as AdaGlimpse's authors released it, in the folder.
    """
    one_of("split", split, ("train", "val"))
    one_of("target", target, ("label", "picture"))
    root = folder_at(folder, remedy="name the folder that holds indoor and outdoor")
    file = root / LIST_FILE if list_file is None else Path(list_file)
    listed = _read_list(file)
    classes = ["/".join(path.split("/")[:2]) for path in listed]
    class_names = tuple(sorted(set(classes)))
    num_val = len(listed) // VAL_SHARE
    rows = slice(0, num_val) if split == "val" else slice(num_val, None)
    paths = tuple(str(root / path) for path in listed)
    absent = [path for path in paths if not os.path.isfile(path)]  # noqa: PTH113
    if absent:
        raise DataError(
            f"{file}: {len(absent)} of {len(listed)} pictures are not there: {first_few(absent)}; "
            "paths are taken relative to the data set's folder"
        )
    return Pictures(
        name=f"sun360-{split}",
        root=str(root),
        paths=paths[rows],
        labels=np.searchsorted(class_names, classes[rows]).astype(np.int64),
        class_names=class_names,
    )


def _read_list(file: Path) -> list[str]:
    lines = lines_of(file, remedy="it lists the pictures: copy it there, or name it with list_file")
    listed = [line.strip() for line in lines]
    for line, path in enumerate(listed, 1):
        if path and path.count("/") < 2:
            raise DataError(f"{file}, line {line}: is {path!r}; needed is a path like indoor/church/pano_a.jpg")
    paths = [path for path in listed if path]
    if len(paths) < VAL_SHARE:
        raise DataError(f"{file}: lists {len(paths)} pictures, too few for a tenth to validate with: fetch it again")
    if len(set(paths)) < len(paths):
        raise DataError(f"{file}: lists {len(paths) - len(set(paths))} pictures twice: fetch it again")
    return paths
