"""Picture files as scenes: the pixels of the files, decoded only where needed, and honestly counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from foveate.errors import IncompatibleError, SceneError, UsageError
from foveate.geometry.viewpoint import from_boxes_px
from foveate.scenes.memory import ArrayScenes
from foveate.scenes.pictures import PictureScenes
from foveate.scenes.street import street

WHOLE = np.array([[[0.0, 0.0, 1.0, 1.0]]], np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def photo(folder: Path) -> Path:
    """A JPEG of 403 x 597 pixels, which no level divides."""
    pixels = np.uint8(np.clip(street(0, (403, 597)), 0, 1) * 255)
    Image.fromarray(pixels).save(folder / "photo.jpg", quality=95, subsampling=0)
    return folder / "photo.jpg"


def upright(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))


def test_glance_of_a_jpeg_decodes_a_fraction(photo: Path) -> None:
    scenes = PictureScenes([photo])
    size = photo.stat().st_size
    assert scenes.max_read_bytes().tolist() == [size]
    glance = scenes.read(WHOLE, (20, 30))
    assert glance.decoded_px.tolist() == [51 * 75]
    assert glance.read_bytes.tolist() == [size]
    assert scenes.max_read_bytes().tolist() == [0]
    again = scenes.read(WHOLE, (20, 30))
    assert (again.decoded_px.tolist(), again.read_bytes.tolist()) == ([0], [0])
    np.testing.assert_array_equal(again.pixels, glance.pixels)
    look = np.array([[[0.1, 0.1, 0.1, 0.1]]], np.float32)
    crop = scenes.read(look, (32, 32))
    assert (crop.decoded_px.tolist(), crop.read_bytes.tolist()) == ([403 * 597], [0])
    assert scenes.read(look, (32, 32)).decoded_px.tolist() == [0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_fractions_show_what_the_whole_shows(folder: Path, photo: Path, orientation: int) -> None:
    """Also where rotation brings the partly filled pixels of a level to the front."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = folder / f"turned{orientation}.jpg"
    with Image.open(photo) as picture:
        picture.save(path, exif=exif, quality=95, subsampling=0)
    scenes = PictureScenes([path])
    memory = ArrayScenes.from_pictures([upright(path)])
    np.testing.assert_array_equal(scenes.sizes_px, memory.sizes_px)
    for size in ((24, 24), (40, 50), (90, 100)):
        ours, whole = (one.read(WHOLE, size).pixels.astype(int) for one in (scenes, memory))
        # Averages of 8 x 8 pixels by the DCT and by our filter differ a little at edges; a shift would differ a lot.
        assert np.abs(ours - whole).mean() < 1.5
        assert np.abs(ours - whole).max() < 30
    corner = from_boxes_px(np.array([[[0.0, 0.0, 37.0, 53.0]]]), scenes.sizes_px)
    np.testing.assert_array_equal(scenes.read(corner, (37, 53)).pixels, memory.read(corner, (37, 53)).pixels)


def test_pixels_do_not_depend_on_what_is_kept(photo: Path) -> None:
    fresh = PictureScenes([photo]).read(WHOLE, (24, 24)).pixels
    warm = PictureScenes([photo])
    warm.read(np.array([[[0, 0, 0.1, 0.1]]], np.float32), (40, 60))
    np.testing.assert_array_equal(warm.read(WHOLE, (24, 24)).pixels, fresh)


def test_what_is_kept_is_bounded_and_fetched_again_when_gone(folder: Path) -> None:
    paths = []
    for i in range(4):
        noise = np.random.default_rng(i).integers(0, 256, (40, 50, 3), np.uint8)
        paths.append(folder / f"n{i}.png")
        Image.fromarray(noise).save(paths[-1])
    sizes = [path.stat().st_size for path in paths]
    scenes = PictureScenes(paths, cache_bytes=2 * 40 * 50 * 3)
    everywhere = np.tile(WHOLE, (4, 1, 1))
    assert scenes.read(everywhere, (8, 8)).read_bytes.tolist() == sizes
    promised = scenes.max_read_bytes()
    assert promised.tolist() == [*sizes[:2], 0, 0]  # the last two are kept
    second = scenes.read(everywhere, (8, 8))
    assert second.read_bytes.tolist() == promised.tolist()  # even though reading the first two pushed them out
    assert second.decoded_px.tolist() == [2000, 2000, 0, 0]


