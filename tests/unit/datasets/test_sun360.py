"""SUN360: the list decides the classes and the parts; every mistake is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from foveate.datasets.sun360 import sun360
from foveate.errors import DataError
from tests.support.fake_datasets import fake_sun360

LIST = "sun360-dataset26-random.txt"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return fake_sun360(tmp_path)


def test_the_first_tenth_of_the_list_is_val_in_its_order(root: Path) -> None:
    lines = (root / LIST).read_text().split()
    parts = {split: sun360(root, split=split) for split in ("train", "val")}
    assert [path for part in ("val", "train") for path in parts[part].paths] == [str(root / line) for line in lines]
    assert len(parts["val"]) == 2


def test_classes_are_the_first_two_folders_numbered_by_name(root: Path) -> None:
    val, train = sun360(root, split="val"), sun360(root, split="train")
    assert train.class_names == val.class_names == ("indoor/cave", "indoor/church", "outdoor/beach", "outdoor/park")
    assert val.labels is not None
    assert val.labels.tolist() == [3, 1]


def test_the_list_may_lie_elsewhere(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("lists") / "mine.txt"
    (root / LIST).rename(elsewhere)
    assert len(sun360(root, split="train", list_file=elsewhere)) == 18
    with pytest.raises(DataError, match=rf"{LIST}: there is no such file; .* copy it there, or name it with list_file"):
        sun360(root, split="train")


def test_pictures_that_are_not_there(root: Path) -> None:
    for line in (root / LIST).read_text().split()[:7]:
        (root / line).unlink()
    with pytest.raises(DataError, match=r"7 of 20 pictures are not there: .*pano_0\.jpg, .*\.\.\.; paths are taken"):
        sun360(root, split="train")


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (lambda lines: [*lines[:3], "church.jpg"], r"line 4: is 'church\.jpg'; needed is a path like"),
        (lambda lines: lines[:9], "lists 9 pictures, too few"),
        (lambda lines: [*lines, lines[0]], "lists 1 pictures twice"),
    ],
)
def test_a_list_that_is_wrong(root: Path, edit: object, complaint: str) -> None:
    lines = edit((root / LIST).read_text().split())  # type: ignore[operator]
    (root / LIST).write_text("\n".join(lines))
    with pytest.raises(DataError, match=rf"{LIST}.*{complaint}"):
        sun360(root, split="val")
