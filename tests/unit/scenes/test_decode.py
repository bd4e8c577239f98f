"""One defined result per kind of picture file, and one clear error per broken one."""

from __future__ import annotations

import os
import socket
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from foveate.errors import SceneError
from foveate.scenes.decode import decode, read_bytes, read_header
from foveate.scenes.modes import Mode

RAMP = np.add.outer(np.arange(20) * 5, np.arange(30) * 4).astype(np.uint8)  # [20, 30], smooth: JPEG keeps it well
COLOUR = np.stack([RAMP, RAMP[::-1], 255 - RAMP], -1)


def pixels_of(path: Path, mode: Mode = "RGB", **options: object) -> np.ndarray:
    header = read_header(str(path))
    pixels = decode(read_bytes(str(path)), header, str(path), mode=mode, **options)  # type: ignore[arg-type]
    assert pixels.shape[:2] == header.size_px
    return pixels


def saved(path: Path, picture: Image.Image | np.ndarray, **options: object) -> Path:
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(path, **options)
    return path


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """What a viewer shows for a stored picture, from the EXIF standard's table."""
    k = {
        1: pixels,
        2: np.fliplr(pixels),
        3: np.rot90(pixels, 2),
        4: np.flipud(pixels),
        5: pixels.swapaxes(0, 1),
        6: np.rot90(pixels, -1),
        7: np.rot90(pixels, 2).swapaxes(0, 1),
        8: np.rot90(pixels),
    }
    return k[orientation]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
def test_exif_rotation_is_applied(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {
        ".png": {"exif": exif},
        ".tif": {"tiffinfo": {0x0112: orientation}},
        ".webp": {"exif": exif, "lossless": True},
        ".jpg": {"exif": exif, "quality": 98, "subsampling": 0},
    }[suffix]
    path = saved(tmp_path / f"a{suffix}", COLOUR, **options)
    expected = turned(COLOUR, orientation)
    assert read_header(str(path)).size_px == expected.shape[:2]
    difference = np.abs(pixels_of(path).astype(int) - expected)
    assert difference.max() <= (6 if suffix == ".jpg" else 0)


def test_nonsense_orientation_counts_as_none(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 77
    np.testing.assert_array_equal(pixels_of(saved(tmp_path / "a.png", COLOUR, exif=exif)), COLOUR)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".bmp", ".gif"])
def test_lossless_kinds(tmp_path: Path, suffix: str) -> None:
    options = {"lossless": True} if suffix == ".webp" else {}
    path = saved(tmp_path / f"a{suffix}", COLOUR if suffix != ".gif" else RAMP, **options)
    expected = COLOUR if suffix != ".gif" else np.repeat(RAMP[..., None], 3, 2)
    np.testing.assert_array_equal(pixels_of(path), expected)


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    inks = Image.fromarray(COLOUR).convert("CMYK")
    for name in ("a.tif", "a.jpg"):
        pixels = pixels_of(saved(tmp_path / name, inks, quality=98))
        assert np.abs(pixels.astype(int) - COLOUR).max() <= 8, name


def test_grey_of_16_bits(tmp_path: Path) -> None:
    deep = RAMP.astype(np.uint16) * 256 + 77
    for name in ("a.png", "a.tif"):
        path = saved(tmp_path / name, deep)
        np.testing.assert_array_equal(pixels_of(path, "I;16")[..., 0], deep)
        np.testing.assert_array_equal(pixels_of(path, "L")[..., 0], RAMP)
        np.testing.assert_array_equal(pixels_of(path)[..., 1], RAMP)
    big_endian = Image.frombytes("I;16B", deep.shape[::-1], deep.astype(">u2").tobytes())
    np.testing.assert_array_equal(pixels_of(saved(tmp_path / "b.tif", big_endian), "I;16")[..., 0], deep)


def test_8_bits_fill_the_range_of_16(tmp_path: Path) -> None:
    pixels = pixels_of(saved(tmp_path / "a.png", RAMP), "I;16")
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels[..., 0], RAMP.astype(np.uint16) * 257)