def test_the_newest_is_kept_even_if_it_is_too_large(photo: Path) -> None:
    scenes = PictureScenes([photo], cache_bytes=0)
    look = np.array([[[0.1, 0.1, 0.1, 0.1]]], np.float32)
    assert scenes.read(look, (32, 32)).decoded_px[0] > 0
    assert scenes.read(look, (32, 32)).decoded_px[0] == 0


def test_select_shares_what_is_kept_and_keeps_rows(folder: Path, photo: Path) -> None:
    other = folder / "other.png"
    Image.fromarray(np.full((60, 80, 3), 7, np.uint8)).save(other)
    scenes = PictureScenes([photo, other, photo])
    full = scenes.read(np.tile(WHOLE, (3, 1, 1)), (24, 24))
    assert full.read_bytes[2] > 0  # the same file named twice is two scenes
    part = scenes.select([1, 0])
    assert part.sizes_px.tolist() == [[60, 80], [403, 597]]
    again = part.read(np.tile(WHOLE, (2, 1, 1)), (24, 24))
    np.testing.assert_array_equal(again.pixels, full.pixels[[1, 0]])
    assert not again.decoded_px.any()
    twice = scenes.select(np.array([1, 1])).read(np.tile(WHOLE, (2, 1, 1)), (30, 30))
    assert not twice.decoded_px.any()


def test_invalid_looks_decode_nothing(folder: Path, photo: Path) -> None:
    scenes = PictureScenes([photo, photo])
    views = np.tile(WHOLE, (2, 2, 1))
    views[0] = np.nan
    glimpses = scenes.read(views, (9, 9), np.array([[False, False], [True, False]]))
    assert glimpses.decoded_px[0] == 0
    assert glimpses.read_bytes[0] == 0
    assert not glimpses.pixels[0].any()
    assert not glimpses.pixels[1, 1].any()
    assert glimpses.pixels[1, 0].any()


@pytest.mark.parametrize(("mode", "bands", "top"), [("RGB", 3, 255), ("L", 1, 255), ("I;16", 1, 65535)])
def test_modes(photo: Path, mode: str, bands: int, top: int) -> None:
    scenes = PictureScenes([photo], mode=mode)  # type: ignore[arg-type]
    pixels = scenes.read(WHOLE, (7, 9)).pixels
    assert pixels.shape == (1, 1, bands, 7, 9)
    assert pixels.dtype == (np.uint16 if top == 65535 else np.uint8)
    assert scenes.num_bands == bands
    assert scenes.value_range == (0, top)
    assert 0.1 < pixels.mean() / top < 0.9


def test_errors_name_the_file(folder: Path, photo: Path) -> None:
    with pytest.raises(SceneError, match=r"gone\.png: there is no such file"):
        PictureScenes([photo, folder / "gone.png"])
    cut = folder / "cut.png"
    Image.fromarray(np.zeros((50, 50, 3), np.uint8)).save(cut)
    cut.write_bytes(cut.read_bytes()[:-30])
    scenes = PictureScenes([cut])  # the header is fine
    with pytest.raises(SceneError, match=r"cut\.png: is damaged or cut off"):
        scenes.read(WHOLE, (9, 9))
    shrunk = folder / "shrunk.png"
    Image.fromarray(np.zeros((50, 50, 3), np.uint8)).save(shrunk)
    scenes = PictureScenes([shrunk])
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(shrunk)
    with pytest.raises(SceneError, match="changed while it was used"):
        scenes.read(WHOLE, (9, 9))


def test_bad_arguments(photo: Path) -> None:
    with pytest.raises(UsageError, match="needed is a list"):
        PictureScenes(str(photo))
    with pytest.raises(UsageError, match="no paths"):
        PictureScenes([])
    with pytest.raises(UsageError, match="allowed are RGB, L, I;16"):
        PictureScenes([photo], mode="CMYK")  # type: ignore[arg-type]


def test_what_no_picture_file_gives_is_refused_by_name(photo: Path) -> None:
    with pytest.raises(IncompatibleError, match=rf"{photo.name}: this model wants 4 bands"):
        PictureScenes.for_model([str(photo)], num_bands=4, value_range=(0.0, 255.0))
