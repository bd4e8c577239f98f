"""The page: things of any size and number are marked inside the picture, and what it took is written below."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from foveate.finding import Searched
from foveate.finding.closeups import closeups
from foveate.finding.labels import label_boxes
from foveate.finding.marks import KIND_COLOURS, MANY, RING_PX, marks_of, with_looks, with_marks
from foveate.finding.overview import SIDE_PX, overview
from foveate.finding.sheet import found_sheet
from foveate.findings import Finding
from foveate.scenes import sniffs
from foveate.scenes.memory import ArrayScenes
from foveate.scenes.scene import Scene
from tests.support.finders import pixels
from tests.support.findings import a_found
from tests.support.giants import write_tiff

COST = {"looks": 2, "macs": 5, "sensed_px": 7, "sensed_pct": 1.5, "decoded_px": 8, "read_bytes": 9, "seconds": 0.5}
COLOURS = {"bee": KIND_COLOURS[1], "cat": KIND_COLOURS[2]}


def searched(*findings: Finding, size_px: tuple[int, int] = (300, 400)) -> Searched:
    found = a_found(size_px=size_px, findings=findings, cost=COST)
    return Searched(found=found, looks=((0, 0, 300, 300), (10, 20, 60, 70)), is_scanned=False)


def scene(size_px: tuple[int, int] = (300, 400), level: int = 128) -> Scene:
    whole = np.full((1, 3, *size_px), level, np.uint8)
    return Scene(ArrayScenes(whole), name="a", reader="array")


def finding(row: float, col: float, side: float, label: str = "bee", score: float = 0.75) -> Finding:
    return Finding(label=label, score=score, box_px=(row - side / 2, col - side / 2, row + side / 2, col + side / 2))


@given(st.lists(st.tuples(st.floats(0, 400), st.floats(0, 300), st.floats(2, 80)), max_size=40))
def test_labels_are_inside_and_hide_no_other_label(places: list[tuple[float, float, float]]) -> None:
    things = np.array([(x - s / 2, y - s / 2, x + s / 2, y + s / 2) for x, y, s in places]).reshape(-1, 4)
    boxes = label_boxes(things, [(40.0, 18.0)] * len(things), within_px=(400, 300))
    placed = [box for box in boxes if box is not None]
    assert all(
        left >= 0
        and top >= 0
        and right <= 400
        and bottom <= 300
        and (right - left, bottom - top) == pytest.approx((40, 18))
        for left, top, right, bottom in placed
    )
    for i, one in enumerate(placed):
        for two in placed[:i]:
            assert one[0] >= two[2] or two[0] >= one[2] or one[1] >= two[3] or two[1] >= one[3]


def test_a_label_stands_beside_its_thing_unless_it_would_hide_another() -> None:
    things = np.array([[100.0, 100, 120, 120], [125, 100, 160, 120]])
    first, second = label_boxes(things, [(40, 18), (40, 18)], within_px=(400, 300))
    assert first is not None
    assert second is not None
    assert first[2] < 100, "left, as the other is on the right"
    assert second[0] > 160
    assert label_boxes(things, [(500, 18), (40, 18)], within_px=(400, 300))[0] is None


@pytest.mark.parametrize("row", [0.0, 3.0, 150.0, 299.0, 300.0])
@pytest.mark.parametrize("side", [0.5, 5.0, 30.0, 600.0])
def test_marks_are_seen_however_small_and_wherever_their_things_are(row: float, side: float) -> None:
    (mark,) = marks_of([finding(row, 200, side)], COLOURS, scale=1.0, within_px=(400, 300))
    left, top, right, bottom = mark.box
    assert mark.is_ring == (side < 14)
    assert bottom - top == pytest.approx(2 * RING_PX if mark.is_ring else side)
    if side < 300:
        assert 0 < top < bottom < 300
        assert 0 < left < right < 400


@pytest.mark.parametrize("level", [0, 128, 255])
def test_they_show_on_any_ground(level: int) -> None:
    shown = Image.new("RGB", (400, 300), (level,) * 3)
    marks = marks_of([finding(50, 60, 3), finding(150, 250, 60, "cat")], COLOURS, scale=1.0, within_px=(400, 300))
    view, num_bare = with_marks(shown, marks)
    assert num_bare == 0
    changed = np.abs(np.asarray(view).astype(int) - level).max(2) > 60
    ring, frame = changed[50 - 14 : 50 + 14, 60 - 14 : 60 + 14], changed[150 - 34 : 150 + 34, 250 - 34 : 250 + 34]
    assert ring.sum() > 60
    assert frame.sum() > 300
    assert not changed[47:53, 57:63].any(), "what is ringed stays as it is"
    looks = np.asarray(with_looks(shown, [(20, 30, 90, 120)], scale=1.0)).astype(int)
    assert (np.abs(looks - level).max(2) > 30).sum() > 2 * (70 + 90) - 10


def test_many_looks_fade_and_many_findings_say_less() -> None:
    shown = Image.new("RGB", (400, 300), (128, 128, 128))
    few, many = ([(y, 50.0, y + 40.0, 90.0) for y in np.linspace(0, 250, count)] for count in (1, 4000))
    strength = [
        np.abs(np.asarray(with_looks(shown, looks, scale=1.0)).astype(int) - 128).max() for looks in (few, many)
    ]
    assert strength[0] > 1.5 * strength[1] > 0
    texts = [
        marks_of([finding(9, 9, 3)] * count, COLOURS, scale=1.0, within_px=(400, 300))[0].text
        for count in (MANY, MANY + 1)
    ]
    assert texts == ["bee  75 %", "75"]


def test_a_page_of_any_picture() -> None:
    some = [finding(100, 100, 4), finding(200, 300, 80, "cat", 0.5)]
    for size_px, findings in [
        ((300, 400), some),
        ((300, 400), []),
        ((1, 3000), some[:1]),
        ((3000, 2), some[:1]),
        ((1, 1), []),
    ]:
        page = found_sheet(scene(size_px), searched(*findings, size_px=size_px))
        assert SIDE_PX[0] <= max(page.size) < SIDE_PX[1] + 700
    damaged = replace(searched(*some), remarks=("a.tif: level 0, tile (0, 0) is damaged",))
    plain, told = (np.asarray(found_sheet(scene(), each)) for each in (searched(*some), damaged))
    assert told.shape[0] > plain.shape[0]
    crowd = [finding(150 + i % 7, 200 + i // 7, 3) for i in range(150)]
    assert found_sheet(scene(), searched(*crowd)).size[0] > 1000


def test_a_giant_is_read_at_the_size_that_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sniffs, "LARGE_PX", 1000)
    path = write_tiff(pixels(size_px=(1024, 4096)), tmp_path / "a.tif", levels=5)
    giant = Scene.open(path)
    page = found_sheet(giant, searched(finding(500, 2000, 10), size_px=(1024, 4096)))
    assert page.width > SIDE_PX[1]
    assert giant.decoded_px < 1024 * 4096 / 3


def test_a_label_has_one_colour_on_all_pages() -> None:
    def on_page(*findings: Finding) -> list[bool]:
        page = np.asarray(found_sheet(scene(), searched(*findings), labels=("none", "bee", "cat")))
        return [bool((page == COLOURS[label]).all(2).any()) for label in ("bee", "cat")]

    bee, cat = finding(100, 100, 40), finding(200, 300, 40, "cat")
    assert on_page(cat) == [False, True]
    assert on_page(bee, cat) == [True, True]


def test_of_a_damaged_picture_the_rest_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sniffs, "LARGE_PX", 1000)
    path = write_tiff(pixels(size_px=(512, 768)) // 2 + 100, tmp_path / "a.tif", tile_px=128)
    path.write_bytes(path.read_bytes()[:60_000] + bytes(2_000) + path.read_bytes()[62_000:])
    with pytest.warns(UserWarning, match="is damaged"):
        shown, scale = overview(Scene.open(path))
    assert (shown.size, scale) == ((1000, 667), 1000 / 768)
    assert 0.8 < (np.asarray(shown) > 50).mean() < 0.99
    black, _ = overview(scene(level=0))
    assert not np.asarray(black).any()


def test_closeups_show_the_things_themselves() -> None:
    whole = np.full((1, 3, 400, 600), 50, np.uint8)
    whole[0, :, 100:110, 590:600] = 200  # in the corner
    held = Scene(ArrayScenes(whole), name="a", reader="array")
    row = np.asarray(closeups(held, [finding(105, 595, 10)] * 20, COLOURS, width_px=500))
    assert row.shape[1] == 500
    bright = (row[3:160, 3:160] == 200).all(2)
    assert bright.mean() == pytest.approx((10 / 32) ** 2, rel=0.15)
    assert bright[:, -1].any(), "moved into the picture"
