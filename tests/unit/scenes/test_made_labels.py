"""Labels of made scenes, in three formats that say the same."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np

from foveate.scenes.made_labels import LOOK_ALIKE, described, write_labels
from foveate.scenes.procedural import ProceduralConfig, ProceduralSet

SCENES = ProceduralSet(ProceduralConfig(size_px=(900, 1200), object_size_px=(20, 30)))


def test_the_formats_agree(tmp_path: Path) -> None:
    made = [described(f"{i}.tif", SCENES, SCENES.batch(np.array([i]), 0)[1]) for i in range(12)]
    facts = {"class_names": SCENES.class_names, "size_px": SCENES.config.size_px}
    lines = write_labels(tmp_path, made, kind="jsonl", **facts).read_text().splitlines()
    assert [json.loads(line) for line in lines] == made
    assert {one["label"] for one in made} <= {None, "3", "5", "8"}
    assert all(one["present"] == any(thing["is_target"] for thing in one["things"]) for one in made)

    flat = [(one["file"], thing) for one in made for thing in one["things"]]
    with write_labels(tmp_path, made, kind="csv", **facts).open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["class"], float(row["bottom"])) for row in rows] == [
        (name, thing["class"], thing["box_px"][2]) for name, thing in flat
    ]

    coco = json.loads(write_labels(tmp_path, made, kind="coco", **facts).read_text())
    names = {one["id"]: one["name"] for one in coco["categories"]}
    assert list(names.values()) == ["3", "5", "8", LOOK_ALIKE]
    assert coco["images"][1] == {"id": 2, "file_name": "1.tif", "height": 900, "width": 1200}
    for entry, (_, thing) in zip(coco["annotations"], flat, strict=True):
        left, top, wide, tall = entry["bbox"]
        assert [top, left, top + tall, left + wide] == thing["box_px"]
        assert names[entry["category_id"]] == thing["class"]
