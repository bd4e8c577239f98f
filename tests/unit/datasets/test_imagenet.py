"""ImageNet: class folders, a flat val with its list, and every mistake named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from foveate.datasets.imagenet import imagenet
from foveate.errors import DataError
from tests.support.fake_datasets import fake_imagenet

WNIDS = tuple(f"n{i:08}" for i in range(4))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return fake_imagenet(tmp_path)


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    return fake_imagenet(tmp_path, flat_val=True)


def test_classes_are_numbered_by_their_sorted_folders(root: Path) -> None:
    for split, count in (("train", 20), ("val", 8)):
        listed = imagenet(root, split=split)
        assert listed.class_names == WNIDS
        assert listed.labels is not None
        assert [WNIDS[label] for label in listed.labels] == [Path(path).parent.name for path in listed.paths]
        assert len(listed) == count


def test_the_numbers_are_those_of_train_even_if_val_lacks_a_class(root: Path) -> None:
    shutil.rmtree(root / "val" / WNIDS[0])
    listed = imagenet(root, split="val")
    assert listed.labels is not None
    assert sorted(set(listed.labels.tolist())) == [1, 2, 3]


def test_val_alone_will_do(root: Path) -> None:
    shutil.rmtree(root / "train")
    assert imagenet(root, split="val").class_names == WNIDS


def test_a_flat_val_with_a_list(flat: Path) -> None:
    listed = imagenet(flat, split="val")
    assert listed.labels is not None
    assert listed.labels.tolist() == [0, 1, 2, 3] * 2
    assert listed.class_names == WNIDS


def test_a_flat_val_with_the_other_list(flat: Path) -> None:
    (flat / "val.txt").unlink()
    rows = [f"ILSVRC2012_val_{i:08},{WNIDS[i % 3]} 1 2 3 4 {WNIDS[0]} 5 6 7 8" for i in range(8)]
    (flat / "val" / "LOC_val_solution.csv").write_text("\n".join(["ImageId,PredictionString", *rows]))
    listed = imagenet(flat, split="val")
    assert listed.labels is not None
    assert listed.labels.tolist() == [i % 3 for i in range(8)]


def test_a_flat_val_alone_needs_the_names_of_the_classes(flat: Path) -> None:
    shutil.rmtree(flat / "train")
    with pytest.raises(
        DataError, match=r"names no classes: .* is no synsets\.txt or LOC_synset_mapping\.txt; name the"
    ):
        imagenet(flat, split="val")
    (flat / "LOC_synset_mapping.txt").write_text("".join(f"{wnid} a thing, an item\n" for wnid in reversed(WNIDS)))
    assert imagenet(flat, split="val").class_names == WNIDS


def test_pictures_alone_need_no_classes(flat: Path) -> None:
    (flat / "val.txt").unlink()
    shutil.rmtree(flat / "train")
    assert imagenet(flat, split="val", target="picture").gives == ("picture",)


def test_no_part(root: Path) -> None:
    shutil.rmtree(root / "val")
    with pytest.raises(DataError, match=r"val: there is no such folder; name the folder that holds train and val"):
        imagenet(root, split="val")


def test_empty_class_folders(root: Path) -> None:
    for file in (root / "train" / WNIDS[2]).iterdir():
        file.unlink()
    with pytest.raises(DataError, match=rf"{WNIDS[2]}: has no pictures .*; unpack this class again, or remove"):
        imagenet(root, split="train")


def test_a_train_without_class_folders(root: Path) -> None:
    shutil.rmtree(root / "train")
    (root / "train").mkdir()
    with pytest.raises(DataError, match="train has no class folders"):
        imagenet(root, split="train")


def test_a_class_that_train_does_not_have(root: Path) -> None:
    shutil.rmtree(root / "train" / WNIDS[3])
    with pytest.raises(DataError, match=rf"val: has the folders {WNIDS[3]}, which are no classes of train: remove"):
        imagenet(root, split="val")


def test_a_flat_val_without_a_list(flat: Path) -> None:
    (flat / "val.txt").unlink()
    with pytest.raises(DataError, match=r"a list val\.txt or LOC_val_solution\.csv: move the pictures into class"):
        imagenet(flat, split="val")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("ILSVRC2012_val_00000007.JPEG 4", r"line 8: the class of .*7\.JPEG is 4; .* or a number from 0 to 3"),
        ("ILSVRC2012_val_00000007.JPEG n9", r"line 8: the class .* is n9; needed is one of the 4 names"),
        ("ILSVRC2012_val_00000007.JPEG", r"line 8: the class .* is nothing"),
        ("", r"does not name 1 pictures of val: ILSVRC2012_val_00000007; fetch it again"),
        ("ILSVRC2012_val_00000007.JPEG 3\nother.JPEG 1", r"names 1 pictures that are not there: other; unpack again"),
    ],
)
def test_a_list_that_is_wrong(flat: Path, line: str, complaint: str) -> None:
    lines = (flat / "val.txt").read_text().splitlines()
    (flat / "val.txt").write_text("\n".join([*lines[:7], line]))
    with pytest.raises(DataError, match=rf"val\.txt.*{complaint}"):
        imagenet(flat, split="val")


def test_a_list_that_is_no_text(flat: Path) -> None:
    (flat / "val.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DataError, match=r"val\.txt: cannot be read"):
        imagenet(flat, split="val")
