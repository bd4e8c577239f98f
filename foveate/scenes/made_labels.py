"""Labels of made scenes as files: one line of JSON a scene, a table of boxes, or COCO."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from foveate.atomic import write_text
from foveate.scenes.procedural import ProceduralSet, Targets

Kind = Literal["jsonl", "csv", "coco"]
FILES: dict[str, str] = {"jsonl": "labels.jsonl", "csv": "labels.csv", "coco": "annotations.json"}
LOOK_ALIKE = "look-alike"


def described(file: str, scenes: ProceduralSet, targets: Targets) -> dict[str, Any]:
    """What is in the one scene of a batch, in plain values; boxes are (top, left, bottom, right) in pixels."""
    labels = targets["labels"][0]
    names = [scenes.class_names[label] if label >= 0 else None for label in labels]
    things = []
    for at in np.flatnonzero(targets["is_thing"][0]).tolist():
        box = [round(float(side), 2) for side in targets["thing_boxes_px"][0, at]]
        name = names[at] if targets["is_target"][0, at] else LOOK_ALIKE
        things.append({"class": name, "is_target": bool(targets["is_target"][0, at]), "box_px": box})
    present = [name for name in names if name is not None]
    return {"file": file, "present": bool(present), "label": present[0] if present else None, "things": things}


def write_labels(
    folder: Path,
    made: Sequence[dict[str, Any]],
    *,
    kind: Kind,
    class_names: Sequence[str],
    size_px: tuple[int, int],
) -> Path:
    """Write the labels of a folder's scenes; the file's path. Raises OutputError."""
    path = folder / FILES[kind]
    write_text(path, WRITERS[kind](made, class_names, size_px))
    return path


def _jsonl(made: Sequence[dict[str, Any]], class_names: Sequence[str], size_px: tuple[int, int]) -> str:
    return "".join(json.dumps(one) + "\n" for one in made)


def _csv(made: Sequence[dict[str, Any]], class_names: Sequence[str], size_px: tuple[int, int]) -> str:
    """One row a thing; a scene without any thing has none."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["file", "class", "is_target", "top", "left", "bottom", "right"])
    for one in made:
        table.writerows(
            [one["file"], thing["class"], int(thing["is_target"]), *thing["box_px"]] for thing in one["things"]
        )
    return out.getvalue()


def _coco(made: Sequence[dict[str, Any]], class_names: Sequence[str], size_px: tuple[int, int]) -> str:
    """Boxes are (left, top, width, height) there; look-alikes are the last category."""
    numbers = {name: number for number, name in enumerate([*class_names, LOOK_ALIKE], 1)}
    annotations: list[dict[str, Any]] = []
    for image_id, one in enumerate(made, 1):
        for thing in one["things"]:
            top, left, bottom, right = thing["box_px"]
            wide, tall = round(right - left, 2), round(bottom - top, 2)
            annotations.append(
                {
                    "id": len(annotations) + 1, "image_id": image_id, "category_id": numbers[thing["class"]],
                    "bbox": [left, top, wide, tall], "area": round(wide * tall, 2), "iscrowd": 0,
                }
            )  # fmt: skip
    images = [
        {"id": number, "file_name": one["file"], "height": size_px[0], "width": size_px[1]}
        for number, one in enumerate(made, 1)
    ]
    categories = [{"id": number, "name": name} for name, number in numbers.items()]
    return json.dumps({"images": images, "annotations": annotations, "categories": categories}, indent=1) + "\n"


WRITERS: dict[str, Callable[[Sequence[dict[str, Any]], Sequence[str], tuple[int, int]], str]] = {
    "jsonl": _jsonl,
    "csv": _csv,
    "coco": _coco,
}
