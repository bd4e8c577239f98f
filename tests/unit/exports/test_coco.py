"""COCO: numbers that refer to each other, and boxes that are the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.exports.coco import coco
from foveate.findings import Found
from tests.support.findings import TREE, a_found, any_found


def _read(founds: list[Found]) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(coco(founds))
    return values


def test_a_data_set() -> None:
    read = _read([a_found(findings=()), a_found(picture="b.tif"), a_found(picture="c.tif", findings=(TREE,))])
    assert read["images"] == [
        {"id": number, "file_name": name, "width": 200, "height": 100}
        for number, name in enumerate(["harbour/a.tif", "b.tif", "c.tif"], start=1)
    ]
    assert read["categories"] == [{"id": 1, "name": "boat"}, {"id": 2, "name": "tree"}]
    assert read["annotations"] == [
        {"id": 1, "image_id": 2, "category_id": 1, "bbox": [0, 40, 10, 20], "area": 200, "iscrowd": 0, "score": 0.875},
        {"id": 2, "image_id": 2, "category_id": 2, "bbox": [20, 10, 30, 20], "area": 600, "iscrowd": 0, "score": 0.5},
        {"id": 3, "image_id": 3, "category_id": 2, "bbox": [20, 10, 30, 20], "area": 600, "iscrowd": 0, "score": 0.5},
    ]


def test_nothing_at_all() -> None:
    read = _read([])
    assert read["images"] == read["categories"] == read["annotations"] == []


@given(founds=st.lists(any_found(), max_size=3))
def test_what_was_found_comes_back(founds: list[Found]) -> None:
    read = _read(founds)
    for kind in ("images", "categories", "annotations"):
        assert [each["id"] for each in read[kind]] == list(range(1, len(read[kind]) + 1))
    names = {each["id"]: each["name"] for each in read["categories"]}
    assert set(names.values()) == {each.label for found in founds for each in found.findings}
    expected = [(image, each) for image, found in enumerate(founds, start=1) for each in found.findings]
    for read_one, (image, each) in zip(read["annotations"], expected, strict=True):
        left, top, width, height = read_one["bbox"]
        assert (read_one["image_id"], names[read_one["category_id"]]) == (image, each.label)
        assert (top, left, top + height, left + width) == each.box_px  # quarters of pixels: exactly
        assert read_one["area"] == width * height > 0
        assert read_one["score"] == each.score


def test_pycocotools_reads_it(tmp_path: Any) -> None:
    tools = pytest.importorskip("pycocotools.coco", reason="no dependency of ours")
    (tmp_path / "a.json").write_text(coco([a_found(), a_found(picture="b.tif", findings=())]))
    read = tools.COCO(str(tmp_path / "a.json"))
    assert read.getImgIds() == [1, 2]
    assert read.getAnnIds(imgIds=[1], catIds=[2]) == [2]
