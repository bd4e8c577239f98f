"""What is on disk is read back as it was; half lines, other lines and other files do no harm."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foveate.errors import OutputError, UsageError
from foveate.finding.manifest import Entry, Manifest, Stamp, read_manifest, stamp_of
from foveate.findings import Found
from tests.support.findings import UTM, a_found, any_found

HEADER = {"model": "runs/a", "model_sha256": "f00", "asked": {"budget": None}}
STAMP = Stamp(num_bytes=10, mtime_ns=1_700_000_000_123_456_789)


def entry(picture: str = "a.tif", **changes: Any) -> Entry:
    found = a_found(picture=picture, geo_transform=UTM, crs="EPSG:32633")
    return Entry(**{"picture": picture, "stamp": STAMP, "found": found, **changes})


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "found.jsonl"
    failed = entry("b.tif", found=None, error="b.tif: is no picture")
    with Manifest(path, HEADER, [entry()]) as manifest:
        manifest.add(failed)
        manifest.add(entry("\udcff.tif", remarks=("one", "two"), sheet="o/x.png"))
        header, entries = read_manifest(path)  # while it is open
    assert header == {"foveate_find": 1, **HEADER}
    assert entries == {
        "a.tif": entry(),
        "b.tif": failed,
        "\udcff.tif": entry("\udcff.tif", remarks=("one", "two"), sheet="o/x.png"),
    }
    assert all(json.loads(line) for line in path.read_text("ascii").splitlines())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(any_found(), max_size=3))
def test_any_finding_survives(tmp_path: Path, founds: list[Found]) -> None:
    path = tmp_path / "found.jsonl"
    entries = [Entry(picture=str(number), stamp=STAMP, found=found) for number, found in enumerate(founds)]
    Manifest(path, HEADER, entries).__exit__(None, None, None)
    read = read_manifest(path)[1]
    assert [read[each.picture].found for each in entries] == [
        Found(**{**vars(found), "answer": found.to_plain()["answer"]}) for found in founds
    ]


def test_the_last_line_of_a_picture_counts_and_half_a_line_does_not(tmp_path: Path) -> None:
    path = tmp_path / "found.jsonl"
    newer = Stamp(num_bytes=11, mtime_ns=5)
    with Manifest(path, HEADER, [entry(), entry("b.tif")]) as manifest:
        manifest.add(entry(stamp=newer))
    whole = path.read_bytes()
    for cut in range(len(whole) - 2, whole.rindex(b"\n", 0, -1), -7):
        path.write_bytes(whole[:cut])
        assert read_manifest(path)[1]["a.tif"].stamp == STAMP
    path.write_bytes(whole[:-1])  # whole, but for its end
    assert read_manifest(path)[1]["a.tif"].stamp == newer
    path.write_bytes(whole.replace(b'"outcome": "stopped"', b'"outcome": "st\xff"', 1) + b'{"picture": 3}\n[]\nnull\n')
    assert list(read_manifest(path)[1]) == ["b.tif", "a.tif"]
    assert read_manifest(path)[1]["a.tif"].stamp == newer


def test_nothing_is_there_at_first_and_other_files_are_left_alone(tmp_path: Path) -> None:
    assert read_manifest(tmp_path / "none.jsonl") == ({}, {})
    (tmp_path / "empty.jsonl").touch()
    assert read_manifest(tmp_path / "empty.jsonl") == ({}, {})
    for content in (b"my diary\n", b'{"a": 1}\n', b"[1]"):
        (tmp_path / "mine.jsonl").write_bytes(content)
        with pytest.raises(UsageError, match=r"mine\.jsonl: is there and was not written by `foveate find`"):
            read_manifest(tmp_path / "mine.jsonl")


@pytest.mark.parametrize("where", ["fsync", "write"])
def test_a_full_disk_is_said_and_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def full(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    class Disk:
        """Takes half of what it is given, and then nothing."""

        def __init__(self, file: Any) -> None:
            self.file, self.close = file, file.close

        def write(self, content: memoryview) -> int:
            if len(content) < 100:
                full()
            return int(self.file.write(content[: len(content) // 2]))

    path = tmp_path / "found.jsonl"
    with Manifest(path, HEADER, [entry()]) as manifest, monkeypatch.context() as broken:
        if where == "fsync":
            broken.setattr(os, "fsync", full)
        else:
            manifest._file = Disk(manifest._file)
        with pytest.raises(OutputError, match=r"found\.jsonl: cannot be written; the disk is full"):
            manifest.add(entry("b.tif"))
    entries = read_manifest(path)[1]
    assert entries["a.tif"] == entry()
    assert ("b.tif" in entries) == (where == "fsync")
    with Manifest(path, HEADER, entries.values()) as manifest:
        manifest.add(entry("c.tif"))
    assert list(read_manifest(path)[1]) == [*entries, "c.tif"]


def test_a_picture_is_known_by_its_size_and_time(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"12345")
    os.utime(path, ns=(1, 1_700_000_000_123_456_789))
    assert stamp_of(str(path)) == Stamp(num_bytes=5, mtime_ns=1_700_000_000_123_456_789)
    (tmp_path / "b.zarr" / "0").mkdir(parents=True)
    for name, content in (("zarr.json", b"{}"), ("0/c", b"123")):
        (tmp_path / "b.zarr" / name).write_bytes(content)
        os.utime(tmp_path / "b.zarr" / name, ns=(1, len(content)))
    assert stamp_of(str(tmp_path / "b.zarr")) == Stamp(num_bytes=5, mtime_ns=3)
    nothing = Stamp(num_bytes=None, mtime_ns=None)
    assert stamp_of(str(tmp_path / "none.png")) == stamp_of("https://example.org/a.tif") == nothing
