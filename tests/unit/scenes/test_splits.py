"""Splits depend on what the pictures are, not on what they are called."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.errors import UsageError
from foveate.scenes.folders import PictureFolder, find_pictures
from foveate.scenes.splits import PARTS, content_hashes, contradictions, fingerprint, split_by_content, splits_of


def files(root: Path, counts: dict[str, int], prefix: str = "") -> Path:
    for label, count in counts.items():
        (root / label).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            (root / label / f"{prefix}{i}.png").write_bytes(f"{label} {i}".encode())
    return root


def contents(folder: PictureFolder, rows: np.ndarray) -> set[bytes]:
    return {Path(folder.paths[row]).read_bytes() for row in rows}


def test_shares_classes_and_completeness(tmp_path: Path) -> None:
    folder = find_pictures(files(tmp_path, {"a": 100, "b": 20, "c": 3, "d": 2, "e": 1}))
    parts = split_by_content(folder)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(126))
    counts = {name: np.bincount(folder.labels[rows], minlength=5).tolist() for name, rows in parts.items()}
    assert counts == {"train": [70, 14, 1, 1, 1], "calibrate": [15, 3, 1, 0, 0], "test": [15, 3, 1, 1, 0]}


@given(
    sizes=st.lists(st.integers(1, 40), min_size=2, max_size=5),
    seed=st.integers(0, 1000),
    shares=st.sampled_from([(0.7, 0.15, 0.15), (0.5, 0.0, 0.5), (1.0, 0.0, 0.0), (0.9, 0.1, 0.0)]),
)
def test_any_sizes_and_order(sizes: list[int], seed: int, shares: tuple[float, float, float]) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    hashes = [f"{i}" for i in range(len(labels))]
    names = tuple(f"c{i}" for i in range(len(sizes)))
    folder = PictureFolder(root="", paths=tuple(hashes), labels=labels, class_names=names)
    parts = split_by_content(folder, fractions=shares, seed=seed, hashes=hashes)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(labels)))
    for name, share in zip(PARTS, shares, strict=True):
        assert abs(len(parts[name]) - share * len(labels)) <= 2 * len(sizes)
        assert share > 0 or len(parts[name]) == 0
    order = np.random.default_rng(seed).permutation(len(labels))
    again = split_by_content(folder.select(order), fractions=shares, seed=seed, hashes=[hashes[i] for i in order])
    for name in PARTS:
        assert set(order[again[name]].tolist()) == set(parts[name].tolist())


def test_names_and_places_do_not_matter_and_seeds_do(tmp_path: Path) -> None:
    one = find_pictures(files(tmp_path / "one", {"a": 40, "b": 30}))
    other = find_pictures(files(tmp_path / "two", {"a": 40, "b": 30}, prefix="renamed"))
    assert fingerprint(one) == fingerprint(other)
    first, second = split_by_content(one), split_by_content(other)
    for name in PARTS:
        assert contents(one, first[name]) == contents(other, second[name])
    assert contents(one, first["test"]) != contents(one, split_by_content(one, seed=1)["test"])


def test_identical_pictures_stay_together(tmp_path: Path) -> None:
    root = files(tmp_path, {"a": 30, "b": 30})
    for i in range(30):
        shutil.copy(root / "a" / f"{i}.png", root / "a" / f"copy{i}.png")
        shutil.copy(root / "a" / f"{i}.png", root / "b" / f"wrong{i}.png")
    folder = find_pictures(root)
    parts = split_by_content(folder)
    sides = [contents(folder, rows) for rows in parts.values()]
    assert sum(len(side) for side in sides) == len(set.union(*sides))
    wrong = contradictions(folder)
    assert len(wrong) == 30
    assert all(len(group) == 3 for group in wrong)


def test_fingerprint_tells_content_and_labels(tmp_path: Path) -> None:
    root = files(tmp_path, {"a": 3, "b": 3})
    before = fingerprint(find_pictures(root))
    (root / "a" / "0.png").rename(root / "b" / "9.png")
    assert fingerprint(find_pictures(root)) != before
    (root / "b" / "9.png").rename(root / "a" / "0.png")
    assert fingerprint(find_pictures(root)) == before


@pytest.mark.parametrize(
    ("names", "calibrate", "test"),
    [
        (("train", "val", "test"), "val", "test"),
        (("train", "val"), "train", "val"),
        (("train", "test"), "train", "test"),
    ],
)
def test_a_folders_own_splits(tmp_path: Path, names: tuple[str, ...], calibrate: str, test: str) -> None:
    for i, name in enumerate(names):
        files(tmp_path / name, {f"{label}": 20 + i for label in "ab"}, prefix=name)
        for path in (tmp_path / name).glob("*/*.png"):
            path.write_bytes(path.read_bytes() + name.encode())
    leaked = next((tmp_path / test / "a").iterdir())
    shutil.copy(leaked, tmp_path / "train" / "a" / "leaked.png")
    folder = find_pictures(tmp_path)
    parts = splits_of(folder)
    assert folder.splits is not None
    assert {folder.splits[row] for row in parts["train"]} == {"train"}
    assert {folder.splits[row] for row in parts["calibrate"]} == {calibrate}
    assert {folder.splits[row] for row in parts["test"]} == {test}
    assert not any("leaked" in folder.paths[row] for row in parts["train"])
    assert sum(len(rows) for rows in parts.values()) == len(folder) - 1


def test_only_train_is_split_by_content(tmp_path: Path) -> None:
    folder = find_pictures(files(tmp_path / "train", {"a": 40, "b": 40}).parent)
    parts = splits_of(folder)
    assert [len(parts[name]) for name in PARTS] == [56, 12, 12]


@pytest.mark.timeout(20)
def test_what_cannot_be_read_is_a_content_of_its_own(tmp_path: Path) -> None:
    root = files(tmp_path, {"a": 2, "b": 2})
    os.mkfifo(root / "a" / "pipe.png")
    (root / "b" / "dangling.png").symlink_to(root / "nowhere")
    folder = find_pictures(root)
    assert len(set(content_hashes(folder))) == 6


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (0.5, 0.6, 0.1), (0, 0.5, 0.5), (1.2, -0.1, -0.1)])
def test_bad_fractions(tmp_path: Path, fractions: tuple[float, ...]) -> None:
    folder = find_pictures(files(tmp_path, {"a": 2, "b": 2}))
    with pytest.raises(UsageError, match="three shares"):
        split_by_content(folder, fractions=fractions)
