"""Splitting labelled pictures by content: the same picture is always on the same side, whatever its name or place."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foveate.errors import UsageError
from foveate.scenes.folders import PictureFolder

PARTS = ("train", "calibrate", "test")
FRACTIONS = (0.7, 0.15, 0.15)
SAMPLED_BYTES = 1 << 20

Rows = NDArray[np.int64]


def content_hashes(folder: PictureFolder) -> tuple[str, ...]:
    """sha256 of each file's bytes. A file that cannot be read counts as different from all others."""
    return tuple(_hash(path, folder.root) for path in folder.paths)


def sampled_hash(path: str) -> str:
    """sha256 of a file's size, its beginning and its end, for files of gigabytes; of the name of what is no file, or
    cannot be read."""
    try:
        if Path(path).is_file():
            return _sampled(Path(path))
    except OSError:  # who opens it will say so
        pass
    return hashlib.sha256(os.fsencode(path)).hexdigest()


def _sampled(place: Path) -> str:
    digest, size = hashlib.sha256(), place.stat().st_size
    digest.update(str(size).encode())
    with place.open("rb") as file:
        digest.update(file.read(SAMPLED_BYTES))
        file.seek(max(0, size - SAMPLED_BYTES))
        digest.update(file.read(SAMPLED_BYTES))
    return digest.hexdigest()


def fingerprint(folder: PictureFolder, hashes: Sequence[str] | None = None) -> str:
    """Name and hash of a folder's contents and labels, whatever the files are called."""
    known = content_hashes(folder) if hashes is None else hashes
    lines = sorted(f"{one} {folder.class_names[label]}" for one, label in zip(known, folder.labels, strict=True))
    digest = hashlib.sha256("\n".join([*folder.class_names, *lines]).encode()).hexdigest()
    return f"pictures-{len(folder)}-{digest[:16]}"


def contradictions(folder: PictureFolder, hashes: Sequence[str] | None = None) -> tuple[tuple[str, ...], ...]:
    """Groups of files with the same content but different labels: mistakes in most sets."""
    groups: dict[str, list[int]] = {}
    for row, content in enumerate(content_hashes(folder) if hashes is None else hashes):
        groups.setdefault(content, []).append(row)
    wrong = [rows for rows in groups.values() if len(set(folder.labels[rows].tolist())) > 1]
    return tuple(tuple(folder.paths[row] for row in rows) for rows in wrong)


def split_by_content(
    folder: PictureFolder,
    *,
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 0,
    hashes: Sequence[str] | None = None,
) -> dict[str, Rows]:
    """Rows of "train", "calibrate" and "test", each class in about these shares.

    Depends on the files' bytes, their classes and the seed only. A class of three or more different pictures has one
    in every part; of two, one to train and one to test with. ``hashes`` are those of :func:`content_hashes`, if known.
    """
    shares = _checked(fractions)
    known = np.array(content_hashes(folder) if hashes is None else hashes, dtype=object)
    part_of: dict[str, int] = {}
    label_of: dict[str, int] = {}
    for content, label in zip(known, folder.labels.tolist(), strict=True):
        label_of[content] = min(label, label_of.get(content, label))  # one picture under two labels is placed once
    for label in range(len(folder.class_names)):
        ours = sorted((_shuffled(content, seed), content) for content, first in label_of.items() if first == label)
        counts = _counts(len(ours), shares)
        parts = np.repeat(np.arange(3), counts)
        part_of.update({content: int(part) for (_, content), part in zip(ours, parts, strict=True)})
    chosen = np.array([part_of[content] for content in known], np.int64)
    return {name: np.flatnonzero(chosen == number) for number, name in enumerate(PARTS)}


def splits_of(
    folder: PictureFolder,
    *,
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 0,
    hashes: Sequence[str] | None = None,
) -> dict[str, Rows]:
    """The folder's own train/val/test where it has them, else :func:`split_by_content`.

    With a "test" of its own, "val" is used to calibrate; without one, "val" is the test, and pictures to calibrate with
    are taken from "train". Pictures of "train" that are also on another side are left out of "train".
    """
    if folder.splits is None:
        return split_by_content(folder, fractions=fractions, seed=seed, hashes=hashes)
    known = np.array(content_hashes(folder) if hashes is None else hashes, dtype=object)
    given = {name: np.flatnonzero([split == name for split in folder.splits]) for name in ("train", "val", "test", "")}
    rest = np.sort(np.concatenate([given["train"], given[""]]))
    test = given["test"] if len(given["test"]) else given["val"]
    calibrate = given["val"] if len(given["test"]) else given["val"][:0]
    rest = rest[~np.isin(known[rest], known[np.concatenate([test, calibrate])])]
    train_share, calibrate_share, test_share = _checked(fractions)
    if len(test) and len(calibrate):
        return {"train": rest, "calibrate": calibrate, "test": test}
    if len(test):
        shares = (train_share, calibrate_share + test_share, 0.0)
    else:
        shares = (train_share, calibrate_share, test_share)
    inner = split_by_content(folder.select(rest), fractions=shares, seed=seed, hashes=list(known[rest]))
    return {
        "train": rest[inner["train"]],
        "calibrate": rest[inner["calibrate"]],
        "test": np.sort(np.concatenate([test, rest[inner["test"]]])),
    }


def _counts(total: int, shares: tuple[float, float, float]) -> list[int]:
    """How many of a class go into each part: by largest remainder, but none empty that need not be."""
    exact = [share * total for share in shares]
    counts = [int(one) for one in exact]
    for part in sorted(range(3), key=lambda part: counts[part] - exact[part])[: total - sum(counts)]:
        counts[part] += 1
    for part in (2, 1):  # to test with matters more than to calibrate with
        if shares[part] > 0 and counts[part] == 0 and counts[0] > 1:
            counts[part], counts[0] = 1, counts[0] - 1
    return counts


def _checked(fractions: Sequence[float]) -> tuple[float, float, float]:
    if len(fractions) != 3 or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6 or fractions[0] == 0:
        raise UsageError(
            f"fractions are {tuple(fractions)}; needed are three shares (train, calibrate, test) that sum to 1"
        )
    train, calibrate, test = (float(one) for one in fractions)
    return train, calibrate, test


def _shuffled(content: str, seed: int) -> str:
    return hashlib.sha256(f"{seed} {content}".encode()).hexdigest()


def _hash(path: str, root: str) -> str:
    try:
        status = os.stat(path)  # noqa: PTH116
        if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for without end
            raise OSError("not a file")
        return _digest(path, status.st_size, status.st_mtime_ns)
    except OSError:
        return hashlib.sha256(f"unreadable {os.path.relpath(path, root)}".encode()).hexdigest()


@lru_cache(maxsize=1 << 20)
def _digest(path: str, size_bytes: int, mtime_ns: int) -> str:
    """Of a file's bytes, which are read once for all parts that a folder is split into; one that changed is another."""
    with open(path, "rb") as file:  # noqa: PTH123
        return hashlib.file_digest(file, "sha256").hexdigest()
