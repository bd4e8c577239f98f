"""Scenes in tiles: the pixels of the right level, only the tiles that are needed, and an honest bill."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.errors import IncompatibleError, SceneError, UsageError
from foveate.geometry.viewpoint import from_boxes_px
from foveate.scenes import tile_jobs, tile_reader
from foveate.scenes.memory import ArrayScenes
from foveate.scenes.pyramid import Level
from foveate.scenes.pyramid_scenes import PyramidScenes
from foveate.scenes.tile_jobs import level_of
from tests.support.giants import pyramid_of
from tests.support.tiled_arrays import TiledArray

HEIGHT, WIDTH = 203, 310
WHOLE = np.array([[[0.0, 0.0, 1.0, 1.0]]])
PICTURE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
LEVELS = pyramid_of(PICTURE, 3)


def box(top: float, left: float, bottom: float, right: float) -> np.ndarray:
    return from_boxes_px(np.array([[[top, left, bottom, right]]], np.float64), np.array([[HEIGHT, WIDTH]]))


def flat(**options: object) -> tuple[TiledArray, PyramidScenes]:
    stored = TiledArray([PICTURE])
    return stored, PyramidScenes([stored], **options)  # type: ignore[arg-type]


def wait_for(ready: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 20
    while not ready():
        assert time.monotonic() < end_s
        time.sleep(0.005)


shares = st.floats(0, 1, allow_nan=False)


@given(shares, shares, shares, shares, st.integers(1, 50), st.integers(1, 50), st.integers(5, 400), st.integers(5, 400))
def test_equals_a_copy_in_memory_whatever_the_tiles_are(
    top: float, left: float, high: float, wide: float, height: int, width: int, tile_height: int, tile_width: int
) -> None:
    scenes = PyramidScenes([TiledArray([PICTURE], tile_px=(tile_height, tile_width))], cache_bytes=10_000)
    sides = 0.5 + high * (HEIGHT - 0.5), 0.5 + wide * (WIDTH - 0.5)
    corner = top * (HEIGHT - sides[0]), left * (WIDTH - sides[1])
    look = box(*corner, corner[0] + sides[0], corner[1] + sides[1])
    memory = ArrayScenes.from_pictures([PICTURE])
    for antialias in (True, False):
        ours = scenes.read(look, (height, width), antialias=antialias).pixels
        np.testing.assert_array_equal(ours, memory.read(look, (height, width), antialias=antialias).pixels)


def test_a_look_at_the_size_of_a_level_is_a_copy_of_it() -> None:
    scenes = PyramidScenes([TiledArray(LEVELS)])
    for number, level in enumerate(LEVELS):
        step = 2**number
        found = scenes.read(box(16, 32, 16 + 20 * step, 32 + 24 * step), (20, 24)).pixels[0, 0]
        top, left = 16 // step, 32 // step
        if level.shape[0] * step == HEIGHT and level.shape[1] * step == WIDTH:
            np.testing.assert_array_equal(found, level[top : top + 20, left : left + 24].transpose(2, 0, 1))
        whole = scenes.read(WHOLE, level.shape[:2]).pixels[0, 0]  # type: ignore[arg-type]
        np.testing.assert_array_equal(whole, level.transpose(2, 0, 1))


def test_levels_show_what_the_whole_shows() -> None:
    """A level is an average already, so a look through it differs from one at full size by the filter only."""
    smooth = np.add.outer(np.arange(400), np.arange(600))[..., None] % 511
    picture = np.abs(smooth - 255).astype(np.uint8).repeat(3, 2)
    scenes = PyramidScenes([TiledArray(pyramid_of(picture, 3))])
    memory = ArrayScenes.from_pictures([picture])
    for size_px in ((25, 37), (60, 90), (100, 150), (140, 200)):
        ours, whole = (one.read(WHOLE, size_px).pixels.astype(int) for one in (scenes, memory))
        assert np.abs(ours - whole).mean() < 1.5


@pytest.mark.parametrize(
    ("size_px", "level"),
    [((203, 310), 0), ((110, 160), 0), ((102, 156), 1), ((101, 155), 1), ((60, 80), 1), ((50, 77), 2), ((5, 5), 2)],
)
def test_the_coarsest_level_that_is_fine_enough_is_read(size_px: tuple[int, int], level: int) -> None:
    stored = TiledArray(LEVELS)
    assert level_of(stored, np.array([0.0, 0, HEIGHT, WIDTH]), size_px) == level
    assert level_of(stored, np.array([0.0, 0, HEIGHT, WIDTH]), size_px, antialias=False) == 0
    PyramidScenes([stored]).read(WHOLE, size_px)
    assert {read[0] for read in stored.reads} == {level}


def test_only_the_tiles_beneath_a_look_are_decoded_and_each_once() -> None:
    stored, scenes = flat()
    first = scenes.read(box(30, 40, 50, 60), (20, 20))
    assert sorted(stored.reads) == [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1)]
    assert first.decoded_px.tolist() == [4 * 32 * 48]
    assert first.read_bytes.tolist() == [4 * 42]
    again = scenes.read(box(31, 41, 51, 61), (20, 20))
    assert (again.decoded_px.tolist(), again.read_bytes.tolist()) == ([0], [0])
    views = np.concatenate([box(100, 100, 120, 120), box(101, 101, 119, 119), box(100, 100, 120, 120)], axis=1)
    stored.reads.clear()
    scenes.read(views, (9, 9))
    assert len(stored.reads) == len(set(stored.reads)) > 0


def test_rows_of_one_picture_share_tiles_and_the_first_pays() -> None:
    _, scenes = flat()
    both = scenes.select([0, 0]).read(np.tile(WHOLE, (2, 1, 1)), (8, 8))
    assert both.decoded_px[0] > 0
    assert both.decoded_px[1] == 0
    np.testing.assert_array_equal(both.pixels[0], both.pixels[1])


def test_what_is_kept_is_bounded_and_a_promise_is_kept() -> None:
    stored, scenes = flat(cache_bytes=6 * 32 * 48 * 3)
    total = int(stored.tile_bytes(0).sum())
    assert scenes.max_read_bytes().tolist() == [total]
    scenes.read(box(0, 0, 32, 48), (32, 48))
    promised = scenes.max_read_bytes()
    assert promised.tolist() == [total - 42]
    whole = scenes.read(WHOLE, (8, 8))  # decoding all others must not push out the one that was promised for nothing
    assert whole.read_bytes.tolist() == promised.tolist()
    assert scenes._reader.cache.num_bytes <= 6 * 32 * 48 * 3


def test_long_thin_looks_are_put_together_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = ArrayScenes.from_pictures([PICTURE])
    for look, size_px in ((box(0, 10, HEIGHT, 17), (16, 7)), (box(3, 0, 9, WIDTH), (6, 21))):
        whole = memory.read(look, size_px).pixels.astype(int)
        monkeypatch.setattr(tile_jobs, "MAX_WINDOW_PX", 300)
        stored, scenes = flat(cache_bytes=0)
        ours = scenes.read(look, size_px).pixels.astype(int)
        assert np.abs(ours - whole).max() <= 1
        assert len(stored.reads) == len(set(stored.reads))  # also where two bands share a tile
        monkeypatch.undo()


def test_prefetched_tiles_change_no_pixel_and_are_charged_when_they_are_used() -> None:
    stored, scenes = flat()
    fresh = PyramidScenes([TiledArray([PICTURE])]).read(box(30, 40, 50, 60), (20, 20))
    scenes.prefetch(box(30, 40, 50, 60), (20, 20))
    wait_for(lambda: len(stored.reads) == 4 and not scenes._reader._is_running)
    assert scenes.max_read_bytes().tolist() == [int(stored.tile_bytes(0).sum())]  # not paid for yet
    found = scenes.read(box(30, 40, 50, 60), (20, 20))
    assert len(stored.reads) == 4
    np.testing.assert_array_equal(found.pixels, fresh.pixels)
    assert (found.decoded_px.tolist(), found.read_bytes.tolist()) == ([4 * 32 * 48], [4 * 42])
    assert scenes.read(box(30, 40, 50, 60), (20, 20)).read_bytes.tolist() == [0]
    assert scenes.wasted == (0, 0)


def test_prefetching_fills_half_of_the_cache_at_most_and_drops_what_is_stale() -> None:
    class Slow(TiledArray):
        gate = threading.Event()

        def read_tile(self, level: int, row: int, col: int):  # type: ignore[no-untyped-def]
            self.gate.wait(20)
            return super().read_tile(level, row, col)

    stored = Slow([PICTURE])
    scenes = PyramidScenes([stored], cache_bytes=6 * 32 * 48 * 3)
    scenes.prefetch(WHOLE, (100, 100))
    scenes.prefetch(box(160, 240, 180, 260), (20, 20))
    stored.gate.set()
    wait_for(lambda: not scenes._reader._is_running)
    assert set(stored.reads) <= {(0, 0, 0), (0, 5, 5)}
    stored.reads.clear()
    scenes.prefetch(WHOLE, (100, 100))
    wait_for(lambda: not scenes._reader._is_running)
    assert len(stored.reads) <= 3


def test_many_threads_read_the_same_pixels() -> None:
    stored, scenes = flat(cache_bytes=20_000)
    rng = np.random.default_rng(0)
    looks = [
        box(t, left, t + 30, left + 40)
        for t, left in zip(rng.integers(0, 170, 40), rng.integers(0, 260, 40), strict=True)
    ]
    expected = [ArrayScenes.from_pictures([PICTURE]).read(look, (30, 40)).pixels for look in looks]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda look: scenes.read(look, (30, 40)), looks))
    for ours, whole in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours.pixels, whole)
    assert sum(int(each.read_bytes[0]) for each in found) == sum(
        int(stored.tile_bytes(0)[row, col]) for _, row, col in stored.reads
    )


def test_tiles_are_decoded_side_by_side_where_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = PyramidScenes([TiledArray([PICTURE], damaged={(0, 3, 3)})])
    with ThreadPoolExecutor(4) as pool:
        monkeypatch.setattr(tile_reader, "_pool", lambda process: pool)
        stored = TiledArray([PICTURE], damaged={(0, 3, 3)})
        together = PyramidScenes([stored])
        strict = PyramidScenes([stored], strict=True)
        views = np.concatenate([box(0, 0, 90, 140), box(90, 140, HEIGHT, WIDTH), WHOLE], axis=1)
        with pytest.warns(UserWarning, match=r"tile \(3, 3\) is damaged"):
            found = together.read(views, (30, 40))
        with pytest.raises(SceneError, match=r"tile \(3, 3\) is damaged"):
            strict.read(views, (30, 40))
        assert len(set(together._reader.cache.paid())) == stored.levels[0].grid[0] * stored.levels[0].grid[1]
    monkeypatch.undo()
    with pytest.warns(UserWarning, match="is damaged"):
        expected = alone.read(views, (30, 40))
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    assert found.read_bytes.tolist() == expected.read_bytes.tolist()


def test_a_damaged_tile_costs_its_looks_and_the_rest_goes_on() -> None:
    stored = TiledArray([PICTURE], damaged={(0, 1, 1)}, name="slide.tif")
    scenes = PyramidScenes([stored, TiledArray([PICTURE])])
    views = np.concatenate([box(32, 48, 52, 68), box(100, 100, 120, 120)], axis=1).repeat(2, axis=0)
    with pytest.warns(UserWarning, match=r"slide\.tif: level 0, tile \(1, 1\) is damaged; a look that needs it gives"):
        found = scenes.read(views, (20, 20))
    assert not found.pixels[0, 0].any()
    np.testing.assert_array_equal(found.pixels[0, 1], PICTURE[100:120, 100:120].transpose(2, 0, 1))
    np.testing.assert_array_equal(found.pixels[1, 0], PICTURE[32:52, 48:68].transpose(2, 0, 1))
    assert scenes.skipped_looks.tolist() == [1, 0]
    assert scenes.broken == ("slide.tif: level 0, tile (1, 1) is damaged",)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scenes.read(views, (20, 20))  # said once
    assert scenes.select([1, 0]).skipped_looks.tolist() == [0, 2]
    assert stored.reads.count((0, 1, 1)) == 1


def test_strict_stops_at_a_damaged_tile() -> None:
    scenes = PyramidScenes([TiledArray([PICTURE], damaged={(0, 1, 1)}, name="slide.tif")], strict=True)
    scenes.read(box(100, 100, 120, 120), (20, 20))
    for _ in range(2):
        with pytest.raises(SceneError, match=r"^slide\.tif: level 0, tile \(1, 1\) is damaged$") as caught:
            scenes.read(box(32, 48, 52, 68), (20, 20))
        assert caught.value.path == "slide.tif"


def test_prefetching_a_damaged_tile_says_nothing_until_it_is_read() -> None:
    stored = TiledArray([PICTURE], damaged={(0, 1, 1)})
    for strict in (False, True):
        scenes = PyramidScenes([stored], strict=strict)
        scenes.prefetch(box(32, 48, 52, 68), (20, 20))
        wait_for(lambda scenes=scenes: not scenes._reader._is_running)  # type: ignore[misc]
        assert scenes.broken == ()
        with pytest.raises(SceneError) if strict else pytest.warns(UserWarning, match="is damaged"):
            scenes.read(box(32, 48, 52, 68), (20, 20))


def test_a_picture_that_cannot_be_fetched_any_more_always_raises() -> None:
    class Gone(TiledArray):
        def read_tile(self, level: int, row: int, col: int):  # type: ignore[no-untyped-def]
            raise SceneError("could not be fetched", path="far away")

    with pytest.raises(SceneError, match="far away: could not be fetched"):
        PyramidScenes([Gone([PICTURE])]).read(WHOLE, (8, 8))


def test_pictures_become_what_a_model_wants() -> None:
    grey = TiledArray([PICTURE[..., :1]])
    scenes = PyramidScenes.for_model([TiledArray([PICTURE]), grey], num_bands=3, value_range=(0, 255))
    pixels = scenes.read(np.tile(box(0, 0, 9, 9), (2, 1, 1)), (9, 9)).pixels
    assert (pixels[1] == PICTURE[:9, :9, 0]).all()
    deep = PyramidScenes([grey], value_range=(0, 65535))
    assert deep.read(WHOLE, (3, 3)).pixels.dtype == np.uint16
    with pytest.raises(IncompatibleError, match="array: it has 3 bands, wanted are 5"):
        PyramidScenes.for_model([TiledArray([PICTURE])], num_bands=5, value_range=(0, 255))
    with pytest.raises(IncompatibleError, match=r"float32, which has no range of its own: say value_range"):
        PyramidScenes([TiledArray([PICTURE.astype(np.float32)])])


@pytest.mark.parametrize("pictures", [[], "a.tif", 3])
def test_pictures_are_a_list(pictures: object) -> None:
    with pytest.raises(UsageError, match=r"no pictures|is one thing"):
        PyramidScenes(pictures)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("level", "message"),
    [
        (Level(size_px=(0, 5), tile_px=(1, 1)), "without pixels"),
        (Level(size_px=(5, 5), tile_px=(0, 1)), "without pixels"),
        (Level(size_px=(1 << 31, 1 << 31), tile_px=(256, 256)), "more than the 1,099,511,627,776 that are allowed"),
        (Level(size_px=(1 << 18, 1 << 18), tile_px=(1 << 14, 1 << 14)), "stored in tiles of 16384 x 16384"),
    ],
)
def test_absurd_sizes_are_refused(level: Level, message: str) -> None:
    stored = TiledArray([PICTURE], name="bomb.tif")
    stored.levels = (level,)
    with pytest.raises(SceneError, match=f"bomb.tif: .*{message}"):
        PyramidScenes([stored])