def test_32_bits_and_floats(tmp_path: Path) -> None:
    fits = saved(tmp_path / "fits.tif", RAMP.astype(np.int32) * 200)
    np.testing.assert_array_equal(pixels_of(fits, "I;16")[..., 0], RAMP.astype(np.uint16) * 200)
    wide = saved(tmp_path / "wide.tif", RAMP.astype(np.int32) * 100_000)
    assert (pixels_of(wide, "L").min(), pixels_of(wide, "L").max()) == (0, 255)
    real = saved(tmp_path / "real.tif", RAMP.astype(np.float32) / 7 - 3)
    stretched = pixels_of(real, "I;16")[..., 0].astype(float) / 65535
    np.testing.assert_allclose(stretched, RAMP / RAMP.max(), atol=1e-4)
    flat = saved(tmp_path / "flat.tif", np.full((4, 4), 3.5, np.float32))
    assert not pixels_of(flat).any()
    broken = saved(tmp_path / "nan.tif", np.full((4, 4), np.nan, np.float32))
    with pytest.raises(SceneError, match=r"nan\.tif: has NaN"):
        pixels_of(broken)


def test_one_bit_and_palettes(tmp_path: Path) -> None:
    path = saved(tmp_path / "bit.png", Image.fromarray(RAMP).convert("1"))
    assert set(np.unique(pixels_of(path, "L"))) == {0, 255}
    few = Image.fromarray(COLOUR).quantize(16)
    np.testing.assert_array_equal(pixels_of(saved(tmp_path / "p.png", few)), np.asarray(few.convert("RGB")))


