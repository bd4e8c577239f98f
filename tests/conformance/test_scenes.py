"""Every registered scene type keeps the contract: a new one is tested here by registering it.

A type's facts say how a scene of it is given: ``source="array"`` by the pixels, ``source="file"`` by a path with one of
its ``suffixes``. File types that Pillow cannot write need a line in WRITERS; what they write must lose nothing. A type
whose modules (``needs``) are not installed is skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from foveate.core import Scenes
from foveate.errors import FoveateError
from foveate.geometry.viewpoint import from_boxes_px
from foveate.scenes import PICTURE_SUFFIXES, SCENES
from foveate.scenes.memory import ArrayScenes
from foveate.scenes.procedural import ProceduralConfig, ProceduralSet
from foveate.scenes.scene_files import SceneFileScenes, write_scene
from tests.support.giants import write_raster, write_tiff, write_zarr

SIZES = [(120, 90), (61, 150), (120, 90), (200, 333)]  # (height, width); two of one size, none square
# Read at a fraction of their size where a look shrinks them: grey levels that one pixel may differ by.
APPROXIMATE = {".jpg": 12, ".jpeg": 12, ".scene": 16}

WRITERS: dict[str, Callable[[np.ndarray, Path], object]] = {
    ".webp": lambda pixels, path: Image.fromarray(pixels).save(path, lossless=True),
    ".jpg": lambda pixels, path: Image.fromarray(pixels).save(path, quality=95),
    ".scene": lambda pixels, path: write_scene(path, scene_of(pixels.shape[:2]), index=1, epoch_seed=0),
    ".zarr": write_zarr,
    **dict.fromkeys((".img", ".vrt", ".jp2"), write_raster),
    **dict.fromkeys((".btf", ".tf8", ".svs"), write_tiff),
    # OpenSlide goes by the content: any of these may be an ordinary tiled TIFF.
    **dict.fromkeys((".ndpi", ".mrxs", ".scn", ".bif", ".vms", ".vmu", ".svslide"), write_tiff),
}


def scene_of(size: tuple[int, int]) -> ProceduralSet:
    """Of a type that has pictures of its own, whatever is written."""
    config = ProceduralConfig(size_px=(size[0], size[1]), num_distractors=(2, 2), object_size_px=(10, 16), mark_px=9)
    return ProceduralSet(config)


def rendered(path: Path) -> np.ndarray:
    scene = SceneFileScenes([path])
    return np.asarray(scene.read(whole(1), tuple(scene.sizes_px[0])).pixels[0, 0].transpose(1, 2, 0))


def smooth(size: tuple[int, int], seed: int) -> np.ndarray:
    """A picture ``[h, w, 3]`` without hard edges, so that every format keeps it well."""
    grid = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return np.asarray(Image.fromarray(grid).resize(size[::-1], Image.Resampling.BICUBIC))


def write(pixels: np.ndarray, path: Path) -> None:
    WRITERS.get(path.suffix, lambda pixels, path: Image.fromarray(pixels).save(path))(pixels, path)


def by_pillow(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


READERS: dict[str, Callable[[Path], np.ndarray]] = {".scene": rendered, **dict.fromkeys(PICTURE_SUFFIXES, by_pillow)}


def held_by(path: Path, pixels: np.ndarray) -> np.ndarray:
    """What a written file holds after its format did its worst; ``pixels`` where it keeps them."""
    return READERS[path.suffix](path) if path.suffix in READERS else pixels


class Case:
    """Scenes of one type, made afresh for each test, and an in-memory copy of what they hold."""

    def __init__(self, name: str, suffix: str, folder: Path) -> None:
        self.suffix = suffix
        pictures = [smooth(size, i) for i, size in enumerate(SIZES)]
        self.inputs: list[Any] = [picture.transpose(2, 0, 1) for picture in pictures]
        if suffix:
            self.inputs = [folder / f"{name}{i}{suffix}" for i in range(len(SIZES))]
            for picture, path in zip(pictures, self.inputs, strict=True):
                write(picture, path)
            pictures = [held_by(path, picture) for path, picture in zip(self.inputs, pictures, strict=True)]
        self.kind = SCENES.get(name)
        self.copy = ArrayScenes.from_pictures(pictures)

    def make(self) -> Scenes:
        return self.kind(self.inputs)  # type: ignore[call-arg]


CASES = [(name, suffix) for name in SCENES for suffix in (SCENES.facts(name)["suffixes"] or ("",))]


@pytest.fixture(params=CASES, ids=["".join(case) for case in CASES])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    for module in SCENES.facts(request.param[0]).get("needs", ()):
        pytest.importorskip(module)
    return Case(*request.param, tmp_path)


def whole(n: int) -> np.ndarray:
    return np.tile(np.array([0, 0, 1, 1], np.float32), (n, 1, 1))


def looks(k: int = 3, seed: int = 0) -> np.ndarray:
    """Viewpoints ``[n, k, 4]`` of all sizes, inside their scenes."""
    rng = np.random.default_rng(seed)
    half = rng.uniform(0.05, 1, (len(SIZES), k, 2))
    centers = rng.uniform(-1, 1, half.shape) * (1 - half)
    return np.concatenate([centers, half], -1).astype(np.float32)


def test_is_a_scene_batch(case: Case) -> None:
    scenes = case.make()
    assert isinstance(scenes, Scenes)
    assert len(scenes) == len(SIZES)
    assert scenes.sizes_px.dtype == np.int64
    assert scenes.sizes_px.tolist() == [list(size) for size in SIZES]
    glimpses = scenes.read(looks(), (7, 11))
    assert glimpses.pixels.shape == (len(SIZES), 3, scenes.num_bands, 7, 11)
    assert glimpses.pixels.dtype in (np.uint8, np.uint16, np.float32)
    low, high = scenes.value_range
    assert low <= glimpses.pixels.min()
    assert glimpses.pixels.max() <= high


def test_crops_on_whole_pixels_are_the_pixels(case: Case) -> None:
    scenes = case.make()
    boxes = np.array([[[0, 0, 20, 30], [h - 20, w - 30, h, w], [3, 5, 23, 35]] for h, w in SIZES], np.float64)
    views = from_boxes_px(boxes, scenes.sizes_px).astype(np.float32)
    np.testing.assert_array_equal(scenes.read(views, (20, 30)).pixels, case.copy.read(views, (20, 30)).pixels)


@pytest.mark.parametrize("size_px", [(12, 10), (9, 31), (64, 64)])
def test_equals_a_copy_in_memory(case: Case, size_px: tuple[int, int]) -> None:
    scenes = case.make()
    for views in (whole(len(SIZES)), looks()):
        ours = scenes.read(views, size_px).pixels.astype(int)
        copied = case.copy.read(views, size_px).pixels.astype(int)
        if case.suffix in APPROXIMATE:  # averaged by another filter
            assert np.abs(ours - copied).mean() < 1
            assert np.abs(ours - copied).max() < APPROXIMATE[case.suffix]
        else:
            np.testing.assert_array_equal(ours, copied)


def test_rows_do_not_depend_on_each_other(case: Case) -> None:
    views = looks()
    together = case.make().read(views, (10, 14)).pixels
    for rows in ([3, 1, 0, 2], [2], [1, 3]):
        part = case.make().select(rows)
        assert part.sizes_px.tolist() == [list(SIZES[row]) for row in rows]
        np.testing.assert_array_equal(part.read(views[rows], (10, 14)).pixels, together[rows])


def test_looks_do_not_depend_on_each_other_nor_on_the_past(case: Case) -> None:
    views, scenes = looks(), case.make()
    together = case.make().read(views, (10, 14)).pixels
    scenes.read(whole(len(SIZES)), (50, 50))
    for k in (2, 0, 1):
        np.testing.assert_array_equal(scenes.read(views[:, k : k + 1], (10, 14)).pixels[:, 0], together[:, k])


def test_select_takes_masks_and_repeats_itself(case: Case) -> None:
    scenes, views = case.make(), looks()
    full = scenes.read(views, (8, 8)).pixels
    some = scenes.select(np.array([True, False, True, True]))
    np.testing.assert_array_equal(some.read(views[[0, 2, 3]], (8, 8)).pixels, full[[0, 2, 3]])
    np.testing.assert_array_equal(some.select([2, 0]).read(views[[3, 0]], (8, 8)).pixels, full[[3, 0]])
    assert len(scenes.select(np.zeros(0, np.int64))) == 0
    np.testing.assert_array_equal(scenes.read(views, (8, 8)).pixels, full)  # selecting left the original alone


def test_the_ledger_is_honest(case: Case) -> None:
    scenes = case.make()
    rng = np.random.default_rng(0)
    for step in range(6):
        valid = rng.random((len(SIZES), 2)) < 0.6
        promised = scenes.max_read_bytes()
        glimpses = scenes.read(looks(2, seed=step), (16, 16), valid)
        for cost in (glimpses.decoded_px, glimpses.read_bytes, promised):
            assert cost.dtype == np.int64
            assert cost.shape == (len(SIZES),)
            assert (cost >= 0).all()
        assert (glimpses.read_bytes <= promised).all()
        untouched = ~valid.any(1)
        assert not glimpses.decoded_px[untouched].any()
        assert not glimpses.read_bytes[untouched].any()
        assert (glimpses.decoded_px[glimpses.read_bytes > 0] > 0).all()  # nothing is fetched for nothing


def test_a_first_touch_costs_what_is_declared(case: Case) -> None:
    scenes = case.make()
    promised = scenes.max_read_bytes()
    assert scenes.read(whole(len(SIZES)), (16, 16)).read_bytes.tolist() == promised.tolist()
    again = scenes.read(whole(len(SIZES)), (16, 16))
    assert not again.read_bytes.any()
    assert not again.decoded_px.any()


def test_invalid_looks_read_as_zeros(case: Case) -> None:
    scenes, views = case.make(), looks(2)
    views[:, 1] = np.nan
    pixels = scenes.read(views, (9, 9), np.array([[True, False]] * len(SIZES))).pixels
    assert not pixels[:, 1].any()
    np.testing.assert_array_equal(pixels[:, :1], scenes.read(views[:, :1], (9, 9)).pixels)


@pytest.mark.parametrize("viewpoint", [[0.5, 0, 0.6, 0.2], [np.nan, 0, 0.1, 0.1], [0, 0, -0.1, 0.1]])
def test_looks_outside_are_errors(case: Case, viewpoint: list[float]) -> None:
    with pytest.raises(FoveateError):
        case.make().read(np.tile(np.float32(viewpoint), (len(SIZES), 1, 1)), (9, 9))
