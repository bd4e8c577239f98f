"""Batches of picture files: rebuilt bit by bit, broken files skipped, memory bounded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveate.errors import DataError, UsageError
from foveate.geometry.viewpoint import WHOLE_SCENE
from foveate.scenes.folders import PictureFolder, find_pictures
from foveate.scenes.pictures import PictureScenes
from foveate.training.folder_source import Augment, FolderSource, read_picture

SIZE = (20, 30)


@pytest.fixture
def folder(tmp_path: Path) -> PictureFolder:
    """Ten pictures of two classes; the last is larger than the others."""
    rng = np.random.default_rng(0)
    for i in range(10):
        place = tmp_path / "ab"[i % 2]
        place.mkdir(exist_ok=True)
        size = (40, 60) if i == 9 else SIZE
        Image.fromarray(rng.integers(0, 255, (*size, 3), dtype=np.uint8)).save(place / f"{i}.png")
    return find_pictures(tmp_path)


def pixels(source: FolderSource, rows: list[int], epoch_seed: int = 0) -> np.ndarray:
    scenes = source.batch(np.array(rows), epoch_seed).scenes
    whole = np.tile(np.float32(WHOLE_SCENE), (len(scenes), 1, 1))
    return scenes.read(whole, (16, 24)).pixels


def test_a_batch_is_the_pictures_with_their_labels(folder: PictureFolder) -> None:
    batch = FolderSource(folder).batch(np.array([3, 0]), 0)
    assert batch.target.tolist() == folder.labels[[3, 0]].tolist()
    with Image.open(folder.paths[0]) as picture:
        expected = np.asarray(picture).transpose(2, 0, 1)
    found = batch.scenes.select([1]).read(np.float32([[WHOLE_SCENE]]), SIZE).pixels[0, 0]
    assert np.array_equal(found, expected)


def test_an_augmented_batch_is_rebuilt_bit_by_bit_whatever_its_company(folder: PictureFolder) -> None:
    augment = Augment(crop_frac=0.3, flip=True)
    first = pixels(FolderSource(folder, augment=augment), [1, 4, 9], epoch_seed=7)
    again = pixels(FolderSource(folder, augment=augment, cache_bytes=0, num_threads=1), [9, 1], epoch_seed=7)
    assert np.array_equal(first[[2, 0]], again)
    other = pixels(FolderSource(folder, augment=augment), [1, 4, 9], epoch_seed=8)
    assert not np.array_equal(first, other)


def test_pictures_of_one_size_stay_of_few_sizes_with_the_whole_among_them(folder: PictureFolder) -> None:
    source = FolderSource(folder, augment=Augment(crop_frac=0.5))
    sizes = {tuple(size) for seed in range(10) for size in source.batch(np.arange(4), seed).scenes.sizes_px.tolist()}
    assert sizes == {(20, 30), (17, 25), (13, 20), (10, 15)}


def test_broken_files_are_skipped_and_named(folder: PictureFolder) -> None:
    Path(folder.paths[2]).write_bytes(b"not a picture")
    content = Path(folder.paths[5]).read_bytes()
    Path(folder.paths[5]).write_bytes(content[: len(content) // 2])
    source = FolderSource(folder)
    batch = source.batch(np.arange(10), 0)
    assert batch.indices.tolist() == [0, 1, 3, 4, 6, 7, 8, 9]
    assert len(batch.target) == len(batch.scenes) == 8
    assert sorted(source.broken) == sorted([folder.paths[2], folder.paths[5]])
    assert all(path in why for path, why in source.broken.items())
    with pytest.raises(DataError, match=r"none of 2 pictures could be read.*2\.png|none of 2"):
        source.batch(np.array([2, 5]), 0)


def test_files_are_read_where_they_are_looked_at(folder: PictureFolder) -> None:
    Path(folder.paths[1]).write_bytes(b"")
    source = FolderSource(folder, from_files=True)
    for _ in range(2):
        batch = source.batch(np.arange(3), 0)
        assert isinstance(batch.scenes, PictureScenes)
        assert batch.indices.tolist() == [0, 2]
        seen = batch.scenes.read(np.tile(np.float32(WHOLE_SCENE), (2, 1, 1)), (8, 8))
        assert (seen.read_bytes > 0).all()
    with pytest.raises(UsageError, match="as they are"):
        FolderSource(folder, from_files=True, augment=Augment())


def test_memory_is_bounded(folder: PictureFolder) -> None:
    one = 3 * SIZE[0] * SIZE[1]
    source = FolderSource(folder, cache_bytes=2 * one + 5)
    source.batch(np.arange(10), 0)
    assert len(source._kept._pictures) == 2


def test_large_pictures_are_shrunk_on_request(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    Image.new("RGB", (400, 200), (200, 100, 50)).save(path)
    assert read_picture(str(path)).shape == (3, 200, 400)
    small = read_picture(str(path), max_scene_px=40)
    assert small.shape == (3, 20, 40)
    assert np.abs(small.astype(int) - np.array([200, 100, 50])[:, None, None]).max() < 4


def test_the_fingerprint_is_of_content_and_changes(folder: PictureFolder) -> None:
    plain = FolderSource(folder).fingerprint
    assert plain == FolderSource(folder, cache_bytes=0).fingerprint
    assert plain != FolderSource(folder, augment=Augment()).fingerprint
    assert plain != FolderSource(folder.select(np.arange(9))).fingerprint
