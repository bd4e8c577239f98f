"""What a folder of pictures turns into: sizes, splits, notes, and refusals that say what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveate.errors import DataError
from foveate.recipes.picture_folder import choose_sizes, picture_folder
from foveate.system import build


def fill(root: Path, count: int, *, size: tuple[int, int] = (48, 64), classes: str = "ab") -> Path:
    rng = np.random.default_rng(0)
    for i in range(count):
        place = root / classes[i % len(classes)]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (*size, 3), dtype=np.uint8)).save(place / f"{i}.png")
    return root


@pytest.mark.parametrize(
    ("size", "glance", "focus"),
    [
        ((28, 28), (14, 14), (11, 11)),
        ((96, 128), (48, 64), (32, 32)),
        ((480, 640), (80, 104), (64, 64)),
        ((3000, 4000), (96, 128), (96, 96)),
        ((4000, 1000), (128, 32), (96, 96)),
    ],
)
def test_sizes_follow_the_pictures(size: tuple[int, int], glance: tuple[int, int], focus: tuple[int, int]) -> None:
    sizes = choose_sizes(np.array([size] * 5))
    assert (sizes.glance_px, sizes.focus_px, sizes.focus_region_px) == (glance, focus, None)
    assert max(sizes.focus_px) < min(size)


def test_mixed_shapes_share_a_square_glance_and_zoom_widens_fixations() -> None:
    sizes = choose_sizes(np.array([[480, 640], [640, 480]] * 5), zoom=2)
    assert sizes.glance_px[0] == sizes.glance_px[1]
    assert "square" in sizes.why
    assert sizes.focus_region_px == (2 * sizes.focus_px[0], 2 * sizes.focus_px[1])


def test_a_folder_becomes_a_recipe_that_can_be_built(tmp_path: Path) -> None:
    recipe = picture_folder(fill(tmp_path, 24), steps=3)
    assert len(recipe.notes) == 5
    assert len(recipe.source) + len(recipe.calibration) + len(recipe.test) == 24
    assert recipe.majority == 0.5
    assert build(recipe.system).task.num_outputs == 2
    assert (recipe.train.steps, recipe.train.seconds) == (3, None)
    assert picture_folder(tmp_path, minutes=2).train.seconds == 120


def test_small_and_broken_pictures_are_left_out_by_name(tmp_path: Path) -> None:
    fill(tmp_path, 24)
    Image.new("RGB", (5, 5)).save(tmp_path / "a" / "dot.png")
    (tmp_path / "b" / "broken.jpg").write_bytes(b"x" * 100)
    recipe = picture_folder(tmp_path, steps=3)
    left_out = next(note for note in recipe.notes if note.startswith("left out"))
    assert "dot.png (5 x 5 px, smaller than a fixation)" in left_out
    assert "broken.jpg" in left_out


def test_what_cannot_be_learned_from_is_refused(tmp_path: Path) -> None:
    empty, one, few = tmp_path / "empty", fill(tmp_path / "one", 5, classes="a"), fill(tmp_path / "few", 2)
    empty.mkdir()
    with pytest.raises(DataError, match="no pictures"):
        picture_folder(empty)
    with pytest.raises(DataError, match="one class"):
        picture_folder(one)
    with pytest.raises(DataError, match=r"too few.*three different pictures"):
        picture_folder(few)


def test_the_first_test_pictures_are_of_all_classes(tmp_path: Path) -> None:
    """Measurements take the first so many; a folder lists one class after the other."""
    recipe = picture_folder(fill(tmp_path, 120), steps=1)
    assert set(recipe.test.batch(np.arange(8), 0).target.tolist()) == {0, 1}


def test_mirroring_is_off_unless_asked_for(tmp_path: Path) -> None:
    fill(tmp_path, 12)
    assert not picture_folder(tmp_path, steps=1).source.augment.flip
    assert picture_folder(tmp_path, steps=1, flip=True).source.augment.flip
