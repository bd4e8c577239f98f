"""TIFFs of all kinds as scenes: the pixels of the file, its levels, its facts, and what happens to damaged ones."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foveate.errors import MissingExtraError, SceneError
from foveate.scenes import tiff
from foveate.scenes.memory import ArrayScenes
from foveate.scenes.tiff import TiffScenes
from foveate.scenes.tile_sizes import jpeg_px
from tests.support.giants import pyramid_of, write_raster, write_tiff
from tests.support.range_server import Served, serving

tifffile = pytest.importorskip("tifffile")
imagecodecs = pytest.importorskip("imagecodecs")

WHOLE = np.array([[[0.0, 0.0, 1.0, 1.0]]])
RGB = np.random.default_rng(0).integers(0, 256, (203, 310, 3), np.uint8)
SIZE_PX = (203, 310)


def whole(path: Path, **options: Any) -> np.ndarray:
    """``[H, W, C]``."""
    scenes = TiffScenes([path], **options)
    return scenes.read(WHOLE, tuple(scenes.sizes_px[0].tolist())).pixels[0, 0].transpose(1, 2, 0)


KINDS: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "strips": (RGB, {"tile": None, "rowsperstrip": 7}),
    "one strip": (RGB, {"tile": None, "compression": None}),
    "uncompressed strips": (RGB, {"tile": None, "compression": None, "rowsperstrip": 10}),
    "uncompressed tiles": (RGB, {"compression": None}),
    "lzw and predictor": (RGB, {"compression": "lzw", "predictor": True}),
    "zstd": (RGB, {"compression": "zstd"}),
    "lossless webp": (RGB, {"compression": "webp", "compressionargs": {"lossless": True}}),
    "lossless jpeg 2000": (RGB, {"compression": "jpeg2000"}),
    "planes": (RGB.transpose(2, 0, 1), {"planarconfig": "separate", "photometric": "rgb"}),
    "grey": (RGB[..., 0], {"photometric": "minisblack"}),
    "grey 16": (RGB[..., 0].astype(np.uint16) * 200, {"photometric": "minisblack"}),
    "big-endian 16": (RGB.astype(np.uint16) * 200, {"byteorder": ">"}),
    "big-endian one strip": (RGB.astype(np.uint16) * 200, {"byteorder": ">", "tile": None, "compression": None}),
    "five bands": (np.concatenate([RGB, RGB[..., :2]], -1), {"photometric": "minisblack", "planarconfig": "contig"}),
}


def write(path: Path, pixels: np.ndarray, *, byteorder: str | None = None, **options: Any) -> Path:
    options = {"photometric": "rgb", "tile": (64, 48), "compression": "deflate", "metadata": None} | options
    tifffile.imwrite(path, pixels, byteorder=byteorder, **options)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_the_pixels_are_those_of_the_file(kind: str, tmp_path: Path) -> None:
    pixels, options = KINDS[kind]
    path = write(tmp_path / "a.tif", pixels, **options)
    expected = pixels.transpose(1, 2, 0) if kind == "planes" else pixels.reshape(*SIZE_PX, -1)
    found = whole(path)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_numbers_without_a_range_need_one(tmp_path: Path) -> None:
    heights = np.linspace(-50, 150, 203 * 310).astype(np.float32).reshape(SIZE_PX)
    heights[0, :3] = [np.nan, np.inf, -np.inf]
    path = write(tmp_path / "a.tif", heights, photometric="minisblack")
    expected = heights.clip(0, 100)
    expected[0, :3] = [0, 100, 0]
    np.testing.assert_array_equal(whole(path, value_range=(0, 100))[..., 0], expected)
    signed = write(tmp_path / "b.tif", heights[1:].astype(np.int16), photometric="minisblack")
    np.testing.assert_array_equal(whole(signed, value_range=(-50, 150))[..., 0], heights[1:].astype(np.int16))


def test_opacity_palettes_bits_and_inverted_grey_become_what_they_show(tmp_path: Path) -> None:
    alpha = np.full((*SIZE_PX, 1), 255, np.uint8)
    alpha[:50] = 0
    seen = whole(write(tmp_path / "a.tif", np.concatenate([RGB, alpha], -1), extrasamples=["unassalpha"]))
    assert (seen[:50] == 255).all()
    np.testing.assert_array_equal(seen[50:], RGB[50:])
    colours = np.random.default_rng(1).integers(0, 65536, (3, 256), np.uint16)
    seen = whole(write(tmp_path / "b.tif", RGB[..., 0], photometric="palette", colormap=colours))
    np.testing.assert_array_equal(seen, (colours.T >> 8)[RGB[..., 0]])
    seen = whole(write(tmp_path / "c.tif", RGB[..., 0] > 99, photometric="minisblack", tile=None, rowsperstrip=9))
    np.testing.assert_array_equal(seen[..., 0], (RGB[..., 0] > 99) * np.uint8(255))
    seen = whole(write(tmp_path / "d.tif", RGB[..., 0], photometric="miniswhite"))
    np.testing.assert_array_equal(seen[..., 0], 255 - RGB[..., 0])


def test_jpeg_tiles_are_decoded_to_rgb(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", RGB, compression="jpeg")
    np.testing.assert_array_equal(whole(path), tifffile.imread(path))


@pytest.mark.parametrize("options", [{}, {"subifds": True}, {"tile_px": 32}])
def test_levels_are_found_as_pages_and_as_subifds(tmp_path: Path, options: dict[str, Any]) -> None:
    for name in ("a.tif", "a.btf"):
        scenes = TiffScenes([write_tiff(RGB, tmp_path / name, levels=3, **options)])
        assert [level.size_px for level in scenes.pictures[0].levels] == [(203, 310), (101, 155), (50, 77)]
        for number, level in enumerate(pyramid_of(RGB, 3)):
            seen = scenes.read(WHOLE, level.shape[:2]).pixels[0, 0]  # type: ignore[arg-type]
            np.testing.assert_array_equal(seen, level.transpose(2, 0, 1), err_msg=str(number))


def test_other_pages_are_no_levels(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for pixels, options in [
            (RGB, {"tile": (64, 64)}),
            (RGB[::2, ::2], {}),  # a thumbnail, in strips
            (RGB[:50, ::2], {"tile": (64, 64)}),  # a label
            (RGB[::2, ::2, 0], {"tile": (64, 64), "photometric": "minisblack"}),  # of another kind
            (RGB, {"tile": (64, 64)}),  # the next picture
            (np.ascontiguousarray(RGB[::4, ::4]), {"tile": (64, 64), "subfiletype": 1}),
        ]:
            file.write(pixels, **{"photometric": "rgb", "metadata": None, **options})
    assert [level.size_px for level in TiffScenes([tmp_path / "a.tif"]).pictures[0].levels] == [(203, 310), (51, 78)]


def test_ome_channels_are_bands_and_the_first_frame_counts(tmp_path: Path) -> None:
    stack = np.random.default_rng(0).integers(0, 65535, (2, 4, 203, 310), np.uint16)  # time, channel
    path = tmp_path / "a.ome.tif"
    about = {
        "axes": "TCYX",
        "PhysicalSizeX": 0.5,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": 250,
        "PhysicalSizeYUnit": "nm",
    }
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(stack, tile=(64, 64), photometric="minisblack", subifds=1, metadata=about)
        file.write(stack[..., ::2, ::2], tile=(64, 64), photometric="minisblack", subfiletype=1)
    scenes = TiffScenes([path])
    assert (scenes.num_bands, scenes.value_range) == (4, (0, 65535))
    assert scenes.pictures[0].um_per_px == (0.25, 0.5)
    np.testing.assert_array_equal(scenes.read(WHOLE, SIZE_PX).pixels[0, 0], stack[0])
    half = scenes.read(WHOLE, (102, 155))
    np.testing.assert_array_equal(half.pixels[0, 0], stack[0, :, ::2, ::2])
    assert half.decoded_px.tolist() == [4 * 6 * 64 * 64]
    assert half.read_bytes.tolist() == [4 * 6 * 64 * 64 * 2]


def test_the_size_of_a_pixel(tmp_path: Path) -> None:
    def found(**options: Any) -> Any:
        return TiffScenes([write(tmp_path / "a.tif", RGB, **options)]).pictures[0].um_per_px

    assert found(resolution=(40_000, 20_000), resolutionunit="CENTIMETER") == (0.5, 0.25)
    assert found(resolution=(300, 300), resolutionunit="INCH") is None  # how large to print it
    assert found(description="Aperio Image\n|AppMag = 20|MPP = 0.4990|Left = 1") == (0.499, 0.499)
    assert found() is None


@pytest.mark.parametrize("is_point", [False, True])
def test_where_it_lies(tmp_path: Path, is_point: bool) -> None:
    rasterio = pytest.importorskip("rasterio")
    path = write_raster(RGB, tmp_path / "a.tif", overviews=(2, 4))
    if is_point:
        with rasterio.open(path, "r+") as file:
            file.update_tags(AREA_OR_POINT="Point")
    with rasterio.open(path) as file:
        expected = tuple(file.transform[:6])
    (picture,) = TiffScenes([path]).pictures
    assert picture.geo_transform == expected == (2.0, 0.0, 500_000.0, 0.0, -2.0, 6_000_000.0)
    assert getattr(picture, "crs", None) == "EPSG:32632"
    assert len(picture.levels) == 3


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ([(1024, 0, 1, 1), (3072, 0, 1, 32633), (2048, 0, 1, 4326)], "EPSG:32633"),
        ([(1024, 0, 1, 2), (2048, 0, 1, 4326)], "EPSG:4326"),
        ([(3072, 0, 1, 25832)], "EPSG:25832"),  # the type of the model is left out
        ([(2048, 0, 1, 4258)], "EPSG:4258"),
        ([(1024, 0, 1, 1), (3072, 0, 1, 32767), (2048, 0, 1, 4326)], None),  # spelt out: its base is another system
        ([(1024, 0, 1, 1), (2048, 0, 1, 4326)], None),
        ([(1024, 0, 1, 3), (2048, 0, 1, 4978)], None),  # geocentric: x and y are no place on a map
        ([(3072, 34736, 1, 2)], None),  # a number elsewhere
        ([(1024, 0, 1)], None),  # cut off
        ([], None),
    ],
)
def test_the_number_of_its_reference_system(tmp_path: Path, keys: list[tuple[int, ...]], expected: str | None) -> None:
    numbers = [1, 1, 0, len(keys), *(part for key in keys for part in key)]
    path = write(tmp_path / "a.tif", RGB, extratags=[(34735, "H", len(numbers), numbers, True)])
    assert getattr(TiffScenes([path]).pictures[0], "crs", None) == expected


def test_sparse_tiles_cost_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", RGB, compression=None, tile=(64, 64))
    _set_tag(path, 325, 0, 0)
    found = TiffScenes([path]).read(WHOLE, SIZE_PX)
    assert not found.pixels[0, 0, :, :64, :64].any()
    assert found.read_bytes.tolist() == [19 * 64 * 64 * 3]
    assert found.decoded_px.tolist() == [19 * 64 * 64]


# -- damaged, hostile, unsupported -------------------------------------------------------------------------------------


def _set_tag(path: Path, tag: int, value: int, nth: int = 0) -> None:
    """Overwrite one number of a tag of the first page."""
    with tifffile.TiffFile(path) as file:
        found = file.pages[0].tags[tag]
        kind = {3: "H", 4: "I", 16: "Q"}[int(found.dtype)]
        at, order = found.valueoffset + nth * struct.calcsize(kind), file.byteorder
    content = bytearray(path.read_bytes())
    struct.pack_into(order + kind, content, at, value)
    path.write_bytes(content)


def corner(path: Path, **options: Any) -> tuple[TiffScenes, Any]:
    """A look at the first tile and one at the last."""
    scenes = TiffScenes([path], **options)
    views = np.array([[[-0.9, -0.9, 0.05, 0.05], [0.9, 0.9, 0.05, 0.05]]])
    return scenes, scenes.read(views, (10, 10))


@pytest.mark.parametrize("damage", ["cut off", "garbage", "absurd count", "outside"])
def test_a_damaged_tile_is_named_and_the_others_are_read(tmp_path: Path, damage: str) -> None:
    path = write(tmp_path / "a.tif", RGB)
    with tifffile.TiffFile(path) as file:
        offsets, counts = file.pages[0].dataoffsets, file.pages[0].databytecounts
    assert offsets[0] < offsets[-1]
    if damage == "cut off":
        path.write_bytes(path.read_bytes()[: offsets[-1] + counts[-1] // 2])
    elif damage == "garbage":
        content = bytearray(path.read_bytes())
        content[offsets[-1] : offsets[-1] + counts[-1]] = bytes(counts[-1])
        path.write_bytes(content)
    else:
        tag = {"absurd count": 325, "outside": 324}[damage]
        _set_tag(path, tag, 1 << 31, nth=len(offsets) - 1)
    with pytest.warns(UserWarning, match=r"a\.tif: level 0, tile \(3, 6\) is damaged"):
        scenes, found = corner(path)
    assert found.pixels[0, 0].any()
    assert not found.pixels[0, 1].any()
    assert scenes.skipped_looks.tolist() == [1]
    with pytest.raises(SceneError, match=r"a\.tif: level 0, tile \(3, 6\) is damaged"):
        corner(path, strict=True)


def test_a_small_tile_that_declares_a_huge_picture_is_not_decoded(tmp_path: Path) -> None:
    bomb = bytearray(imagecodecs.jpeg_encode(RGB[:64, :48]))
    at = bomb.index(b"\xff\xc0") + 5
    struct.pack_into(">HH", bomb, at, 65000, 65000)
    assert jpeg_px(bytes(bomb)) == (65000, 65000)
    tiles = iter([bytes(bomb)] * 28)
    options = {"dtype": np.uint8, "shape": RGB.shape, "compression": "jpeg", "photometric": "rgb", "tile": (64, 48)}
    tifffile.imwrite(tmp_path / "a.tif", tiles, metadata=None, **options)
    with pytest.warns(UserWarning, match=r"declares \(65000, 65000\) pixels"):
        _, found = corner(tmp_path / "a.tif")
    assert not found.pixels.any()


def test_a_tile_that_swells_is_cut_at_its_size(tmp_path: Path) -> None:
    bomb = imagecodecs.deflate_encode(bytes(50_000_000))
    options = {"dtype": np.uint8, "shape": RGB.shape, "compression": "deflate", "photometric": "rgb", "tile": (64, 48)}
    tifffile.imwrite(tmp_path / "a.tif", iter([bomb] * 28), metadata=None, **options)
    scenes = TiffScenes([tmp_path / "a.tif"])
    with pytest.warns(UserWarning, match=r"tile \(0, 0\) is damaged"):
        scenes.read(WHOLE, (10, 10))


@pytest.mark.parametrize(
    ("tag", "value", "message"),
    [
        (256, 0, "a.tif: "),
        (257, 0, "a.tif: "),
        (322, 0, "a.tif: "),
        (256, 0xFFFF, r"a.tif: level 0, tile \(.*\) is damaged \(the file does not list it\)"),
        (322, 0xFFFF, "a.tif: "),
        (277, 0xFFFF, "a.tif: "),
        (259, 34661, "compressed by JBIG, which no codec of the extra 'wsi' reads"),
        (259, 9999, "a.tif: "),
        (262, 5, "holds CMYK, which is not read here"),
        (262, 6, "holds YCbCr, which is not read here"),
    ],
)
def test_absurd_and_unsupported_headers_are_refused(tmp_path: Path, tag: int, value: int, message: str) -> None:
    path = write(tmp_path / "a.tif", RGB)
    _set_tag(path, tag, value)
    with pytest.raises(SceneError, match=message):
        TiffScenes([path], strict=True).read(WHOLE, (10, 10))


def test_a_turned_picture_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", RGB, extratags=[(274, 3, 1, 6, True)])
    with pytest.raises(SceneError, match=r"turned \(orientation 6\): save it upright"):
        TiffScenes([path])


@pytest.mark.parametrize(
    "content",
    [b"", b"II*\0", b"II*\0\x08\0\0\0", b"MM\0+\0\x08\0\0" + bytes(30), b"no tiff at all", b"II*\0" + b"\xff" * 60],
)
def test_what_is_no_tiff_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    with pytest.raises(SceneError, match=r"a\.tif: "):
        TiffScenes([path])


SMALL = RGB[:40, :50]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    path = write_tiff(SMALL, tmp_path_factory.mktemp("fuzz") / "small.tif", levels=2, tile_px=16)
    return path, path.read_bytes()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=4), st.floats(0, 1), st.booleans())
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_damaged_file_gives_pixels_or_a_clear_error(
    small: tuple[Path, bytes], edits: list[tuple[float, int]], cut: float, is_cut: bool
) -> None:
    path, content = small
    damaged = bytearray(content)
    for share, value in edits:
        damaged[int(share * (len(damaged) - 1))] = value
    path.write_bytes(damaged[: int(cut * len(damaged))] if is_cut else damaged)
    try:
        scenes = TiffScenes([path], value_range=(0, 255), max_px=1 << 20)
        found = scenes.read(WHOLE, (12, 12)).pixels.shape[-2:]
    except SceneError as error:
        found = error.path
    assert found in ((12, 12), str(path))


def test_a_missing_package_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.tif", RGB)

    def gone(module_name: str, extra: str) -> Any:
        raise MissingExtraError(f"{module_name} is not installed; extra {extra!r}", extra=extra)

    monkeypatch.setattr(tiff, "require_extra", gone)
    with pytest.raises(MissingExtraError, match=r"tifffile is not installed; extra 'wsi'"):
        TiffScenes([path])


# -- from elsewhere ----------------------------------------------------------------------------------------------------


class Held:
    """The least that a source may be."""

    name = "held.tif"

    def __init__(self, content: bytes) -> None:
        self.content, self.num_bytes = content, len(content)

    def read(self, offset: int, size: int) -> bytes:
        return self.content[offset : offset + size]


def test_anything_that_reads_is_read(tmp_path: Path) -> None:
    path = write_tiff(RGB, tmp_path / "a.tif", levels=3)
    scenes = TiffScenes([Held(path.read_bytes())])
    np.testing.assert_array_equal(scenes.read(WHOLE, SIZE_PX).pixels[0, 0], RGB.transpose(2, 0, 1))


def test_an_address_is_read_where_it_is_looked_at(tmp_path: Path) -> None:
    big = np.random.default_rng(0).integers(0, 256, (800, 1000, 3), np.uint8)
    content = write_tiff(big, tmp_path / "a.tif", levels=3).read_bytes()
    with serving(Served(content)) as served:
        scenes = TiffScenes([served.url])
        opened = len(served.ranges)
        found = scenes.read(np.array([[[0.0, 0.0, 0.05, 0.05]]]), (40, 50))
        np.testing.assert_array_equal(found.pixels[0, 0], big[380:420, 475:525].transpose(2, 0, 1))
        assert sum(size for _, size in served.ranges[opened:]) == found.read_bytes[0] < len(content) / 20


@pytest.mark.parametrize("strict", [False, True])
def test_an_address_that_fails_midway_is_a_clear_error(
    tmp_path: Path, strict: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foveate.scenes.sources.time.sleep", lambda seconds: None)
    content = write_tiff(
        np.random.default_rng(0).integers(0, 256, (800, 1000, 3), np.uint8), tmp_path / "a.tif"
    ).read_bytes()
    with serving(Served(content)) as served:
        scenes = TiffScenes([served.url], strict=strict)
        served.fails_after = len(served.ranges) + 2
        with pytest.raises(SceneError, match=r"http://.*could not be fetched in 4 tries \(HTTP 503") as caught:
            scenes.read(WHOLE, (400, 500))
        assert caught.value.path == served.url


def test_a_large_flat_picture_is_glanced_at_without_holding_it(tmp_path: Path) -> None:
    path = tmp_path / "flat.tif"
    picture = np.random.default_rng(0).integers(0, 256, (2500, 2000, 3), np.uint8)
    write(path, picture, tile=None, compression=None)
    scenes = TiffScenes([path], cache_bytes=1 << 20)
    assert [level.size_px for level in scenes.pictures[0].levels] == [(2500, 2000), (625, 500)]
    glance = scenes.read(WHOLE, (50, 40))
    assert glance.read_bytes.tolist() == [picture.nbytes]
    assert glance.decoded_px.tolist() == [2500 * 2000]
    memory = ArrayScenes.from_pictures([picture]).read(WHOLE, (50, 40))
    assert np.abs(glance.pixels.astype(int) - memory.pixels).max() <= 4
    assert not scenes.read(WHOLE, (50, 40)).read_bytes.any()
