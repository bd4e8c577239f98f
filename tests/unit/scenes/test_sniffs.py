"""The content of a file decides who reads it, where its name allows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from foveate.scenes import sniffs
from foveate.scenes.files import reader_of
from foveate.scenes.sniffs import is_big_tiff, is_zarr
from tests.support.giants import write_tiff, write_zarr
from tests.support.range_server import Served, serving

RGB = np.zeros((100, 120, 3), np.uint8)


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts as large, made small."""
    monkeypatch.setattr(sniffs, "LARGE_PX", 10_000)
    monkeypatch.setattr(sniffs, "HUGE_PX", 20_000)


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("name", ["a.tif", "a.btf", "a", "a.jpg"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_large_tiled_tiffs_are_read_in_tiles_whatever_they_are_called(
    tmp_path: Path, name: str, byteorder: str
) -> None:
    tifffile = pytest.importorskip("tifffile")
    for pixels, options, expected in [
        (RGB, {"tile": (16, 16)}, True),
        (RGB[:50], {"tile": (16, 16)}, False),
        (RGB, {}, False),
        (np.zeros((200, 120, 3), np.uint8), {}, True),
        (RGB[:50].astype(np.uint16), {}, True),  # colour of 16 bits
        (RGB[:50, :, 0].astype(np.float32), {}, True),
        (np.zeros((50, 60, 7), np.uint8), {"planarconfig": "contig", "photometric": "minisblack"}, True),
        (np.zeros((50, 60, 4), np.uint8), {"planarconfig": "contig", "photometric": "minisblack"}, True),
        (np.zeros((50, 60, 4), np.uint8), {"photometric": "rgb", "extrasamples": ["unassalpha"]}, False),
        (np.zeros((50, 60, 4), np.uint8), {"photometric": "rgb", "extrasamples": ["unspecified"]}, True),  # infrared
        (np.zeros((50, 60, 4), np.uint8), {"photometric": "separated"}, False),  # CMYK
    ]:
        path = tmp_path / name
        tifffile.imwrite(path, pixels, bigtiff=path.suffix == ".btf", byteorder=byteorder, metadata=None, **options)
        assert is_big_tiff(str(path)) is expected
        assert reader_of(path) == ("tiff" if expected else "pictures")


@pytest.mark.usefixtures("_small")
def test_formats_of_slides_go_to_their_own_reader(tmp_path: Path) -> None:
    for name, reader in [("a.ndpi", "whole_slide"), ("a.scn", "whole_slide"), ("a.svs", "tiff")]:
        assert reader_of(write_tiff(RGB, tmp_path / name)) == reader
    assert reader_of(write_tiff(RGB[:50], tmp_path / "b.svs")) == "whole_slide"


def test_zarr_folders_are_known_with_and_without_their_suffix(tmp_path: Path) -> None:
    for name in ("a.zarr", "a"):
        path = write_zarr(RGB, tmp_path / name)
        assert is_zarr(str(path))
        assert reader_of(path) == "multiscale"
    (tmp_path / "b.zarr").mkdir()
    assert not is_zarr(str(tmp_path / "b.zarr"))
    assert reader_of("nowhere://bucket/a.zarr") == "multiscale"


def test_an_address_is_sniffed_too(tmp_path: Path) -> None:
    content = write_tiff(RGB, tmp_path / "a.tif").read_bytes()
    with serving(Served(content)) as served:
        assert reader_of(served.url) == "tiff"
    with serving(Served(b"no tiff" * 100)) as served:
        assert reader_of(served.url) == "tiff"  # by its name: it will say what is wrong with the content


@pytest.mark.parametrize(
    "content", [b"", b"II*\0", b"II*\0\xff\xff\xff\x7f", b"II+\0\x08\0\0\0" + b"\xff" * 30, b"MM\0*\0\0\0\x08\xff\xff"]
)
def test_damaged_files_are_nobodys(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    assert not is_big_tiff(str(path))
    assert reader_of(path) == "pictures"


def test_small_pictures_stay_with_pillow(tmp_path: Path) -> None:
    for suffix, options in [(".jpg", {}), (".png", {}), (".tif", {}), (".tif", {"compression": "tiff_lzw"})]:
        keywords: dict[str, Any] = options
        Image.fromarray(RGB).save(tmp_path / f"a{suffix}", **keywords)
        assert reader_of(tmp_path / f"a{suffix}") == "pictures"
