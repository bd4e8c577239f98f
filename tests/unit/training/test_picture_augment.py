"""What is drawn for a training picture: in bounds, repeatable, spread."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.errors import UsageError
from foveate.training.picture_augment import PictureAugment

SIDES = st.integers(1, 400)


@given(height=SIDES, width=SIDES, row=st.integers(0, 1 << 40), epoch_seed=st.integers(-9, 1 << 40))
def test_the_part_lies_inside_and_is_drawn_by_its_key(height: int, width: int, row: int, epoch_seed: int) -> None:
    augment = PictureAugment()
    change = augment.change((height, width), epoch_seed=epoch_seed, row=row)
    top, left, bottom, right = change.box_px
    assert 0 <= top < bottom <= height
    assert 0 <= left < right <= width
    assert change == augment.change((height, width), epoch_seed=epoch_seed, row=row)


def test_area_and_aspect_are_as_asked_for() -> None:
    augment = PictureAugment(area_frac=(0.25, 0.5), aspect=(0.5, 2.0))
    boxes = np.array([augment.change((400, 400), epoch_seed=1, row=row).box_px for row in range(300)])
    sides = boxes[:, 2:] - boxes[:, :2]
    area, aspect = sides.prod(1) / 400**2, sides[:, 1] / sides[:, 0]
    assert 0.245 < area.min() < 0.27
    assert 0.48 < area.max() < 0.505
    assert 0.49 < aspect.min() < 0.55
    assert 1.8 < aspect.max() < 2.02


def test_half_are_mirrored_or_none() -> None:
    mirrored = [PictureAugment().change((9, 9), epoch_seed=0, row=row).is_mirrored for row in range(400)]
    assert 0.4 < np.mean(mirrored) < 0.6
    assert not any(PictureAugment(mirror=False).change((9, 9), epoch_seed=0, row=row).is_mirrored for row in range(9))


def test_no_crop() -> None:
    assert PictureAugment(area_frac=None).change((7, 9), epoch_seed=0, row=0).box_px == (0, 0, 7, 9)


@pytest.mark.parametrize(
    ("size_px", "box_px"),
    [((10, 1000), (0, 493, 10, 506)), ((1000, 10), (493, 0, 506, 10)), ((1, 1), (0, 0, 1, 1))],
)
def test_where_nothing_fits_the_middle_is_shown(size_px: tuple[int, int], box_px: tuple[int, ...]) -> None:
    augment = PictureAugment(area_frac=(0.9, 1.0))
    assert augment.change(size_px, epoch_seed=0, row=0).box_px == box_px


@pytest.mark.parametrize("wrong", [{"area_frac": (0.0, 1.0)}, {"area_frac": (0.5, 0.2)}, {"aspect": (2.0, 1.0)}])
def test_wrong_ranges_are_refused(wrong: dict[str, tuple[float, float]]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        PictureAugment(**wrong)  # type: ignore[arg-type]
