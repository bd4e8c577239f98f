"""COCO: pictures, and masks drawn of outlines and runs; every mistake is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foveate.datasets.coco import coco
from foveate.datasets.coco_masks import DrawnMask, inside, read_masks, unrolled
from foveate.errors import DataError, SceneError, UsageError
from tests.support.fake_datasets import SIZE, fake_coco, painted_mask


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return fake_coco(tmp_path)


def change(root: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    file = root / "annotations" / "instances_val2014.json"
    content = json.loads(file.read_text())
    edit(content)
    file.write_text(json.dumps(content))


def test_the_pictures_of_each_part(root: Path) -> None:
    assert [len(coco(root, split=split)) for split in ("train", "val", "test")] == [20, 8, 8]
    assert coco(root, split="train").gives == ("picture",)


def test_masks_are_drawn_of_polygons_and_of_runs(root: Path) -> None:
    listed = coco(root, split="val", target="mask")
    assert listed.class_names == ("background", "thing 1", "thing 2", "thing 3", "thing 4")
    for row, mask in enumerate(listed.masks or ()):
        assert np.array_equal(mask.read(SIZE), painted_mask(row)[0])


def test_the_other_year(tmp_path: Path) -> None:
    fake_coco(tmp_path, year=2017)
    assert len(coco(tmp_path, split="val", year=2017, target="mask")) == 8
    with pytest.raises(DataError, match=r"val2014: there is no such folder; .*\(there is val2017: say year=2017\)"):
        coco(tmp_path, split="val")


def test_a_pixel_belongs_to_a_polygon_if_its_centre_does() -> None:
    triangle = np.float32([[0, 0], [4, 0], [0, 4]])
    # The centres on the long side, at x + y = 4, are not inside.
    assert inside(triangle, (4, 5)).astype(int).tolist() == [
        [1, 1, 1, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]
    beyond = np.float32([[-3, 1.2], [9, 1.2], [9, 2.6], [-3, 2.6]])
    assert inside(beyond, (4, 3)).any(axis=1).tolist() == [False, True, True, False]
    ring = np.float32([[0, 0], [6, 0], [6, 6], [0, 6], [0, 0], [2, 2], [2, 4], [4, 4], [4, 2], [2, 2]])
    assert inside(ring, (6, 6)).sum() == 36 - 4


def test_polygons_may_leave_the_picture() -> None:
    corner, outside = np.float32([[3, 2], [9, 2], [9, 9], [3, 9]]), np.float32([[7, -5], [9, -5], [9, -2]])
    mask = DrawnMask(origin="x.json", size_px=(4, 5), regions=((2, corner), (1, outside)))
    expected = np.zeros((4, 5))
    expected[2:, 3:] = 2
    assert np.array_equal(mask.read((4, 5)), expected)


def test_runs_go_down_the_columns() -> None:
    assert unrolled(np.array([1, 2, 3]), (2, 3)).astype(int).tolist() == [[0, 1, 0], [1, 0, 0]]


def test_small_instances_lie_on_top_and_crowds_below(root: Path) -> None:
    def two(content: dict[str, Any]) -> None:
        whole = [[0, 0, SIZE[1], 0, SIZE[1], SIZE[0], 0, SIZE[0]]]
        new = {"image_id": 101, "iscrowd": 0, "category_id": 40, "area": 9e9, "segmentation": whole}
        crowd = {"counts": [0, SIZE[0] * SIZE[1]], "size": list(SIZE)}
        content["annotations"] += [new, {**new, "iscrowd": 1, "area": 1, "category_id": 10, "segmentation": crowd}]

    change(root, two)
    masks = coco(root, split="val", target="mask").masks or ()
    painted = painted_mask(1)[0]
    assert np.array_equal(masks[1].read(SIZE), np.where(painted == 0, 4, painted))


def test_a_picture_without_instances_is_all_background(root: Path) -> None:
    change(root, lambda content: content["annotations"].clear())
    assert not (coco(root, split="val", target="mask").masks or ())[0].read(SIZE).any()


def test_the_test_pictures_have_no_masks(root: Path) -> None:
    with pytest.raises(UsageError, match="split is 'test'; this data set has train, val"):
        coco(root, split="test", target="mask")


def test_no_annotations(root: Path) -> None:
    shutil.rmtree(root / "annotations")
    assert len(coco(root, split="val")) == 8
    with pytest.raises(DataError, match=r"instances_val2014\.json: there is no such file; name the folder that holds"):
        coco(root, split="val", target="mask")


def test_a_picture_that_the_annotations_do_not_know(root: Path) -> None:
    change(root, lambda content: (content["images"].pop(), content["annotations"].pop()))
    with pytest.raises(DataError, match=r"json: knows nothing of 1 pictures: COCO_val2014_000000000007\.jpg; fetch"):
        coco(root, split="val", target="mask")


@pytest.mark.parametrize(
    "edit",
    [
        lambda content: content.pop("categories"),
        lambda content: content["annotations"][0].update(category_id=7),
        lambda content: content["annotations"][0].update(segmentation={"counts": "packed", "size": [2, 2]}),
        lambda content: content["annotations"][0].update(segmentation={"counts": [3], "size": [2, 2]}),
        lambda content: content["annotations"][1].update(segmentation=[[1, 2, 3]]),
        lambda content: content["annotations"][0].update(segmentation={"counts": [768], "size": [32, 24]}),
        lambda content: content["annotations"].append("text"),
        lambda content: content["images"][0].pop("height"),
    ],
)
def test_annotations_that_are_wrong(root: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    change(root, edit)
    with pytest.raises(DataError, match=r"instances_val2014\.json: holds no COCO instances \(.*\): fetch it again"):
        coco(root, split="val", target="mask")


def test_annotations_that_are_no_json(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(DataError, match="holds no COCO instances"):
        read_masks(tmp_path / "x.json", [], remedy="")


def test_a_mask_of_another_size() -> None:
    with pytest.raises(SceneError, match=r"x\.json: has a mask of 2 x 3 pixels for a picture of 4 x 4: fetch both"):
        DrawnMask(origin="x.json", size_px=(2, 3), regions=()).read((4, 4))
