"""ADE20K: masks count from 0 and ignore "other"; every mistake is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveate.datasets.ade20k import MaskFile, ade20k
from foveate.errors import DataError, SceneError
from tests.support.fake_datasets import SIZE, fake_ade20k, painted_mask


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return fake_ade20k(tmp_path)


@pytest.fixture
def mask(tmp_path: Path) -> MaskFile:
    Image.fromarray(np.array([[0, 1], [2, 3]], np.uint8)).save(tmp_path / "mask.png")
    return MaskFile(origin=str(tmp_path / "mask.png"), num_classes=3)


def test_pictures_with_their_masks(root: Path) -> None:
    listed = ade20k(root, split="train")
    assert listed.masks is not None
    assert len(listed.masks) == len(listed) == 20
    for row in (0, 13):
        assert Path(listed.masks[row].origin).stem == Path(listed.paths[row]).stem
        painted = painted_mask(row)[0]
        expected = np.where(painted == 0, 255, painted.astype(int) - 1)
        found = listed.masks[row].read(SIZE)
        assert found.dtype == np.uint8
        assert np.array_equal(found, expected)


def test_the_classes_have_names_if_their_table_is_there(root: Path) -> None:
    assert ade20k(root, split="val").class_names == tuple(f"thing {i}, item {i}" for i in (1, 2, 3, 4))
    (root / "objectInfo150.txt").unlink()
    names = ade20k(root, split="val").class_names
    assert names is not None
    assert (len(names), names[0], names[-1]) == (150, "1", "150")


def test_pictures_alone_need_no_masks(root: Path) -> None:
    shutil.rmtree(root / "annotations")
    assert ade20k(root, split="val", target="picture").gives == ("picture",)
    with pytest.raises(DataError, match=r"annotations.validation: there is no such folder; name the folder ADEChall"):
        ade20k(root, split="val")


def test_no_pictures(root: Path) -> None:
    for file in (root / "images" / "validation").iterdir():
        file.unlink()
    with pytest.raises(DataError, match=r"images.validation: has no pictures"):
        ade20k(root, split="val")
    shutil.rmtree(root / "images")
    with pytest.raises(DataError, match=r"images.training: there is no such folder; name the folder ADEChall"):
        ade20k(root, split="train")


def test_a_picture_without_a_mask(root: Path) -> None:
    (root / "annotations" / "training" / "ADE_train_00000003.png").unlink(missing_ok=True)
    names = sorted(path.name for path in (root / "annotations" / "training").iterdir())
    (root / "annotations" / "training" / names[0]).unlink()
    with pytest.raises(DataError, match=rf"training: \d of 20 pictures have no mask here: .*{names[0]}.*; unpack"):
        ade20k(root, split="train")


def test_a_table_of_classes_that_is_wrong(root: Path) -> None:
    (root / "objectInfo150.txt").write_text("Idx\tName\n1\twall\n3\tsky\n")
    with pytest.raises(DataError, match=r"objectInfo150\.txt: does not list classes numbered 1, 2, .*: fetch it again"):
        ade20k(root, split="val")


def test_a_mask_of_another_size(mask: MaskFile) -> None:
    assert mask.read((2, 2)).tolist() == [[255, 0], [1, 2]]
    with pytest.raises(SceneError, match=r"mask\.png: is a mask of 2 x 2 pixels, its picture has 2 x 3: fetch both"):
        mask.read((2, 3))


def test_a_mask_of_unknown_classes(mask: MaskFile) -> None:
    with pytest.raises(SceneError, match=r"mask\.png: is a mask with the class 3; known are 1 to 2, and 0 for none"):
        MaskFile(origin=mask.origin, num_classes=2).read((2, 2))


def test_a_mask_in_a_palette_is_its_numbers(mask: MaskFile) -> None:
    with Image.open(mask.origin) as picture:
        indexed = picture.copy()
    indexed.putpalette([9, 9, 9, 200, 0, 0, 0, 200, 0, 0, 0, 200])
    indexed.save(mask.origin)
    assert mask.read((2, 2)).tolist() == [[255, 0], [1, 2]]


def test_what_is_no_mask(mask: MaskFile) -> None:
    Image.new("RGB", (2, 2)).save(mask.origin)
    with pytest.raises(SceneError, match=r"mask\.png: is no mask: its pixels are RGB"):
        mask.read((2, 2))
    Path(mask.origin).write_bytes(b"x")
    with pytest.raises(SceneError, match=r"mask\.png: is not a picture"):
        mask.read((2, 2))
