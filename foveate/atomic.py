"""Writing so that a reader finds the old or the new, never half of one, wherever a full disk or a kill strikes.

Everything is written to a sibling whose name begins with a dot, synced, and renamed. Siblings left by killed runs are
removed by the next write to the same place. Every OSError becomes an OutputError with the place and the remedy.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import shutil
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from foveate.errors import OutputError

Place = str | os.PathLike[str]

REMEDIES = {
    errno.ENOSPC: "the disk is full: free some space and run it again",
    errno.EDQUOT: "your disk quota is used up: free some space and run it again",
    errno.EACCES: "it may not be written: change the permissions or choose another place",
    errno.EPERM: "it may not be written: change the permissions or choose another place",
    errno.EROFS: "the file system is read-only: choose another place",
    errno.ENOENT: "there is no such folder: create it first or choose another place",
    errno.ENOTDIR: "a part of this path is a file, not a folder: choose another place",
    errno.EISDIR: "there is a folder of this name: choose another name",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
}
_NEW, _OLD = ".new", ".old"
_AGE_S = 24 * 3600.0  # where processes cannot be asked after, leftovers are removed when so old


def write_bytes(path: Place, content: bytes) -> None:
    """Write a file. Raises OutputError; what was there before is then untouched."""
    with replacing_file(path) as fresh:
        fresh.write_bytes(content)


@contextmanager
def replacing_file(path: Place) -> Iterator[Path]:
    """A place to write a file to, piece by piece; on leaving, it takes the place of ``path``.

    On any exception it is removed and ``path`` is as it was. Raises OutputError.
    """
    path = Path(path)
    with _explained(path):
        _remove_leftovers(path)
        sibling = _sibling(path, _NEW)
        try:
            yield sibling
            with sibling.open("rb+") as file:
                os.fsync(file.fileno())
            sibling.replace(path)
        except BaseException:
            sibling.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def write_text(path: Place, text: str) -> None:
    """Write UTF-8, as :func:`write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Place, value: Any) -> None:
    """Write readable JSON (NaN and infinity are refused with ValueError), as :func:`write_bytes`."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def make_folder(path: Place) -> Path:
    """The folder, made with its parents if it is not there; raises OutputError."""
    with _explained(Path(path)):
        Path(path).mkdir(parents=True, exist_ok=True)
    return Path(path)


@contextmanager
def replacing_folder(path: Place) -> Iterator[Path]:
    """An empty folder to fill; on leaving, it takes the place of ``path``, whose old content is removed last.

    On any exception it is removed and ``path`` is as it was. Raises OutputError.
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100 (resolve() would follow a link that is to be replaced)
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        put_back(path)
        _remove_leftovers(path)
        fresh = _sibling(path, _NEW)
        try:
            fresh.mkdir()
            yield fresh
            _sync_tree(fresh)
            aside = _swap(fresh, path)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        _sync_folder(path.parent)
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)


def put_back(path: Place) -> None:
    """If a kill struck between the two renames of a replacement, put the old folder back where it was."""
    path = Path(os.path.abspath(path))  # noqa: PTH100
    if path.exists():
        return
    for aside in sorted(path.parent.glob(f".{_escaped(path.name)}.*{_OLD}")):
        with contextlib.suppress(OSError):
            aside.rename(path)
            return


def _swap(fresh: Path, path: Path) -> Path | None:
    """Put the fresh folder in place; the old one's new name, if there was one."""
    if not os.path.lexists(path):
        fresh.rename(path)
        return None
    if _exchange(fresh, path):
        return fresh
    aside = _sibling(path, _OLD)
    path.rename(aside)
    try:
        fresh.rename(path)
    except OSError:
        aside.rename(path)
        raise
    return aside


def _exchange(a: Path, b: Path) -> bool:
    """Swap two names in one step, where the system can (Linux, most file systems)."""
    if not sys.platform.startswith("linux"):
        return False
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return renameat2 is not None and renameat2(here, os.fsencode(a), here, os.fsencode(b), exchange) == 0


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        remedy = REMEDIES.get(error.errno or 0, f"{error.strerror or error}: choose another place, or mend this one")
        raise OutputError(f"cannot be written; {remedy}", path=path) from error


def _sibling(path: Path, ending: str) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}{ending}")


def _remove_leftovers(path: Path) -> None:
    """What writers that are no longer alive have left of this very file or folder."""
    pattern = f".{_escaped(path.name)}.*-*"
    for left in [*path.parent.glob(pattern + _NEW), *path.parent.glob(pattern + _OLD)]:
        writer = left.name.removeprefix(f".{path.name}.").partition("-")[0]
        if writer.isdigit() and not _may_be_alive(int(writer), left):
            with contextlib.suppress(OSError):
                shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()


def _may_be_alive(pid: int, left: Path) -> bool:
    if pid == os.getpid():
        return True  # another thread's, perhaps
    if os.name != "posix":
        return time.time() - left.stat().st_mtime < _AGE_S
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _sync_tree(folder: Path) -> None:
    for root, _, files in os.walk(folder):
        for name in files:
            with Path(root, name).open("rb+") as file:
                os.fsync(file.fileno())
        _sync_folder(Path(root))


def _sync_folder(folder: Path) -> None:
    """Make renames inside a folder last; not every system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
