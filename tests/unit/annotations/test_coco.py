"""COCO's JSON, of others and our own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.annotations.reading import is_annotated, read_annotations
from foveate.errors import DataError
from foveate.exports import save_found
from foveate.findings import Finding
from foveate.scenes.made_labels import write_labels
from tests.support.findings import a_found, any_finding

ONE: dict[str, Any] = {"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 20, 30, 40]}
SET: dict[str, Any] = {
    "images": [{"id": 7, "file_name": "a.tif", "height": 100, "width": 200}, {"id": 8, "file_name": "b.tif"}],
    "categories": [{"id": 3, "name": "boat"}, {"id": 1, "name": "tree"}, {"id": 9, "name": "unseen"}],
    "annotations": [ONE, ONE | {"id": 2, "category_id": 1, "iscrowd": 1, "bbox": [-2, 0, 204.5, 1]}],
}


def write(folder: Path, content: Any, *, name: str = "annotations.json", inside: str = "") -> Path:
    (folder / inside).mkdir(exist_ok=True)
    for picture in ("a.tif", "b.tif"):
        (folder / inside / picture).touch()
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return folder / name


@pytest.mark.parametrize("inside", ["", "images"])
@pytest.mark.parametrize("name", ["annotations.json", "labels.coco.json"])
def test_a_data_set(tmp_path: Path, name: str, inside: str) -> None:
    file = write(tmp_path, SET, name=name, inside=inside)
    for place in (tmp_path, file):
        made = read_annotations(place)
        assert is_annotated(place)
        assert made.paths == tuple(str(tmp_path / inside / picture) for picture in ("a.tif", "b.tif"))
        assert made.class_names == ("boat", "tree")
        assert [each.tolist() for each in made.classes] == [[0, 1], []]
        assert [each.tolist() for each in made.boxes_px] == [[[20, 10, 60, 40], [0, 0, 1, 200]], []]
        assert made.labels.tolist() == [1, 0]
        assert made.splits is None


def test_a_picture_beside_the_file_goes_before_one_in_images(tmp_path: Path) -> None:
    write(tmp_path, SET, inside="images")
    file = write(tmp_path, SET)
    assert read_annotations(file).paths[0] == str(tmp_path / "a.tif")


@given(findings=st.lists(any_finding().filter(lambda each: each.label.strip() == each.label), max_size=5))
def test_what_was_found_comes_back(tmp_path_factory: pytest.TempPathFactory, findings: list[Finding]) -> None:
    folder = tmp_path_factory.mktemp("set")
    found = a_found(picture="a.tif", findings=(*findings, Finding(label="boat", score=0, box_px=(0, 0, 9, 9))))
    empty = a_found(picture="b.tif", findings=())
    file = write(folder, "", name="found.coco.json")
    save_found(file, [found, empty])
    made = read_annotations(file)
    assert [made.class_names[kind] for kind in made.classes[0]] == [each.label for each in found.findings]
    expected = np.array([each.box_px for each in found.findings], np.float32)
    np.testing.assert_array_equal(made.boxes_px[0], expected, strict=True)  # quarters of pixels: exactly
    assert made.labels[1] == len(made.boxes_px[1]) == 0


def test_made_scenes_are_read_as_they_were_written(tmp_path: Path) -> None:
    things = [{"class": "3", "is_target": True, "box_px": [1.0, 2.0, 30.0, 40.25]}]
    made = [{"file": "a.tif", "things": things}, {"file": "b.tif", "things": []}]
    write(tmp_path, "")
    write_labels(tmp_path, made, kind="coco", class_names=("3", "5"), size_px=(64, 64))
    read = read_annotations(tmp_path)
    assert read.class_names == ("3",)
    assert read.boxes_px[0].tolist() == [[1, 2, 30, 40.25]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": [], "annotations": []}, "names no pictures"),
        ({"images": 5}, "has no list 'images'; it has images, categories, annotations"),
        ({"images": [7]}, "image 1: is no object"),
        ({"images": [{"id": 7}]}, "image 1: has no file_name"),
        ({"images": [{"file_name": "a.tif"}]}, "image 1: its id is None"),
        (
            {"images": [*SET["images"], {"id": 7, "file_name": "c.tif"}]},
            "image 3: its id is 7; needed is a number",
        ),
        ({"images": [*SET["images"], {"id": 1, "file_name": "./a.tif"}]}, "a.tif is both image 7 and image 1"),
        ({"images": [*SET["images"], {"id": 1, "file_name": "c.tif"}]}, r"1 of 3 pictures are not there: \S*c\.tif;"),
        ({"categories": None}, "has no list 'categories'"),
        ({"categories": [{"id": 3}]}, "category 1: has no name"),
        ({"categories": [{"id": [3], "name": "boat"}]}, r"category 1: its id is \[3\]"),
        ({"categories": [{"id": 3, "name": "none"}, {"id": 1, "name": "x"}]}, "a box in .*a.tif is labelled 'none'"),
        ({"annotations": []}, r"nothing is marked in any picture \(2 pictures\)"),
        ({"annotations": [ONE, "x"]}, "annotation 2: is no object"),
        (
            {"annotations": [ONE | {"image_id": 9}]},
            "annotation 1: its image_id is 9, and no image of",
        ),
        ({"annotations": [ONE | {"image_id": [7]}]}, r"annotation 1: its image_id is \[7\]"),
        ({"annotations": [ONE | {"category_id": 2}]}, "annotation 1: its category_id is 2, and no category"),
        ({"annotations": [ONE, {"image_id": 7, "category_id": 3}]}, "annotation 2: its bbox is None; needed is"),
        ({"annotations": [ONE | {"bbox": [1, 2, 3]}]}, r"annotation 1: its bbox is \[1, 2, 3\]; needed is \[left"),
        ({"annotations": [ONE | {"bbox": [1, 2, "w", 3]}]}, "annotation 1: its bbox is"),
        ({"annotations": [ONE | {"bbox": [1, 2, 0, 3]}]}, "annotation 1: the box .* is empty"),
        ({"annotations": [ONE | {"bbox": [1, 2, -1, 3]}]}, "annotation 1: the box .* is empty"),
        ({"annotations": [ONE | {"bbox": [1, 2, float("nan"), 3]}]}, "annotation 1: the box .* is not finite"),
        (
            {"annotations": [ONE | {"bbox": [1, -9, 3, 20]}]},
            "annotation 1: the box .* sticks out of a picture",
        ),
        ({"annotations": [ONE | {"bbox": [190, 2, 15, 3]}]}, "annotation 1: the box .* sticks out"),
        ({"annotations": [ONE | {"image_id": 8, "bbox": [-1, 2, 3, 3]}]}, "annotation 1: the box .* is negative"),
    ],
)
def test_mistakes(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    file = write(tmp_path, SET | change)
    with pytest.raises(DataError, match=message) as caught:
        read_annotations(tmp_path)
    assert str(caught.value).startswith(str(file))
