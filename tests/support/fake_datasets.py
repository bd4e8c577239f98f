"""Small fakes of the published data sets, in the layouts in which they are unpacked: no test needs the real ones.

Every picture is painted from a mask, each class in its own colour, so that picture and mask can be compared again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIZE = (24, 32)  # (height, width) of all pictures
NUM_TRAIN, NUM_VAL = 20, 8
NUM_CLASSES = 4
COLOURS = np.array([[40, 40, 40], [220, 60, 60], [60, 220, 60], [60, 60, 220], [220, 220, 60]], np.uint8)


def painted_mask(seed: int, size_px: tuple[int, int] = SIZE) -> tuple[NDArray[np.uint8], tuple[int, int, int, int]]:
    """Classes ``[H, W]``: a rectangle of class 1 + seed % 4 on 0, and that rectangle (top, left, bottom, right)."""
    rng = np.random.default_rng(seed)
    height, width = size_px
    top, left = int(rng.integers(height // 2)), int(rng.integers(width // 2))
    bottom, right = top + height // 3, left + width // 3
    mask = np.zeros(size_px, np.uint8)
    mask[top:bottom, left:right] = 1 + seed % NUM_CLASSES
    return mask, (top, left, bottom, right)


def classes_of(pixels: NDArray[Any]) -> NDArray[np.int64]:
    """The class ``[..., H, W]`` whose colour is nearest to each pixel of ``[..., 3, H, W]``."""
    colours = COLOURS.astype(int)[:, :, None, None]
    return np.asarray(np.abs(np.asarray(pixels).astype(int)[..., None, :, :, :] - colours).sum(-3).argmin(-3))


def save_picture(path: Path, mask: NDArray[np.uint8]) -> None:
    """The mask in colours; a JPEG without blur of its colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {} if path.suffix == ".png" else {"quality": 95, "subsampling": 0}
    Image.fromarray(COLOURS[mask]).save(path, **options)


def fake_imagenet(root: Path, *, flat_val: bool = False) -> Path:
    """Train and val, a folder for each of four classes; a flat val has a ``val.txt``."""
    listed = []
    for split, count in (("train", NUM_TRAIN), ("val", NUM_VAL)):
        for i in range(count):
            wnid = f"n{i % NUM_CLASSES:08}"
            name = f"ILSVRC2012_val_{i:08}.JPEG" if split == "val" else f"{wnid}_{i}.JPEG"
            place = root / split if split == "val" and flat_val else root / split / wnid
            save_picture(place / name, painted_mask(i)[0])
            listed += [f"{name} {i % NUM_CLASSES}"] if split == "val" else []
    if flat_val:
        (root / "val.txt").write_text("\n".join(listed) + "\n")
    return root


def fake_ade20k(root: Path) -> Path:
    """Training and validation: class 0 of the painting is ADE20K's "other", 1 to 4 its first four classes."""
    for split, count in (("training", NUM_TRAIN), ("validation", NUM_VAL)):
        for i in range(count):
            mask, name = painted_mask(i)[0], f"ADE_{split[:-3]}_{i:08}"
            save_picture(root / "images" / split / f"{name}.jpg", mask)
            place = root / "annotations" / split
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask).save(place / f"{name}.png")
    rows = [f"{i}\t0.1\t9\t9\tthing {i}, item {i} " for i in range(1, NUM_CLASSES + 1)]
    (root / "objectInfo150.txt").write_text("\n".join(["Idx\tRatio\tTrain\tVal\tName", *rows]))
    return root


def fake_coco(root: Path, *, year: int = 2014) -> Path:
    """Train, val and test; the rectangles are polygons in odd pictures, runs of pixels in even ones."""
    for split, count in (("train", NUM_TRAIN), ("val", NUM_VAL), ("test", NUM_VAL)):
        images, annotations = [], []
        for i in range(count):
            mask, (top, left, bottom, right) = painted_mask(i)
            name = f"COCO_{split}{year}_{i:012}.jpg"
            save_picture(root / f"{split}{year}" / name, mask)
            images.append({"id": 100 + i, "file_name": name, "height": SIZE[0], "width": SIZE[1]})
            polygon = [[left, top, right, top, right, bottom, left, bottom]]
            annotations.append(
                {
                    "image_id": 100 + i,
                    "category_id": 10 * (1 + i % NUM_CLASSES),
                    "area": int((mask > 0).sum()),
                    "iscrowd": 1 - i % 2,
                    "segmentation": polygon if i % 2 else {"counts": _runs(mask > 0), "size": list(SIZE)},
                }
            )
        if split != "test":
            categories = [{"id": 10 * i, "name": f"thing {i}"} for i in range(1, NUM_CLASSES + 1)]
            content = {"images": images, "annotations": annotations, "categories": categories}
            (root / "annotations").mkdir(exist_ok=True)
            (root / "annotations" / f"instances_{split}{year}.json").write_text(json.dumps(content))
    return root


def fake_sun360(root: Path) -> Path:
    """Twenty panoramas of four kinds of place, and the list that splits them: the first two are val."""
    kinds = ["outdoor/park", "indoor/church", "indoor/cave", "outdoor/beach"]
    listed = [f"{kinds[i % len(kinds)]}/pano_{i}.jpg" for i in range(NUM_TRAIN)]
    for i, path in enumerate(listed):
        save_picture(root / path, painted_mask(i, (16, 32))[0])
    (root / "sun360-dataset26-random.txt").write_text("\n".join(listed) + "\n")
    return root


def fake_pictures(root: Path) -> Path:
    """Twenty different pictures at some depth."""
    for i in range(NUM_TRAIN):
        save_picture(root / f"{i % 3}" / f"{i}.png", painted_mask(i)[0])
    return root


def _runs(inside: NDArray[np.bool_]) -> list[int]:
    """Lengths of what is outside, inside, outside, ... down the columns."""
    flat = inside.T.reshape(-1).astype(int)
    ends = np.flatnonzero(np.diff(flat)) + 1
    edges = [0, *ends.tolist(), flat.size]
    return ([0] if flat[0] else []) + np.diff(edges).tolist()
