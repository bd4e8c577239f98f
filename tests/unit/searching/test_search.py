"""A search shows tiles to somebody's model, the best expected first, within a budget, and says what it found."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import foveate
from foveate.errors import BudgetError, IncompatibleError, SceneError, UsageError
from foveate.exports import save_found
from foveate.findings import Finding
from foveate.scenes.memory import ArrayScenes
from foveate.scenes.pyramid_scenes import PyramidScenes
from foveate.searching import FRONTIERS
from foveate.searching.expected import Expected
from foveate.searching.results import Progress
from foveate.searching.tiling import Tiles
from tests.support.giants import write_tiff
from tests.support.tiled_arrays import TiledArray

SIZE_PX = (150, 210)
ASKED: dict[str, Any] = {"tile_px": (50, 60), "overlap": 0.4}
TILES = Tiles.of(SIZE_PX, tile_px=(50, 60), overlap=0.4)  # 5 x 6
DOTS = [(12, 20), (40, 33), (47, 130), (90, 58), (91, 77), (140, 205)]  # row, col of dots of 6 px
WHITE = 255


def picture() -> np.ndarray:
    """``[H, W, 3]``: white dots on dark noise."""
    pixels = np.random.default_rng(0).integers(20, 60, (*SIZE_PX, 3), np.uint8)
    for row, col in DOTS:
        pixels[row - 3 : row + 3, col - 3 : col + 3] = WHITE
    return pixels


def dots_in(tile: np.ndarray) -> list[dict[str, Any]]:
    """Of each row of white pixels that is no continuation of another, the box; scored by how much of it is seen."""
    white = (tile == WHITE).all(-1)
    boxes = []
    for row, col in zip(*np.nonzero(white), strict=True):
        if (row and white[row - 1, col]) or (col and white[row, col - 1]):
            continue
        height, width = int(white[row:, col].sum()), int(white[row, col:].sum())
        height, width = min(height, 6), min(width, 6)
        box_px = (int(row), int(col), int(row) + height, int(col) + width)
        boxes.append({"box_px": box_px, "score": height * width / 36, "class_id": 3})
    return boxes


def dot_boxes() -> set[tuple[float, ...]]:
    inside = (SIZE_PX[0], SIZE_PX[1])
    return {(r - 3, c - 3, min(r + 3, inside[0]), min(c + 3, inside[1])) for r, c in DOTS}


def number(tile: np.ndarray) -> int:
    return int(tile.sum())


def boom(tile: np.ndarray) -> None:
    raise ZeroDivisionError("no model")


# What is found, whatever the order


@settings(max_examples=12)
@given(
    frontier=st.sampled_from(["saliency", "raster", "random"]),
    batch_size=st.sampled_from([1, 3, 100]),
    seed=st.integers(0, 99),
    is_told=st.booleans(),
)
def test_without_a_budget_it_finds_what_any_exhaustive_reader_finds(
    frontier: str, batch_size: int, seed: int, is_told: bool
) -> None:
    def callback(given: Any) -> Any:
        return dots_in(given) if batch_size == 1 else [dots_in(tile) for tile in given]

    score = (lambda result: min(1.0, len(result))) if is_told else None
    asked = ASKED | {"frontier": frontier, "batch_size": batch_size, "seed": seed, "score": score}
    seen = foveate.search(picture(), callback, **asked)
    assert seen.findings == foveate.search(picture(), dots_in, frontier="raster", **ASKED).findings
    assert {each.box_px for each in seen.findings} == dot_boxes(), "across all borders of tiles, each once"
    assert seen.looked == seen.num_tiles == len(TILES) == len({each.box_px for each in seen.tiles})
    assert seen.read_frac == 1
    assert seen.outcome == "truncated"


def test_tiles_are_shown_as_they_are_and_may_be_written_to() -> None:
    pixels, copies = picture(), {}

    def callback(tile: np.ndarray) -> int:
        copies[len(copies)] = tile.copy()
        tile[:] = 0
        return len(copies)

    seen = foveate.search(pixels, callback, **ASKED)
    assert [each.result for each in seen.tiles] == list(range(1, 1 + len(TILES)))
    for i, each in enumerate(seen.tiles):
        top, left, bottom, right = (int(side) for side in each.box_px)
        assert copies[i].dtype == np.uint8
        assert copies[i].flags.c_contiguous
        np.testing.assert_array_equal(copies[i], pixels[top:bottom, left:right])
    np.testing.assert_array_equal(pixels, picture())


def pillow(pixels: np.ndarray, folder: Path) -> Any:
    return Image.fromarray(pixels)


def png(pixels: np.ndarray, folder: Path) -> Any:
    Image.fromarray(pixels).save(folder / "a.png")
    return folder / "a.png"


def tiff(pixels: np.ndarray, folder: Path) -> Any:
    return foveate.Scene(foveate.SCENES.get("tiff")([write_tiff(pixels, folder / "a.tif")]), name="a", reader="tiff")


@pytest.mark.parametrize(
    "given_as",
    [
        pillow, png, tiff,
        lambda pixels, folder: str(png(pixels, folder)),
        lambda pixels, folder: foveate.Scene.open(png(pixels, folder)),
        lambda pixels, folder: torch.as_tensor(pixels.transpose(2, 0, 1).copy()),
        lambda pixels, folder: np.concatenate([pixels, np.full_like(pixels[..., :1], 255)], 2),
        lambda pixels, folder: (pixels / 255).astype(np.float32),
        lambda pixels, folder: pixels.astype(np.uint16) * 257,
    ],
)  # fmt: skip
def test_whatever_holds_the_same_pixels_gives_the_same(given_as: Callable[..., Any], tmp_path: Path) -> None:
    asked: dict[str, Any] = {**ASKED, "budget": "6 tiles"}
    assert foveate.search(given_as(picture(), tmp_path), number, **asked).tiles == (
        foveate.search(picture(), number, **asked).tiles
    )


def test_grey_becomes_colour_and_other_bands_stay() -> None:
    grey = picture()[..., 0]
    for given_as in (grey, grey[..., None], Image.fromarray(grey), (grey / 255).astype(np.float32)):
        seen = foveate.search(given_as, lambda tile: (tile.shape, bool((tile == tile[..., :1]).all())), "1", **ASKED)
        assert seen.tiles[0].result == ((50, 60, 3), True)
    five = foveate.search(np.repeat(grey[..., None], 5, 2), np.shape, "1", **ASKED)
    assert five.tiles[0].result == (50, 60, 5)
    deep = foveate.Scene(ArrayScenes(np.full((1, 1, 80, 90), 0x7FFF, np.uint16)), name="a", reader="array")
    assert foveate.search(deep, np.max, "1").tiles[0].result == 0x7F
    metres = ArrayScenes(np.full((1, 1, 80, 90), 75.0, np.float32), value_range=(50.0, 100.0))
    assert foveate.search(foveate.Scene(metres, name="a", reader="array"), np.max, "1").tiles[0].result == 128


def test_a_picture_that_is_smaller_than_a_tile_is_one() -> None:
    seen = foveate.search(picture(), np.shape)
    assert [each.result for each in seen.tiles] == [(*SIZE_PX, 3)]
    assert seen.num_tiles == 1


# In which order, and how many


def test_saliency_shows_tiles_with_something_first() -> None:
    seen = foveate.search(picture(), dots_in, "8 tiles", **ASKED)
    assert all(each.result for each in seen.tiles)
    assert seen.frontier == "saliency"
    assert seen.frontier_cost.sensed_px > 0


def test_the_controls() -> None:
    raster = foveate.search(picture(), number, frontier="raster", **ASKED)
    assert [each.box_px for each in raster.tiles] == [TILES.box(i) for i in range(len(TILES))]
    orders = {
        tuple(each.box_px for each in foveate.search(picture(), number, frontier="random", seed=seed, **ASKED).tiles)
        for seed in (1, 1, 2)
    }
    assert len(orders) == 2


def test_a_frontier_of_another_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FRONTIERS, "_entries", dict(FRONTIERS._entries))
    FRONTIERS.register("backwards", lambda scene, tiles, seed: Expected(of_tiles=np.arange(len(tiles), dtype=float)))
    FRONTIERS.register("diverged", lambda scene, tiles, seed: Expected(of_tiles=np.full(len(tiles), np.nan)))
    seen = foveate.search(picture(), number, "2 tiles", frontier="backwards", **ASKED)
    assert [each.box_px for each in seen.tiles] == [TILES.box(29), TILES.box(28)]
    with pytest.raises(IncompatibleError, match="not finite"):
        foveate.search(picture(), number, frontier="diverged", **ASKED)


@settings(max_examples=15)
@given(few=st.integers(1, 30), more=st.integers(1, 30), batch_size=st.sampled_from([1, 4]))
def test_a_budget_is_a_hard_cap_and_a_smaller_one_shows_the_same_tiles_fewer(
    few: int, more: int, batch_size: int
) -> None:
    few, more = sorted((few, more))
    asked: dict[str, Any] = {**ASKED, "batch_size": batch_size}
    callback = number if batch_size == 1 else lambda tiles: [number(tile) for tile in tiles]
    less = foveate.search(picture(), callback, f"{few} tiles", **asked)
    rest = foveate.search(picture(), callback, f"{more} tiles", **asked)
    assert less.looked == few
    assert rest.tiles[:few] == less.tiles
    assert less.read_frac <= rest.read_frac
    assert less.outcome == "truncated"


def test_a_budget_of_a_share_of_pixels_and_of_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert foveate.search(picture(), number, "50 %", **ASKED).looked == 15
    assert foveate.search(picture(), number, "50 %px", **ASKED).looked == 5
    now_s = iter(range(10_000))
    monkeypatch.setattr("time.perf_counter", lambda: float(next(now_s)))
    assert 1 < foveate.search(picture(), number, "60 s", **ASKED).looked < 20
    with pytest.raises(BudgetError, match="less than one tile"):
        foveate.search(picture(), number, "1 %", **ASKED)


def test_a_good_tile_brings_its_neighbours_forward() -> None:
    wanted = TILES.box(14)

    def after_the_hit(score: Any) -> list[int]:
        seen = foveate.search(picture(), lambda tile: tile, frontier="random", score=score, **ASKED)
        boxes = [each.box_px for each in seen.tiles]
        near = [boxes.index(TILES.box(each)) for each in TILES.neighbours(14)]
        return [place for place in near if place > boxes.index(wanted)]

    top, left, bottom, right = (int(side) for side in wanted)
    sought = picture()[top:bottom, left:right]
    told = after_the_hit(lambda tile: float(np.array_equal(tile, sought)))
    assert max(told) - min(told) == len(told) - 1, "one after the other"
    assert sum(told) < sum(after_the_hit(None))


@pytest.mark.parametrize("score", [1.5, -0.1, float("nan")])
def test_a_score_that_is_none(score: float) -> None:
    with pytest.raises(UsageError, match=r"score gave .*; it must be between 0"):
        foveate.search(picture(), number, score=lambda result: score, **ASKED)


def test_it_stops_when_it_is_told_to() -> None:
    seen = foveate.search(picture(), dots_in, frontier="raster", stop=lambda found: len(found) == 2, **ASKED)
    assert seen.outcome == seen.found.outcome == "stopped"
    assert [len(each.result) == 2 for each in seen.tiles].index(True) == seen.looked - 1
    batches = foveate.search(
        picture(), lambda tiles: [dots_in(tile) for tile in tiles], frontier="raster", batch_size=7,
        stop=lambda found: len(found) == 2, **ASKED,
    )  # fmt: skip
    assert batches.looked == -(-seen.looked // 7) * 7, "the rest of the batch was seen too"


# Batches


def test_batches_are_lists_even_of_one() -> None:
    sizes = []

    def callback(tiles: list[np.ndarray]) -> list[int]:
        assert isinstance(tiles, list)
        sizes.append(len(tiles))
        return [number(tile) for tile in tiles]

    seen = foveate.search(picture(), callback, "13 tiles", batch_size=4, **ASKED)
    assert sizes == [4, 4, 4, 1]
    assert seen.tiles == foveate.search(picture(), number, "13 tiles", **ASKED).tiles


def test_an_array_of_results_is_a_list_of_them() -> None:
    seen = foveate.search(picture(), lambda tiles: np.array([tile.mean() for tile in tiles]), batch_size=8, **ASKED)
    assert seen.looked == len(TILES)
    assert not seen.has_detections
    assert "no detections were given in 30 of 30 tiles" in str(seen)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ([1, 2], "was given a list of 4 tiles and gave 2 results; with batch_size 4 it must give a list of as many"),
        (iter([1, 2, 3, 4]), "gave a list_iterator"),
        (None, "gave a NoneType"),
        ("abcd", "gave a str"),
        (SimpleNamespace(xyxy=np.zeros((4, 4)), __len__=lambda: 4), "gave a SimpleNamespace"),
        (np.float64(3), "gave a float64"),
        (np.zeros((3, 2)), "gave 3 results"),
    ],
)
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_results_that_do_not_fit_a_batch(result: Any, message: str, on_error: Any) -> None:
    with pytest.raises(UsageError, match=message):
        foveate.search(picture(), lambda tiles: result, batch_size=4, on_error=on_error, **ASKED)


# What goes wrong


def test_an_error_of_the_callback_keeps_its_class_and_names_the_tile() -> None:
    with pytest.raises(ZeroDivisionError, match="no model") as raised:
        foveate.search(picture(), boom, frontier="raster", **ASKED)
    (note,) = raised.value.__notes__
    assert note == "the picture: in the callback the tile (top, left, bottom, right) in pixels: (0, 0, 50, 60)"
    with pytest.raises(ZeroDivisionError) as raised:
        foveate.search(picture(), boom, frontier="raster", batch_size=2, **ASKED)
    assert "(0, 0, 50, 60), (0, 30, 50, 90)" in raised.value.__notes__[0]
    for name in ("score", "stop"):
        with pytest.raises(ZeroDivisionError) as raised:
            foveate.search(picture(), number, frontier="raster", **{name: boom}, **ASKED)
        assert raised.value.__notes__[0].startswith(f"the picture: in {name}, of what the callback gave for the tile")


def test_detections_that_cannot_be_name_the_tile() -> None:
    with pytest.raises(UsageError, match="left <= right") as raised:
        foveate.search(picture(), lambda tile: [(9, 0, 1, 1, 0.5, "a")], frontier="raster", **ASKED)
    assert "in what the callback gave for the tile" in raised.value.__notes__[0]


@pytest.mark.parametrize("batch_size", [1, 2])
def test_failures_may_be_skipped_and_are_listed(batch_size: int) -> None:
    calls = iter(range(1000))

    def one(tile: np.ndarray) -> Any:
        count = next(calls)
        if count == 1:
            raise ZeroDivisionError("just now")
        return [(5, 5, 1, 1, 0.5, "a")] if count == 2 else dots_in(tile)

    callback = one if batch_size == 1 else lambda tiles: [one(tile) for tile in tiles]
    asked = ASKED | {"frontier": "raster", "batch_size": batch_size, "on_error": "skip"}
    seen = foveate.search(picture(), callback, "6 tiles", **asked)
    assert [each.box_px for each in seen.failed] == [TILES.box(i) for i in ([1, 2] if batch_size == 1 else [0, 1, 2])]
    assert isinstance(seen.failed[0].error, ZeroDivisionError)
    assert isinstance(seen.failed[-1].error, UsageError)
    assert len(seen.tiles) + len(seen.failed) == seen.looked == 6
    assert f"{len(seen.failed)} failed" in str(seen)
    assert seen.to_plain()["failed"][0]["error"] == "ZeroDivisionError: just now"


def test_failures_that_are_kept_keep_no_tiles() -> None:
    def callback(tile: np.ndarray) -> None:
        raise ZeroDivisionError

    seen = foveate.search(picture(), callback, "1 tile", on_error="skip", **ASKED)
    frames, trace = [], seen.failed[0].error.__traceback__
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    assert frames, "it still says where it was"
    assert not any(isinstance(value, np.ndarray) for frame in frames for value in frame.f_locals.values())


def damaged(strict: bool = False) -> foveate.Scene:
    pyramid = TiledArray([picture()], tile_px=(25, 35), name="spoilt.tif", damaged=[(0, 0, 0)])
    return foveate.Scene(PyramidScenes([pyramid], strict=strict), name="spoilt.tif", reader="tiff")


def test_tiles_beneath_which_the_file_is_damaged_are_said_and_never_shown() -> None:
    with pytest.warns(UserWarning, match="is damaged"):
        seen = foveate.search(damaged(), number, frontier="raster", **ASKED)
    lost = [each.box_px for each in seen.broken]
    assert lost == [TILES.box(i) for i in range(len(TILES)) if TILES.boxes_px[i, 0] < 25 and TILES.boxes_px[i, 1] < 35]
    assert len(lost) == 2
    assert all("level 0, tile (0, 0) is damaged" in str(each.error) for each in seen.broken)
    assert seen.looked == len(TILES) - 2
    assert seen.read_frac < 1
    assert "2 are damaged" in str(seen)
    with pytest.warns(UserWarning, match="is damaged"):
        few = foveate.search(damaged(), number, "5 tiles", frontier="raster", batch_size=1, **ASKED)
    assert few.looked == 5, "others take their place"


def test_or_they_raise() -> None:
    with pytest.warns(UserWarning, match="is damaged"), pytest.raises(SceneError, match=r"spoilt\.tif.*is damaged"):
        foveate.search(damaged(), number, strict=True, frontier="raster", **ASKED)
    with pytest.raises(SceneError, match="is damaged"):
        foveate.search(damaged(strict=True), number, frontier="raster", **ASKED)


# Big files


def test_only_what_is_shown_is_decoded() -> None:
    pyramid = TiledArray([picture()], tile_px=(25, 35))
    scene = foveate.Scene(PyramidScenes([pyramid]), name="a.tif", reader="tiff")
    scene.read(box_px=(0, 0, 10, 10))
    seen = foveate.search(scene, number, "1 tile", frontier="raster", **ASKED)
    assert len(pyramid.reads) == 4
    assert seen.decoded_px == 3 * 25 * 35, "one of them was read before the search"
    assert seen.read_bytes == 3 * (10 + 25)


def test_the_next_tiles_are_decoded_while_the_callback_has_these() -> None:
    """Not by the clock: the callback waits until the next ones have been decoded, or for so long that it fails."""
    pyramid, is_here = TiledArray([picture()], tile_px=(25, 35)), threading.Event()
    reader, read_tile = threading.current_thread(), pyramid.read_tile

    def noticed(*place: int) -> Any:
        if threading.current_thread().name == "foveate-prefetch":
            is_here.set()
        return read_tile(*place)

    pyramid.read_tile = noticed  # type: ignore[method-assign]
    scene = foveate.Scene(PyramidScenes([pyramid]), name="a.tif", reader="tiff")

    def callback(tile: np.ndarray) -> bool:
        assert threading.current_thread() is reader
        return is_here.wait(10)

    seen = foveate.search(scene, callback, "2 tiles", frontier="raster", tile_px=(50, 70), overlap=0)
    assert [each.result for each in seen.tiles] == [True, True]
    assert len(pyramid.reads) == len(set(pyramid.reads)) == 8, "nothing twice, nothing beyond the budget"
    assert scene.scenes.wasted == (0, 0)  # type: ignore[attr-defined]
    assert seen.decoded_px == 8 * 25 * 35


def test_scenes_that_cannot_fetch_ahead_are_read_all_the_same() -> None:
    assert not hasattr(ArrayScenes, "prefetch")
    assert foveate.search(picture(), number, "2 tiles", **ASKED).looked == 2


# What comes of it


def test_what_was_found_can_be_saved_and_handed_on(tmp_path: Path) -> None:
    seen = foveate.search(picture(), dots_in, class_names={3: "dot"}, **ASKED)
    assert [each.label for each in seen.findings] == ["dot"] * len(DOTS)
    assert seen.found.picture == "the picture"
    for ending in ("json", "geojson", "csv", "coco.json"):
        save_found(tmp_path / f"found.{ending}", [seen.found])
    saved = json.loads((tmp_path / "found.json").read_text())["found"][0]
    assert saved["cost"]["tiles"] == len(TILES)
    assert len(saved["findings"]) == len(DOTS)
    detections = seen.to_supervision()
    assert detections.class_id.tolist() == [3] * len(DOTS), "the callback's own number"
    assert detections.xyxy[0].tolist() == [seen.findings[0].box_px[i] for i in (1, 0, 3, 2)]
    plain = seen.to_plain()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["tiles"] == [list(each.box_px) for each in seen.tiles]
    assert plain["num_tiles"] == len(TILES)
    assert plain["frontier"]["name"] == "saliency"


def test_labels_without_numbers_are_counted_by_the_alphabet() -> None:
    def callback(tile: np.ndarray) -> list[Finding]:
        return [Finding(label=label, score=0.5, box_px=(0, 0, 5, 5)) for label in ("b", "a")]

    seen = foveate.search(picture(), callback, "1 tile", **ASKED)
    assert seen.class_ids == {}
    assert sorted(seen.to_supervision().class_id.tolist()) == [0, 1]


def test_findings_are_cut_at_the_border_before_they_are_merged() -> None:
    def callback(tile: np.ndarray) -> list[dict[str, Any]]:
        return [{"xyxy": (-5, -5, 5, 5), "score": 0.5}, {"xyxy": (-9, -9, 0, 0), "score": 0.9}]

    seen = foveate.search(picture(), callback, "1 tile", frontier="raster", merge_above=0.0, **ASKED)
    assert [each.box_px for each in seen.findings] == [(0, 0, 5, 5)]


def test_where_a_file_lies_on_the_globe_goes_with_what_was_found() -> None:
    pyramid = TiledArray([picture()])
    pyramid.geo_transform = (2.0, 0.0, 100.0, 0.0, -2.0, 900.0)
    scene = foveate.Scene(PyramidScenes([pyramid]), name="a.tif", reader="tiff")
    seen = foveate.search(scene, dots_in, **ASKED)
    assert seen.found.to_geo(0, 0) == (100.0, 900.0)


def test_progress_is_told_after_every_batch() -> None:
    told: list[Progress] = []
    seen = foveate.search(picture(), number, "5 tiles", on_progress=told.append, **ASKED)
    assert [each.looked for each in told] == [1, 2, 3, 4, 5]
    assert {each.most_tiles for each in told} == {5}
    assert tuple(tile for each in told for tile in each.tiles) == seen.tiles
    assert [each.seconds for each in told] == sorted(each.seconds for each in told)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"callback": None}, "callback is None; it must be a function"),
        ({"callback": "yolo"}, "callback is 'yolo'"),
        ({"score": 0.5}, "score is 0.5; it must be a function"),
        ({"stop": True}, "stop is True"),
        ({"on_progress": 1}, "on_progress is 1"),
        ({"batch_size": 0}, "batch_size is 0; it must be a whole number of at least 1"),
        ({"batch_size": 2.5}, "batch_size is 2.5"),
        ({"on_error": "give"}, "on_error is 'give'; allowed are 'raise' and 'skip'"),
        ({"merge_above": 2}, "merge_above is 2"),
        ({"merge_by": "iou"}, "merge_by is 'iou'; allowed are 'smaller' and 'union'"),
        ({"frontier": "salience"}, "frontier is 'salience'. Did you mean 'saliency'"),
        ({"frontier": Path("no-such-model")}, "Known: random, raster, saliency, or the folder of a model"),
        ({"frontier": 3}, "frontier is a int; give a name, a loaded model or its folder"),
        ({"tile_px": (0, 5)}, "tile_px is"),
        ({"overlap": 1}, "overlap is 1"),
        ({"budget": "3 apples"}, "cannot read the budget"),
        ({"scene": {}}, "is no picture"),
        ({"scene": np.zeros((3, 4, 5, 6), np.uint8)}, r"the picture has shape \(3, 4, 5, 6\)"),
    ],
)
def test_what_cannot_be_asked(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        foveate.search(**({"scene": picture(), "callback": number} | ASKED | asked))


def test_pictures_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match=r"none\.png"):
        foveate.search(tmp_path / "none.png", number)
    two = foveate.Scene(ArrayScenes(np.zeros((2, 3, 9, 9), np.uint8)), name="two", reader="array")
    with pytest.raises(UsageError, match="two holds 2 scenes; a search is of one"):
        foveate.search(two, number)


def test_a_search_without_a_model_loads_no_torch() -> None:
    code = (
        "import sys, numpy as np, foveate; foveate.search(np.zeros((50, 60, 3), np.uint8), np.mean);"
        "sys.exit('torch was imported' if 'torch' in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_shuffled_results_are_merged_alike() -> None:
    """The order of findings of equal scores is by their boxes, not by who came first."""
    boxes = [(0, 0, 9, 9), (20, 20, 29, 29), (0, 40, 9, 49)]
    found = []
    for seed in range(3):
        shuffled = random.Random(seed).sample(boxes, 3)
        callback = lambda tile, shuffled=shuffled: [{"box_px": box} for box in shuffled]  # noqa: E731
        found.append(foveate.search(picture(), callback, **ASKED).findings)
    assert found[0] == found[1] == found[2]
