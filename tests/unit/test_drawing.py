"""Scanpath pictures: everything is on them, in its place, whatever the scene's size."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from foveate.drawing import (
    BADGE_PX,
    PATH_COLOURS,
    RIGHT,
    Mark,
    _free_corner,
    _wrapped,
    cut_line,
    scanpath_picture,
    text_font,
)
from foveate.errors import UsageError

GREY = 127


def draw(height: int, width: int, boxes: list[list[float]], **options: object) -> Image.Image:
    scene = np.full((height, width, 3), GREY, np.uint8)
    arguments = {
        "crops": [np.full((8, 8, 3), 9, np.uint8)] * len(boxes), "crop_captions": ["cat\n40 % sure"] * len(boxes),
        "caption": "cat\n3 looks", **options,
    }  # fmt: skip
    return scanpath_picture(scene, np.array(boxes, float), **arguments)  # type: ignore[arg-type]


def colours_of(picture: Image.Image) -> set[tuple[int, ...]]:
    return set(map(tuple, np.asarray(picture).reshape(-1, 3).tolist()))


@pytest.mark.parametrize(
    "size", [(224, 224), (1, 1), (3000, 40), (40, 3000), (960, 1280), (9, 700), (1, 1000), (1000, 1)]
)
@pytest.mark.parametrize("count", [0, 1, 5, 23])
def test_any_scene_with_any_number_of_looks(size: tuple[int, int], count: int) -> None:
    rng = np.random.default_rng(count)
    corners = np.sort(rng.random((count, 2, 2)) * size, axis=1).reshape(count, 4)
    picture = draw(*size, corners.tolist())
    assert picture.mode == "RGB"
    assert max(picture.size) < 4000
    assert min(picture.size) > 30


def test_each_look_has_its_colour_and_its_inside_is_left_alone() -> None:
    picture = draw(600, 600, [[100, 100, 200, 200], [300, 400, 400, 500]])
    assert {PATH_COLOURS[0], PATH_COLOURS[1]} <= colours_of(picture)
    scene = np.asarray(picture)[20:620, 20:620]  # 600 px are shown as they are, inside the margin
    assert (scene[120:190, 120:190] == GREY).all()
    assert (scene[320:390, 420:490] == GREY).all()
    between = scene[200:300, 200:400].astype(int)
    assert (np.abs(between - GREY).max(axis=2) > 40).any()  # the path


def test_boxes_may_be_in_pixels_of_a_larger_original() -> None:
    small = draw(300, 300, [[100, 100, 200, 200]])
    large = draw(300, 300, [[1000, 1000, 2000, 2000]], size_px=(3000, 3000))
    assert large.width > small.width  # a large scene is shown larger
    scene = np.asarray(large)[20:920, 20:920]
    assert (scene[310:590, 310:590] == GREY).all()
    assert (scene[295:300, 400] != GREY).any()


def test_marks_are_drawn_and_need_one_place() -> None:
    marks = [Mark(center_px=(50, 60), label="truth"), Mark(box_px=(10, 10, 30, 30), label="sign", colour=RIGHT)]
    assert RIGHT in colours_of(draw(200, 200, [], marks=marks))
    assert draw(200, 200, [], marks=[Mark(center_px=(199, 199), label="at the very edge")]).size
    for wrong in ({}, {"center_px": (1, 1), "box_px": (0, 0, 1, 1)}):
        with pytest.raises(UsageError, match="either center_px or box_px"):
            Mark(**wrong)  # type: ignore[arg-type]


def test_the_glance_may_come_first() -> None:
    crop = np.zeros((4, 6, 3), np.uint8)
    with_glance = draw(300, 300, [[0, 0, 9, 9]], crops=[crop, crop], crop_captions=["glance", "cat"])
    assert PATH_COLOURS[0] in colours_of(with_glance)
    for crops, captions in (([crop] * 3, ["x"] * 3), ([], []), ([crop], [])):
        with pytest.raises(UsageError, match="1 boxes go with 1 crops"):
            draw(300, 300, [[0, 0, 9, 9]], crops=crops, crop_captions=captions)


def test_numbers_do_not_cover_each_other_or_leave_the_scene() -> None:
    frame, taken = (0.0, 0.0, 20.0, 20.0), list[tuple[float, float]]()
    for _ in range(3):
        taken.append(_free_corner(frame, taken, (400, 300)))
    assert len(set(taken)) == 3
    assert all(BADGE_PX / 2 <= x <= 400 and BADGE_PX / 2 <= y <= 300 for x, y in taken)


def test_long_words_are_cut_and_long_lines_wrapped() -> None:
    font = text_font(14)
    lines = _wrapped("a rather long caption with Donaudampfschifffahrtsgesellschaftskapitän in it", 100, font)
    assert len(lines) > 3
    assert all(font.getlength(line) <= 100 for line in lines)
    assert any(line.endswith("…") for line in lines)
    assert cut_line("ab", 1000, font) == "ab"


def test_it_is_the_same_each_time() -> None:
    assert draw(100, 150, [[1, 2, 30, 40]]).tobytes() == draw(100, 150, [[1, 2, 30, 40]]).tobytes()
