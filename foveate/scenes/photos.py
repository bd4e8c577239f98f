"""The photographs that foveate ships: landscapes, buildings, animals and things, for training and for test apart."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foveate.errors import DataError, UsageError

Split = Literal["train", "test"]

SPLITS: tuple[Split, ...] = ("train", "test")
FOLDER = resources.files("foveate") / "assets" / "photos"


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A photograph, and whom to name where it is shown."""

    name: str
    pixels: NDArray[np.uint8]  # [3, H, W] RGB, read-only; the longer side has 451 to 576 px
    attribution: str  # author, licence, and where it was published if that is known
    sha256: str  # of the file


@cache
def load_photos(split: Split) -> tuple[Photo, ...]:
    """30 photographs to train on, or 10 of other subjects to test on; decoded at the first call, then kept."""
    return tuple(_photo(entry) for entry in _listed(split))


def photos_fingerprint(split: Split) -> str:
    """Of the files of a split, as they are listed; decodes nothing."""
    return hashlib.sha256("".join(entry["sha256"] for entry in _listed(split)).encode()).hexdigest()[:16]


@cache
def _listed(split: Split) -> list[dict[str, str]]:
    if split not in SPLITS:
        raise UsageError(f"there is no split {split!r} of the photographs: it is {' or '.join(SPLITS)}")
    try:
        photos: list[dict[str, str]] = json.loads((FOLDER / "photos.json").read_text("utf-8"))["photos"]
        return [entry for entry in photos if entry["split"] == split]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged("photos.json") from error


def _photo(entry: dict[str, str]) -> Photo:
    try:
        content = (FOLDER / entry["file"]).read_bytes()
    except OSError as error:
        raise _damaged(entry["file"]) from error
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise _damaged(entry["file"])
    with Image.open(io.BytesIO(content)) as picture:
        pixels = np.ascontiguousarray(np.asarray(picture.convert("RGB")).transpose(2, 0, 1))
    pixels.flags.writeable = False  # everybody gets the same array
    by = f"{entry['author']}, {entry['licence']}"
    return Photo(
        name=entry["name"],
        pixels=pixels,
        attribution=f"{by}, {entry['origin']}" if entry["origin"] else by,
        sha256=entry["sha256"],
    )


def _damaged(file: str) -> DataError:
    return DataError(f"{FOLDER / file}: this file of foveate is missing or damaged: reinstall foveate")
