"""Scenes cut from photographs: repeatable, of a row alone, inside the photograph, and their own target."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from foveate.errors import UsageError
from foveate.geometry.resample import crop_resize
from foveate.geometry.viewpoint import WHOLE_SCENE
from foveate.scenes.photos import load_photos
from foveate.training import photo_source
from foveate.training.photo_source import PhotoCropSource

ROWS = np.arange(40)


def source(split: Any = "train", **options: Any) -> PhotoCropSource:
    return PhotoCropSource(split, **{"scene_px": (48, 64), "size": 1000, **options})


def pixels(rows: Any = ROWS, epoch_seed: int = 3, **options: Any) -> np.ndarray:
    return source(**options).batch(np.asarray(rows), epoch_seed).target.numpy()


def test_scenes_are_their_own_target() -> None:
    batch = source().batch(ROWS, 3)
    assert len(source()) == 1000
    assert batch.scenes.sizes_px.tolist() == [[48, 64]] * 40
    assert batch.scenes.value_range == (0.0, 255.0)
    assert batch.indices is ROWS
    shown = batch.scenes.read(np.tile(np.float32(WHOLE_SCENE), (40, 1, 1)), (48, 64)).pixels[:, 0]
    assert batch.target.numpy().dtype == np.uint8
    assert np.array_equal(batch.target.numpy(), shown)


def test_a_scene_is_made_again_bit_by_bit_whatever_its_company() -> None:
    together = pixels()
    assert np.array_equal(pixels(ROWS[::-1])[::-1], together)
    for row in (0, 17, 39):
        assert np.array_equal(pixels([row])[0], together[row])
    assert np.array_equal(pixels(ROWS, 3), together)


def test_epochs_streams_and_rows_differ() -> None:
    made = [pixels(), pixels(epoch_seed=4), pixels(stream=1), pixels(ROWS + 40)]
    flat = np.concatenate(made).reshape(160, -1)
    assert len(np.unique(flat, axis=0)) == 160


def test_a_test_scene_shows_a_test_photograph(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(photo_source, "load_photos", lambda split: asked.append(split) or load_photos(split))
    photo_source._canvases.cache_clear()
    assert not np.array_equal(pixels(split="test"), pixels(split="train"))
    assert asked == ["test", "train"]
    photo_source._canvases.cache_clear()


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_photograph_is_shown_about_equally_often(split: Any) -> None:
    """Whole photographs, as far as the aspect allows, tell by their mean which one they are."""
    made = pixels(np.arange(600), split=split, scene_px=(8, 8), crop_frac=(1.0, 1.0), mirror=False)
    photos = load_photos(split)
    found = np.zeros(len(photos), np.int64)
    whole = [_end_to_end(photo.pixels) for photo in photos]
    for scene in made:
        found[np.argmin([np.abs(few - scene).mean((1, 2, 3)).min() for few in whole])] += 1
    expected = 600 / len(photos)
    assert found.min() > 0.4 * expected
    assert found.max() < 2 * expected


def _end_to_end(photo: np.ndarray) -> np.ndarray:
    """Its largest squares, from one end to the other, at 8 x 8 pixels."""
    height, width = photo.shape[1:]
    side = min(height, width)
    starts = np.linspace(0, max(height, width) - side, 12)
    boxes = [(0, at, side, at + side) if width > height else (at, 0, at + side, side) for at in starts]
    return np.asarray(crop_resize(photo[None], np.array([boxes], np.float64), (8, 8))[0]).astype(float)


def test_half_are_mirrored() -> None:
    plain, turned = pixels(np.arange(200), mirror=False), pixels(np.arange(200))
    same = (turned == plain).all((1, 2, 3))
    mirrored = (turned == plain[..., ::-1]).all((1, 2, 3))
    assert (same | mirrored).all()
    assert 70 < mirrored.sum() < 130


@pytest.mark.parametrize("scene_px", [(48, 64), (96, 32), (300, 300)])
def test_parts_lie_inside_and_have_the_area_that_was_asked_for(scene_px: tuple[int, int]) -> None:
    sizes_px = np.array([[384.0, 576.0], [576.0, 432.0]])
    cut = source(scene_px=scene_px, crop_frac=(0.25, 0.64))
    draws = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.5, 0.3, 0.9]])
    for size_px in sizes_px:
        boxes = cut._boxes_px(np.tile(size_px, (3, 1)), draws[:, 0], draws[:, 1:])
        height, width = (boxes[:, 2:] - boxes[:, :2]).T
        np.testing.assert_allclose(width / height, scene_px[1] / scene_px[0])
        largest = np.min(size_px / scene_px) ** 2 * np.prod(scene_px)
        np.testing.assert_allclose((height * width / largest)[:2], [0.25, 0.64])
        assert boxes.min() >= 0
        assert (boxes[:, 2:] <= size_px + 1e-9).all()
        np.testing.assert_allclose(boxes[1, 2:], size_px)


def test_reading_from_a_halved_photograph_shows_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"scene_px": (32, 32)}  # cut from photographs halved up to three times
    fast = pixels(**options).astype(float)
    monkeypatch.setattr(photo_source, "NUM_LEVELS", 1)
    photo_source._canvases.cache_clear()
    exact = pixels(**options).astype(float)
    photo_source._canvases.cache_clear()
    psnr_db = 10 * np.log10(255**2 / ((fast - exact) ** 2).mean((1, 2, 3)))
    assert np.median(psnr_db) > 32
    assert psnr_db.min() > 24
    assert not np.array_equal(fast, exact)


def test_the_fingerprint_is_of_the_photographs_and_of_what_is_done_to_them() -> None:
    prints = [
        source().fingerprint,
        source("test").fingerprint,
        source(scene_px=(64, 48)).fingerprint,
        source(size=999).fingerprint,
        source(crop_frac=(0.3, 1.0)).fingerprint,
        source(mirror=False).fingerprint,
        source(stream=1).fingerprint,
    ]
    assert len(set(prints)) == len(prints)
    assert source().fingerprint == prints[0]


def test_settings_that_cannot_be() -> None:
    with pytest.raises(UsageError, match=r"scene_px is \(0, 5\)"):
        source(scene_px=(0, 5))
    with pytest.raises(UsageError, match="size is 0"):
        source(size=0)
    for crop_frac in [(0.0, 1.0), (0.5, 0.4), (0.5, 1.1)]:
        with pytest.raises(UsageError, match="crop_frac is"):
            source(crop_frac=crop_frac)
    with pytest.raises(UsageError, match="no split 'val'"):
        source("val")
