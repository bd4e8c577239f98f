"""Bytes of files and addresses: the right ones, bounded tries, and a clear word when they do not come."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.errors import SceneError
from foveate.scenes import sources
from foveate.scenes.sources import FileSource, HttpSource, SourceFile, is_address, open_source
from tests.support.range_server import Served, serving

CONTENT = np.random.default_rng(0).bytes(300_000)


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources.time, "sleep", lambda seconds: None)


def test_a_file_is_read_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(CONTENT)
    source = open_source(path)
    assert (source.name, source.num_bytes) == (str(path), len(CONTENT))
    assert source.read(1000, 50) == CONTENT[1000:1050]
    assert source.read(len(CONTENT) - 5, 50) == CONTENT[-5:]
    assert source.read(len(CONTENT) + 5, 50) == b""


def test_a_file_that_changes_or_goes_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(CONTENT)
    source = FileSource(str(path))
    path.write_bytes(CONTENT[:1000])
    with pytest.raises(SceneError, match=r"a\.bin: changed while it was used"):
        source.read(0, 10)
    path.unlink()
    with pytest.raises(SceneError, match=r"a\.bin: cannot be read: No such file"):
        source.read(0, 10)
    with pytest.raises(SceneError, match="there is no such file"):
        open_source(path)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("http://a/b", True),
        ("s3://a/b", True),
        ("C://a", False),
        ("/a/b", False),
        ("a.tif", False),
        ("memory://x", True),
    ],
)
def test_addresses_are_told_from_paths(place: str, expected: bool) -> None:
    assert is_address(place) == expected


def test_an_address_is_read_in_ranges() -> None:
    with serving(Served(CONTENT)) as served:
        source = open_source(served.url)
        assert source.num_bytes == len(CONTENT)
        assert source.read(10, 20) == CONTENT[10:30]  # with the opening
        assert source.read(200_000, 1000) == CONTENT[200_000:201_000]
        assert source.read(len(CONTENT) - 7, 1000) == CONTENT[-7:]
        assert source.read(len(CONTENT), 1000) == b""
        assert served.ranges == [(0, 65536), (200_000, 1000), (len(CONTENT) - 7, 7)]


def test_a_server_that_ignores_ranges_is_refused() -> None:
    with serving(Served(CONTENT, ignores_range=True)) as served:
        with pytest.raises(SceneError, match=r"picture\.tif: its server ignores range requests"):
            open_source(served.url)
        assert len(served.ranges) == 1


@pytest.mark.parametrize("cuts", [False, True])
def test_a_server_that_stumbles_is_asked_again(cuts: bool) -> None:
    with serving(Served(CONTENT, fails_after=1, fails_times=2, cuts=cuts)) as served:
        assert open_source(served.url).read(100_000, 1000) == CONTENT[100_000:101_000]
        assert len(served.ranges) == 4


@pytest.mark.parametrize("cuts", [False, True])
def test_a_server_that_fails_midway_is_given_up_after_bounded_tries(cuts: bool) -> None:
    with serving(Served(CONTENT, fails_after=1, cuts=cuts)) as served:
        source = open_source(served.url)
        with pytest.raises(SceneError, match=r"bytes 100000 to 100999 could not be fetched in 4 tries \("):
            source.read(100_000, 1000)
        assert len(served.ranges) == 5


def test_what_is_not_there_is_not_asked_for_again() -> None:
    with serving(Served(CONTENT, fails_after=0, status=404)) as served:
        with pytest.raises(SceneError, match="cannot be fetched: HTTP 404"):
            open_source(served.url)
        assert len(served.ranges) == 1


def test_nobody_there() -> None:
    with serving(Served(CONTENT)) as served:
        url = served.url
    with pytest.raises(SceneError, match="could not be fetched in 2 tries"):
        HttpSource(url, tries=2)


def test_content_that_changes_is_said() -> None:
    with serving(Served(CONTENT)) as served:
        source = open_source(served.url)
        served.content = CONTENT[:250_000]
        with pytest.raises(SceneError, match="changed while it was used: 300,000 bytes became 250,000"):
            source.read(200_000, 1000)


def test_other_addresses_go_through_fsspec() -> None:
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://sources/a.bin", "wb") as file:
        file.write(CONTENT)
    source = open_source("memory://sources/a.bin")
    assert source.num_bytes == len(CONTENT)
    assert source.read(5000, 10) == CONTENT[5000:5010]
    assert source.read(len(CONTENT) - 3, 10) == CONTENT[-3:]
    with pytest.raises(SceneError, match=r"memory://none\.bin: cannot be fetched"):
        open_source("memory://none.bin")
    with pytest.raises(SceneError, match="cannot be fetched"):
        open_source("nosuch://none.bin")


class Held:
    """The least that a source may be."""

    name, num_bytes = "held", len(CONTENT)

    def read(self, offset: int, size: int) -> bytes:
        return CONTENT[offset : offset + size]


@given(st.lists(st.tuples(st.integers(0, len(CONTENT) + 10), st.integers(0, 5000)), max_size=20))
def test_a_source_as_a_file_reads_what_a_file_reads(steps: list[tuple[int, int]]) -> None:
    ours, theirs = io.BufferedReader(SourceFile(Held(), block_bytes=1 << 10)), io.BytesIO(CONTENT)
    assert ours.seek(0, 2) == theirs.seek(0, 2)
    for offset, size in steps:
        ours.seek(offset)
        theirs.seek(offset)
        assert ours.read(size) == theirs.read(size)
        assert ours.tell() == theirs.tell()
