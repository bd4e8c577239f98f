"""What all readers share: the same call, the same facts, and no picture is opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from foveate.datasets import DATASETS
from foveate.errors import DataError, UsageError
from tests.support import fake_datasets

FAKES: dict[str, Callable[[Path], Path]] = {name: getattr(fake_datasets, f"fake_{name}") for name in DATASETS}
CASES = [
    (name, split, target)
    for name in DATASETS
    for split in DATASETS.facts(name)["splits"]
    for target in DATASETS.facts(name)["gives"]
    if (name, split, target) != ("coco", "test", "mask")  # not published
]


@pytest.mark.parametrize(("name", "split", "target"), CASES)
def test_every_part_is_listed_with_what_is_asked_for(tmp_path: Path, name: str, split: str, target: str) -> None:
    listed = DATASETS.get(name)(FAKES[name](tmp_path), split=split, target=target)
    assert len(listed) == len(set(listed.paths)) > 0
    assert all(Path(path).is_file() for path in listed.paths)
    assert target in listed.gives
    assert listed.name.split("-") == [listed.name.split("-")[0], split]
    if target == "label":
        assert listed.labels is not None
        assert listed.labels.dtype == np.int64
        assert listed.labels.max() < len(listed.class_names or ())
    if target == "mask":
        assert len(listed.masks or ()) == len(listed)


@pytest.mark.parametrize("name", DATASETS)
def test_the_default_target_is_the_first_that_is_given(tmp_path: Path, name: str) -> None:
    listed = DATASETS.get(name)(FAKES[name](tmp_path), split="train")
    assert DATASETS.facts(name)["gives"][0] in listed.gives


@pytest.mark.parametrize("name", DATASETS)
def test_parts_share_no_picture(tmp_path: Path, name: str) -> None:
    FAKES[name](tmp_path)
    parts = [DATASETS.get(name)(tmp_path, split=split) for split in DATASETS.facts(name)["splits"] if split != "all"]
    paths = [path for part in parts for path in part.paths]
    assert len(paths) == len(set(paths))


@pytest.mark.parametrize("name", DATASETS)
def test_mistakes_of_the_call_are_named(tmp_path: Path, name: str) -> None:
    FAKES[name](tmp_path)
    with pytest.raises(UsageError, match=r"split is 'vall'; .*Did you mean 'val'"):
        DATASETS.get(name)(tmp_path, split="vall")
    with pytest.raises(UsageError, match="target is 'depth'"):
        DATASETS.get(name)(tmp_path, split="train", target="depth")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", DATASETS)
def test_a_folder_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"nowhere: there is no such folder; name "):
        DATASETS.get(name)(tmp_path / "nowhere", split="train")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match=r"file: is no folder; name "):
        DATASETS.get(name)(tmp_path / "file", split="train")


@pytest.mark.parametrize("name", DATASETS)
def test_an_empty_folder_is_no_data_set(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"{tmp_path.name}.*; "):
        DATASETS.get(name)(tmp_path, split="train")
