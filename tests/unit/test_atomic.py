"""Old or new, never half: with full disks, forbidden places, exceptions and kills."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from foveate import atomic
from foveate.errors import OutputError


def _fill(folder: Path, text: str) -> None:
    (folder / "inner").mkdir()
    (folder / "a.txt").write_text(text)
    (folder / "inner" / "b.txt").write_text(text)


def _content(folder: Path) -> list[str]:
    return [(folder / name).read_text() for name in ("a.txt", "inner/b.txt")]


def _fail(number: int) -> Any:
    def failing(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    return failing


def test_files_are_written_and_replaced(tmp_path: Path) -> None:
    atomic.write_bytes(tmp_path / "a", b"one")
    atomic.write_text(tmp_path / "a", "zwei – ü")
    assert (tmp_path / "a").read_text("utf-8") == "zwei – ü"
    atomic.write_json(tmp_path / "b.json", {"x": [1, 2.5, None]})
    assert json.loads((tmp_path / "b.json").read_text()) == {"x": [1, 2.5, None]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        atomic.write_json(tmp_path / "b.json", {"x": float("nan")})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b.json"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, where: str
) -> None:
    atomic.write_bytes(tmp_path / "a", b"old")
    if where == "fsync":
        monkeypatch.setattr(os, "fsync", _fail(number))
    else:
        monkeypatch.setattr(Path, "replace", _fail(number))
    with pytest.raises(OutputError) as caught:
        atomic.write_bytes(tmp_path / "a", b"new")
    monkeypatch.undo()
    assert str(tmp_path / "a") in str(caught.value)
    assert (atomic.REMEDIES.get(number) or "another place") in str(caught.value)
    assert caught.value.path == str(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_a_place_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="no such folder"):
        atomic.write_text(tmp_path / "missing" / "a", "x")
    with pytest.raises(OutputError, match="is a file, not a folder"):
        atomic.write_text(tmp_path / "file" / "a", "x")
    with pytest.raises(OutputError, match="cannot be written"):
        atomic.make_folder(tmp_path / "file")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="there is a folder of this name"):
        atomic.write_text(tmp_path / "folder", "x")


def test_a_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    for text in ("one", "two"):
        with atomic.replacing_folder(tmp_path / "deep" / "model") as fresh:
            _fill(fresh, text)
        assert _content(tmp_path / "deep" / "model") == [text, text]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["model"]


def test_it_does_so_without_the_swap_of_two_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "_exchange", lambda *_: False)
    test_a_folder_takes_the_place_of_another(tmp_path)


@pytest.mark.parametrize("error", [RuntimeError("x"), KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left")])
def test_whatever_happens_inside_the_old_folder_stays(tmp_path: Path, error: BaseException) -> None:
    with atomic.replacing_folder(tmp_path / "model") as fresh:
        _fill(fresh, "old")
    expected = OutputError if isinstance(error, OSError) else type(error)

    def strike() -> None:
        with atomic.replacing_folder(tmp_path / "model") as fresh:
            (fresh / "a.txt").write_text("half")
            raise error

    with pytest.raises(expected):
        strike()
    assert _content(tmp_path / "model") == ["old", "old"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_rename_that_fails_half_way_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with atomic.replacing_folder(tmp_path / "model") as fresh:
        _fill(fresh, "old")
    monkeypatch.setattr(atomic, "_exchange", lambda *_: False)
    rename, calls = Path.rename, []

    def second_fails(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(errno.EACCES, "Permission denied")
        return rename(self, target)

    def replace() -> None:
        with atomic.replacing_folder(tmp_path / "model") as fresh:
            _fill(fresh, "new")
            monkeypatch.setattr(Path, "rename", second_fails)

    with pytest.raises(OutputError, match="permissions"):
        replace()
    monkeypatch.undo()
    assert _content(tmp_path / "model") == ["old", "old"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


KILLED = """
import os, signal, sys
from pathlib import Path
from foveate import atomic
moment, place = sys.argv[1], Path(sys.argv[2])
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
if moment == "between":
    atomic._exchange = lambda *_: False
    rename = Path.rename
    def first_only(self, target):
        rename(self, target)
        die()
    Path.rename = first_only
if moment == "after": atomic.shutil.rmtree = die
with atomic.replacing_folder(place) as fresh:
    (fresh / "a.txt").write_text("new")
    if moment == "filling": die()
    (fresh / "inner").mkdir()
    (fresh / "inner" / "b.txt").write_text("new")
"""


@pytest.mark.parametrize(("moment", "left"), [("filling", "old"), ("between", "old"), ("after", "new")])
@pytest.mark.skipif(os.name != "posix", reason="kills")
def test_a_kill_at_any_moment_leaves_old_or_new_and_the_next_run_cleans_up(
    tmp_path: Path, moment: str, left: str
) -> None:
    place = tmp_path / "model"
    with atomic.replacing_folder(place) as fresh:
        _fill(fresh, "old")
    done = subprocess.run([sys.executable, "-c", KILLED, moment, str(place)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == (1 if moment == "between" else 2) + (moment == "between")
    atomic.put_back(place)
    assert _content(place) == [left, left]
    with atomic.replacing_folder(place) as fresh:
        _fill(fresh, "newest")
    assert _content(place) == ["newest", "newest"]
    assert list(tmp_path.iterdir()) == [place]


def test_a_reader_never_sees_a_mixture(tmp_path: Path) -> None:
    place, seen, done = tmp_path / "file", set[bytes](), threading.Event()
    atomic.write_bytes(place, b"0" * 4096)

    def read() -> None:
        while not done.is_set():
            seen.add(bytes(set(place.read_bytes())))

    reader = threading.Thread(target=read)
    reader.start()
    for digit in b"123456789":
        atomic.write_bytes(place, bytes([digit]) * 4096)
    done.set()
    reader.join()
    assert all(len(letters) == 1 for letters in seen)
