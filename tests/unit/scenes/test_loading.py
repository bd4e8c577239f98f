"""Loading for training goes on past broken files and says which they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveate.errors import DataError
from foveate.scenes.folders import PictureFolder, find_pictures
from foveate.scenes.loading import batches, load_batch, load_resized, middle

SIZES = [(30, 50), (40, 40), (61, 33), (30, 50)]


@pytest.fixture
def folder(tmp_path: Path) -> PictureFolder:
    """Four good pictures, then one empty, one cut off and one that is text."""
    for i, size in enumerate(SIZES):
        path = tmp_path / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((*size, 3), 10 * i, np.uint8)).save(path)
    whole = (tmp_path / "a" / "0.png").read_bytes()
    (tmp_path / "b" / "6empty.png").write_bytes(b"")
    (tmp_path / "b" / "7cut.png").write_bytes(whole[:-25])
    (tmp_path / "b" / "8text.png").write_bytes(b"hello")
    return find_pictures(tmp_path)


def test_load_batch(folder: PictureFolder) -> None:
    loaded = load_batch(folder, np.arange(7)[::-1])
    assert [Path(folder.paths[row]).name for row in loaded.rows] == ["3.png", "1.png", "2.png", "0.png"]
    assert loaded.labels.tolist() == [1, 1, 0, 0]
    assert loaded.scenes.sizes_px.tolist() == [list(SIZES[i]) for i in (3, 1, 2, 0)]
    assert [Path(path).name for path, _ in loaded.broken] == ["8text.png", "6empty.png", "7cut.png"]
    assert all(reason.startswith(path) for path, reason in loaded.broken)
    glimpses = loaded.scenes.read(np.tile(np.float32([0, 0, 1, 1]), (4, 1, 1)), (5, 5))
    assert glimpses.pixels[:, 0, 0, 0, 0].tolist() == [30, 10, 20, 0]
    assert not glimpses.decoded_px.any()  # decoded when loaded


def test_load_resized(folder: PictureFolder) -> None:
    loaded = load_resized(folder, range(7), size_px=(8, 12), mode="L")
    assert loaded.rows.tolist() == [0, 1, 2, 3]
    assert loaded.scenes.sizes_px.tolist() == [[8, 12]] * 4
    assert len(loaded.broken) == 3
    pixels = loaded.scenes.read(np.tile(np.float32([0, 0, 1, 1]), (4, 1, 1)), (8, 12)).pixels
    assert pixels.shape == (4, 1, 1, 8, 12)
    assert sorted(pixels[:, 0, 0, 0, 0].tolist()) == [0, 10, 20, 30]


def test_load_resized_with_a_choice_of_part(folder: PictureFolder) -> None:
    asked = []

    def choose(rows: np.ndarray, sizes_px: np.ndarray) -> np.ndarray:
        asked.append((rows.tolist(), sizes_px.tolist()))
        return np.array([[[0.0, 0.0, 0.5, 0.5]]])

    load_resized(folder, [0], size_px=(4, 4), choose=choose)
    assert asked == [([0], [[30, 50]])]


def test_nothing_left(folder: PictureFolder) -> None:
    for indices in ([4, 6], [5]):
        with pytest.raises(DataError, match=r"none of \d pictures could be read; the first: .*png: is"):
            load_batch(folder, indices)
        with pytest.raises(DataError, match="none of"):
            load_resized(folder, indices, size_px=(4, 4))
    with pytest.raises(DataError, match="list of pictures is empty"):
        load_batch(folder, [])


def test_the_middle_is_not_stretched() -> None:
    views = middle(np.array([[100, 300], [300, 100], [50, 100]]), (50, 100))
    np.testing.assert_allclose(views[:, 0], [[0, 0, 1, 2 / 3], [0, 0, 1 / 6, 1], [0, 0, 1, 1]], atol=1e-12)


def test_batches() -> None:
    assert [batch.tolist() for batch in batches(5, 2)] == [[0, 1], [2, 3], [4]]
    shuffled = np.concatenate(list(batches(50, 7, rng=np.random.default_rng(0))))
    assert sorted(shuffled.tolist()) == list(range(50))
    assert shuffled.tolist() != list(range(50))
