"""The shipped photographs: complete, attributed, split by subject, and refused when a file is damaged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from foveate.errors import DataError, UsageError
from foveate.scenes import photos
from foveate.scenes.photos import SPLITS, Split, load_photos, photos_fingerprint

ASSETS = resources.files("foveate") / "assets"


def listed() -> list[dict[str, str]]:
    entries: list[dict[str, str]] = json.loads((ASSETS / "photos" / "photos.json").read_text("utf-8"))["photos"]
    return entries


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of photographs, as a copy that may be spoilt."""
    with resources.as_file(ASSETS / "photos") as folder:
        shutil.copytree(folder, tmp_path / "photos")
    monkeypatch.setattr(photos, "FOLDER", tmp_path / "photos")
    forget()
    yield tmp_path / "photos"
    forget()


def forget() -> None:
    load_photos.cache_clear()
    photos._listed.cache_clear()


@pytest.mark.parametrize(("split", "count"), [("train", 30), ("test", 10)])
def test_pixels(split: Split, count: int) -> None:
    loaded = load_photos(split)
    assert len(loaded) == count
    for photo in loaded:
        assert photo.pixels.dtype == np.uint8
        assert photo.pixels.shape[0] == 3
        assert min(photo.pixels.shape[1:]) >= 280
        assert 451 <= max(photo.pixels.shape[1:]) <= 576
        assert photo.pixels.std() > 20, photo.name
        assert not photo.pixels.flags.writeable
    assert load_photos(split) is loaded  # decoded once


def test_splits_share_nothing() -> None:
    train, test = load_photos("train"), load_photos("test")
    assert not {photo.name for photo in train} & {photo.name for photo in test}
    assert not {photo.sha256 for photo in train} & {photo.sha256 for photo in test}
    sources = [entry["source_sha256"] for entry in listed()]
    assert len(set(sources)) == len(sources) == len(train) + len(test)
    assert photos_fingerprint("train") != photos_fingerprint("test")


def test_every_author_is_named_in_the_licence_file_and_in_the_attribution() -> None:
    text = (ASSETS / "photos" / "LICENSE.txt").read_text("utf-8")
    attributions = {photo.name: photo.attribution for split in SPLITS for photo in load_photos(split)}
    for entry in listed():
        assert f"{entry['file']}: {entry['author']}\n" in text
        assert f"({entry['licence']})\n" in text
        assert entry["origin"] in text
        assert attributions[entry["name"]].startswith(f"{entry['author']}, {entry['licence']}")
        assert entry["origin"] in attributions[entry["name"]]
        assert len(entry["source"]) > 20
        if entry["licence"] == "public-domain":
            assert entry["origin"].startswith("https://")


def test_every_file_is_in_the_manifest() -> None:
    files = json.loads((ASSETS / "manifest.json").read_text("utf-8"))["files"]
    here = {f"photos/{path.name}" for path in (ASSETS / "photos").iterdir()}
    assert here == {name for name in files if name.startswith("photos/")} | {"photos/LICENSE.txt"}
    for entry in listed():
        assert files[f"photos/{entry['file']}"]["sha256"] == entry["sha256"]
        assert files[f"photos/{entry['file']}"]["licence"] == entry["licence"]
    assert sum(files[name]["num_bytes"] for name in files if name.startswith("photos/")) < 1.8e6


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:-9])])
@pytest.mark.parametrize("file", ["coffee.webp", "photos.json"])
def test_a_damaged_file_is_named(copied: Path, spoil: object, file: str) -> None:
    assert callable(spoil)
    spoil(copied / file)
    for _ in range(2):  # nothing half-read is kept
        with pytest.raises(DataError, match=rf"{file}: this file of foveate is missing or damaged: reinstall"):
            load_photos("test")


def test_a_file_that_is_another_picture_is_refused(copied: Path) -> None:
    shutil.copy(copied / "cat.webp", copied / "coffee.webp")
    with pytest.raises(DataError, match=r"coffee\.webp"):
        load_photos("test")
    assert len(load_photos("train")) == 30  # the other split is whole


def test_no_such_split() -> None:
    with pytest.raises(UsageError, match="no split 'val' of the photographs: it is train or test"):
        load_photos("val")  # type: ignore[arg-type]