def test_alpha_is_laid_on_white_or_on_what_is_asked(tmp_path: Path) -> None:
    alpha = np.zeros((20, 30), np.uint8)
    alpha[:, 15:] = 255
    rgba = saved(tmp_path / "rgba.png", np.dstack([COLOUR, alpha]))
    pixels = pixels_of(rgba)
    assert (pixels[:, :15] == 255).all()
    np.testing.assert_array_equal(pixels[:, 15:], COLOUR[:, 15:])
    assert (pixels_of(rgba, matte=(1, 2, 3))[0, 0] == [1, 2, 3]).all()
    grey = saved(tmp_path / "la.png", np.dstack([RAMP, alpha]))
    assert (pixels_of(grey, "L")[:, :15] == 255).all()
    half = saved(tmp_path / "half.webp", np.dstack([COLOUR * 0, alpha // 2]), lossless=True)
    assert pixels_of(half)[0, 20].tolist() == [128] * 3
    keyed = Image.new("P", (2, 1))
    keyed.putpalette([9, 9, 9, 200, 0, 0])
    keyed.putpixel((1, 0), 1)
    path = saved(tmp_path / "keyed.png", keyed, transparency=0)
    assert pixels_of(path)[0].tolist() == [[255, 255, 255], [200, 0, 0]]


def test_animations_and_pages_give_the_first(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.full((6, 8), level, np.uint8)) for level in (40, 90)]
    for name in ("a.gif", "a.webp", "a.tif", "a.png"):
        options = {"lossless": True} if name == "a.webp" else {}
        path = saved(tmp_path / name, frames[0], save_all=True, append_images=frames[1:], **options)
        assert (pixels_of(path, "L") == 40).all(), name


@pytest.mark.parametrize("level", [2, 4, 8])
def test_jpeg_levels_round_sizes_up(tmp_path: Path, level: int) -> None:
    path = saved(tmp_path / "a.jpg", Image.fromarray(COLOUR).resize((83, 61)), quality=95)
    header = read_header(str(path))
    for mode, bands in (("RGB", 3), ("L", 1), ("I;16", 1)):
        pixels = decode(read_bytes(str(path)), header, str(path), mode=mode, level=level)  # type: ignore[arg-type]
        assert pixels.shape == (-(-61 // level), -(-83 // level), bands)


# -- what cannot be read -------------------------------------------------------------------------------------------


def whole_files(folder: Path) -> list[Path]:
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    paths = [saved(folder / f"a{suffix}", noise) for suffix in (".jpg", ".png", ".webp", ".bmp", ".gif", ".tif")]
    return [*paths, saved(folder / "lzw.tif", noise, compression="tiff_lzw")]


def test_cut_off_files_are_errors_and_never_half_grey(tmp_path: Path) -> None:
    for path in whole_files(tmp_path):
        content = path.read_bytes()
        for share in (0.3, 0.6, 0.9):
            path.write_bytes(content[: int(len(content) * share)])
            with pytest.raises(SceneError, match=r"damaged or cut off|not a picture") as caught:
                pixels_of(path)
            assert str(caught.value).startswith(str(path))
            assert caught.value.path == str(path)


def test_cut_off_jpeg_is_an_error_at_a_fraction_of_its_size_too(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.jpg", np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(SceneError, match="cut off"):
        decode(read_bytes(str(path)), read_header(str(path)), str(path), mode="RGB", level=8)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"not a picture at all", "is not a picture"), (b"\xff\xd8\xff", "a.jpg:")],
)
def test_no_picture(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(SceneError, match=message):
        read_header(str(path))


def test_missing_and_folders_and_strange_names(tmp_path: Path) -> None:
    for path, message in ((tmp_path / "gone.png", "no such file"), (tmp_path, "is a folder")):
        with pytest.raises(SceneError, match=message):
            read_header(str(path))
        with pytest.raises(SceneError, match=message):
            read_bytes(str(path))
    with pytest.raises(SceneError, match="cannot be read"):
        read_header("a\0b.png")
    with pytest.raises(SceneError, match="cannot be read"):
        read_header("x" * 5000)


@pytest.mark.timeout(20)
def test_special_files_are_refused_without_waiting(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.png"
    os.mkfifo(fifo)
    link = tmp_path / "link.png"
    link.symlink_to(fifo)
    paths = [fifo, link, Path("/dev/zero")]
    place = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place))
        for path in [*paths, place]:
            with pytest.raises(SceneError, match="not a regular file"):
                read_header(str(path))


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Acted, since root, who runs the tests in containers, may read everything."""
    path = saved(tmp_path / "a.png", RAMP)

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(SceneError, match=r"a\.png: may not be read: change its permissions"):
        read_header(str(path))
    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(SceneError, match=r"a\.png: cannot be read: Permission denied"):
        read_bytes(str(path))


@pytest.mark.filterwarnings("ignore")  # Pillow warns of much that it then reads
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".gif", ".bmp"])
def test_damaged_bytes_give_pixels_or_a_clear_error(tmp_path: Path, suffix: str) -> None:
    """Never another exception, and never an array of another size than the header's."""
    path = saved(tmp_path / f"a{suffix}", COLOUR)
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(150):
        broken = bytearray(content)
        # Headers are where it matters: half of the hits go to the first bytes.
        for at in rng.integers(0, [60, len(content)] * 2):
            broken[at] = rng.integers(0, 256)
        path.write_bytes(bytes(broken))
        try:
            header = read_header(str(path), max_px=10_000)
            pixels = decode(read_bytes(str(path)), header, str(path), mode="RGB")
        except SceneError as error:
            assert str(path) in str(error)  # noqa: PT017
        else:
            assert pixels.shape == (*header.size_px, 3)


def test_declared_sizes_are_bounded_before_anything_is_decoded(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", RAMP)
    content = bytearray(path.read_bytes())
    content[16:24] = (100_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    path.write_bytes(bytes(content))
    with pytest.raises(SceneError, match=r"declares 100000 x 100000 pixels.*raise max_px"):
        read_header(str(path))
    with pytest.raises(SceneError, match="declares 20 x 30 pixels, more than the 500"):
        read_header(str(saved(tmp_path / "b.png", RAMP)), max_px=500)


def test_pillows_own_limit_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert pixels_of(saved(tmp_path / "a.tif", COLOUR)).shape == (20, 30, 3)
    assert Image.MAX_IMAGE_PIXELS == 10


def test_lab_and_ycc_become_rgb(tmp_path: Path) -> None:
    lab = ImageCms.createProfile("LAB")
    transform = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), lab, "RGB", "LAB")
    path = saved(tmp_path / "lab.tif", ImageCms.applyTransform(Image.fromarray(COLOUR), transform))
    assert np.abs(pixels_of(path).astype(int) - COLOUR).mean() < 3  # LAB of 8 bits clips strong blues
    assert pixels_of(path, "L").shape == (20, 30, 1)
    ycc = saved(tmp_path / "ycc.tif", Image.fromarray(COLOUR).convert("YCbCr"))
    assert np.abs(pixels_of(ycc).astype(int) - COLOUR).max() <= 3
