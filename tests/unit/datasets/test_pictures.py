"""Any folder of pictures: split by content, whatever the files are called."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from foveate.datasets.pictures import pictures
from foveate.errors import DataError
from tests.support.fake_datasets import fake_pictures


def test_three_parts_of_the_whole(tmp_path: Path) -> None:
    fake_pictures(tmp_path)
    parts = {split: pictures(tmp_path, split=split).paths for split in ("train", "val", "test")}
    assert {split: len(paths) for split, paths in parts.items()} == {"train": 14, "val": 3, "test": 3}
    assert sorted(path for paths in parts.values() for path in paths) == list(pictures(tmp_path, split="all").paths)
    assert parts["train"] != pictures(tmp_path, split="train", seed=1).paths


def test_copies_stay_together(tmp_path: Path) -> None:
    fake_pictures(tmp_path)
    shutil.copytree(tmp_path / "0", tmp_path / "copies")
    parts = [{Path(path).name for path in pictures(tmp_path, split=split).paths} for split in ("train", "val", "test")]
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]


def test_too_few_to_split(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "one.png")
    assert len(pictures(tmp_path, split="all")) == 1
    with pytest.raises(DataError, match="none of 1 pictures is left for 'test'; needed are three that differ"):
        pictures(tmp_path, split="test")
