"""Scenes of listed data sets: three targets, picture and mask changed alike, repeatable, broken files skipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from foveate.datasets.ade20k import ade20k
from foveate.datasets.coco import coco
from foveate.datasets.imagenet import imagenet
from foveate.datasets.listing import Pictures
from foveate.datasets.pictures import pictures
from foveate.errors import DataError, UsageError
from foveate.geometry.viewpoint import WHOLE_SCENE
from foveate.training.picture_augment import PictureAugment
from foveate.training.picture_source import PictureSource
from foveate.training.sources import Batch
from tests.support.fake_datasets import (
    SIZE,
    classes_of,
    fake_ade20k,
    fake_coco,
    fake_imagenet,
    fake_pictures,
    painted_mask,
)

ROWS = np.arange(6)
AUGMENT = PictureAugment(area_frac=(0.2, 1.0))


@pytest.fixture
def masked(tmp_path: Path) -> Pictures:
    return ade20k(fake_ade20k(tmp_path), split="train")


def pixels(batch: Batch, size_px: tuple[int, int] = SIZE) -> np.ndarray:
    whole = np.tile(np.float32(WHOLE_SCENE), (len(batch.scenes), 1, 1))
    return np.asarray(batch.scenes.read(whole, size_px).pixels[:, 0])


def test_labels(tmp_path: Path) -> None:
    listed = imagenet(fake_imagenet(tmp_path), split="train")
    batch = PictureSource(listed, target="label", scene_px=(16, 20)).batch(np.array([7, 0]), 0)
    assert batch.scenes.sizes_px.tolist() == [[16, 20]] * 2
    assert batch.target.dtype == torch.int64
    assert listed.labels is not None
    assert batch.target.tolist() == listed.labels[[7, 0]].tolist()
    assert batch.indices.tolist() == [7, 0]


def test_pictures_as_their_own_target(tmp_path: Path) -> None:
    listed = pictures(fake_pictures(tmp_path), split="all")
    batch = PictureSource(listed, target="picture", scene_px=SIZE, augment=AUGMENT).batch(ROWS, 3)
    assert batch.target.dtype == torch.uint8
    assert batch.target.shape == (6, 3, *SIZE)
    assert np.array_equal(batch.target.numpy(), pixels(batch))


def test_masks(masked: Pictures) -> None:
    batch = PictureSource(masked, target="mask", scene_px=SIZE).batch(ROWS, 0)
    assert batch.target.dtype == torch.int64
    painted = np.stack([painted_mask(row)[0] for row in ROWS]).astype(int)
    assert np.array_equal(batch.target.numpy(), np.where(painted == 0, 255, painted - 1))


@pytest.mark.parametrize("resample", ["bilinear", "bicubic"])
def test_to_evaluate_a_picture_is_squashed_by_pillow(tmp_path: Path, resample: Any) -> None:
    listed = pictures(fake_pictures(tmp_path), split="all")
    batch = PictureSource(listed, target="picture", scene_px=(9, 9), resample=resample).batch(np.array([4]), 0)
    with Image.open(listed.paths[4]) as picture:
        expected = np.asarray(picture.resize((9, 9), Image.Resampling[resample.upper()])).transpose(2, 0, 1)
    assert np.array_equal(batch.target[0].numpy(), expected)


@pytest.mark.parametrize("scene_px", [(24, 32), (48, 48), (20, 40)])
@pytest.mark.parametrize("area_frac", [(0.2, 1.0), None])
def test_picture_and_mask_are_cut_and_mirrored_alike(tmp_path: Path, scene_px: Any, area_frac: Any) -> None:
    listed = coco(fake_coco(tmp_path), split="train", target="mask")
    augment = PictureAugment(area_frac=area_frac)
    batch = PictureSource(listed, target="mask", scene_px=scene_px, augment=augment).batch(np.arange(20), 5)
    mask = batch.target.numpy()
    same = classes_of(pixels(batch, scene_px)) == mask
    # Where all pixels around are of one class, resizing mixes nothing.
    around = np.lib.stride_tricks.sliding_window_view(mask, (7, 7), axis=(1, 2))
    flat = (around == around[..., 3:4, 3:4]).all((-1, -2))
    assert same[:, 3:-3, 3:-3][flat].all()
    assert len(np.unique(mask[:, 3:-3, 3:-3][flat])) == 5
    assert same.mean() > 0.9


def test_a_mirrored_mask_is_the_mask_mirrored(masked: Pictures) -> None:
    source = PictureSource(masked, target="mask", scene_px=SIZE, augment=PictureAugment(area_frac=None))
    plain = PictureSource(masked, target="mask", scene_px=SIZE).batch(np.arange(20), 0).target
    found = source.batch(np.arange(20), 0).target
    as_is = (found == plain).flatten(1).all(1)
    turned = (found == plain.flip(2)).flatten(1).all(1)
    assert (as_is | turned).all()
    assert as_is.any()
    assert turned.any()


def test_a_batch_is_made_again_bit_by_bit_whatever_its_company(masked: Pictures) -> None:
    def batch(rows: list[int], epoch_seed: int, **options: Any) -> Batch:
        source = PictureSource(masked, target="mask", scene_px=(16, 16), augment=AUGMENT, **options)
        for _ in range(2):  # the second time from what is kept
            made = source.batch(np.array(rows), epoch_seed)
        return made

    first = batch([1, 4, 9], 7, num_threads=3)
    again = batch([9, 1], 7, num_threads=1, cache_bytes=0)
    assert np.array_equal(pixels(first)[[2, 0]], pixels(again))
    assert torch.equal(first.target[[2, 0]], again.target)
    other = batch([1, 4, 9], 8)
    assert not np.array_equal(pixels(first), pixels(other))


def test_large_pictures_are_kept_no_larger_than_scenes_can_show(tmp_path: Path) -> None:
    Image.new("RGB", (640, 320), (200, 100, 50)).save(tmp_path / "large.jpg")
    listed = pictures(tmp_path, split="all")
    for augment, size_px in [
        (None, (16, 20)),
        (PictureAugment(area_frac=None), (16, 20)),
        (PictureAugment(area_frac=(0.25, 1.0)), (32, 64)),
    ]:
        source = PictureSource(listed, target="picture", scene_px=(16, 20), augment=augment)
        batch = source.batch(np.array([0]), 0)
        assert batch.target.shape == (1, 3, 16, 20)
        assert (batch.target[0].int() - torch.tensor([200, 100, 50])[:, None, None]).abs().max() < 4
        kept = source._kept.get(0)
        assert kept is not None
        assert kept.pixels.shape[:2] == size_px


def test_memory_is_bounded(masked: Pictures) -> None:
    one = 4 * SIZE[0] * SIZE[1]  # three bands and the mask
    source = PictureSource(masked, target="mask", scene_px=SIZE, cache_bytes=2 * one + 5)
    source.batch(np.arange(10), 0)
    assert len(source._kept._pictures) == 2


def test_broken_files_are_skipped_and_named(masked: Pictures) -> None:
    assert masked.masks is not None
    content = Path(masked.paths[2]).read_bytes()
    Path(masked.paths[2]).write_bytes(content[: len(content) // 2])
    Image.new("L", (5, 5)).save(masked.masks[3].origin)
    Image.new("L", SIZE[::-1], 77).save(masked.masks[4].origin)
    Path(masked.paths[5]).unlink()
    source = PictureSource(masked, target="mask", scene_px=SIZE)
    for _ in range(2):
        batch = source.batch(np.arange(7), 0)
        assert batch.indices.tolist() == [0, 1, 6]
        assert len(batch.scenes) == len(batch.target) == 3
    assert sorted(source.broken) == sorted(masked.paths[2:6])
    reasons = [source.broken[masked.paths[row]] for row in range(2, 6)]
    for reason, expected in zip(reasons, ["cut off", "5 x 5 pixels", "the class 77", "no such file"], strict=True):
        assert expected in reason
    with pytest.raises(
        DataError, match=r"none of 2 pictures of ade20k-train could be read; the first: .*is damaged or cut off"
    ):
        source.batch(np.array([2, 3]), 0)
    with pytest.raises(
        DataError, match="none of 0 pictures of ade20k-train could be read; the first: none was asked for"
    ):
        source.batch(np.array([], np.int64), 0)


def test_a_mask_without_any_class_is_skipped_and_named(masked: Pictures) -> None:
    """It would count as right whatever is answered."""
    assert masked.masks is not None
    Image.new("L", SIZE[::-1], 0).save(masked.masks[1].origin)  # 0 is "other", which is ignored
    source = PictureSource(masked, target="mask", scene_px=SIZE)
    assert source.batch(np.arange(3), 0).indices.tolist() == [0, 2]
    assert "is a mask of which no pixel has a class" in source.broken[masked.paths[1]]


def test_a_broken_mask_does_not_matter_where_none_is_wanted(masked: Pictures) -> None:
    assert masked.masks is not None
    Path(masked.masks[0].origin).write_bytes(b"x")
    assert len(PictureSource(masked, target="picture", scene_px=SIZE).batch(np.arange(3), 0).target) == 3


def test_what_was_not_listed_cannot_be_a_target(masked: Pictures) -> None:
    with pytest.raises(UsageError, match="target is 'label'; ade20k-train was listed with picture, mask"):
        PictureSource(masked, target="label", scene_px=SIZE)
    with pytest.raises(UsageError, match=r"scene_px is \(0, 5\)"):
        PictureSource(masked, target="mask", scene_px=(0, 5))


def test_the_fingerprint_is_of_the_files_and_of_what_is_done_to_them(masked: Pictures) -> None:
    def of(listed: Pictures = masked, **changes: Any) -> str:
        return PictureSource(listed, **{"target": "mask", "scene_px": SIZE, **changes}).fingerprint

    prints = [
        of(),
        of(target="picture"),
        of(scene_px=(9, 9)),
        of(resample="bicubic"),
        of(augment=PictureAugment()),
        of(augment=PictureAugment(mirror=False)),
        of(masked.select(np.arange(9))),
    ]
    assert len(set(prints)) == len(prints)
    assert of() == of(cache_bytes=0, num_threads=1)
