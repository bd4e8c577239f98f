"""Picture files to pixels, through Pillow: each kind of file has one defined result, and each broken one a clear error.

- EXIF rotation is applied (also TIFF's); sizes are those after it. A PNG's EXIF counts if it precedes the pixels.
- Animated and many-page files give their first frame.
- Bands and bits become those of the mode, as :mod:`.modes` says.
"""

from __future__ import annotations

import io
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from foveate.errors import SceneError
from foveate.scenes.modes import WHITE, Matte, Mode, to_mode

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")  # not all of Pillow's: some start other programs
MAX_PX = 1 << 28  # 268 million; 0.8 GB of RGB
BYTES_PER_PX = 32  # no picture file is larger than this times its pixels, but for a little header
ORIENTATION = 0x0112  # EXIF and TIFF tag


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a file says of itself, read without decoding."""

    size_px: tuple[int, int]  # (height, width) after rotation
    stored_px: tuple[int, int]  # (height, width) as stored
    orientation: int  # EXIF, 1 to 8
    format: str
    num_bytes: int

    @property
    def can_scale(self) -> bool:
        """Whether it decodes to a half, a quarter or an eighth of its size for a fraction of the work."""
        return self.format in ("JPEG", "MPO")  # MPO: the JPEGs of some phones, two in one file


def read_header(path: str, *, max_px: int = MAX_PX) -> Header:
    """Sizes of a picture file, checked; SceneError, which names the file, for what is not a readable picture."""
    num_bytes = regular_file_bytes(path, max_px)
    with opened(path, path) as picture:
        stored = (int(picture.size[1]), int(picture.size[0]))
        orientation = _orientation(picture)
        if picture.format == "TIFF":  # newer Pillows give the rotated size here, older ones the stored
            stored = (int(picture.tag_v2[257]), int(picture.tag_v2[256]))  # type: ignore[attr-defined]
        kind = str(picture.format)
    if stored[0] * stored[1] > max_px:
        raise SceneError(
            f"declares {stored[0]} x {stored[1]} pixels, more than the {max_px:,} that are allowed: "
            "raise max_px if you trust it, or cut it into smaller pictures",
            path=path,
        )
    if 0 in stored:
        raise SceneError("declares a picture without pixels: remove it", path=path)
    size = stored[::-1] if orientation >= 5 else stored
    return Header(size_px=size, stored_px=stored, orientation=orientation, format=kind, num_bytes=num_bytes)


def _orientation(picture: Image.Image) -> int:
    """EXIF orientation, 1 to 8; a picture whose EXIF is missing or makes no sense stays as it is."""
    try:
        # The method of the base class: PNG's own decodes the whole picture to look for a late EXIF chunk.
        found = int(Image.Image.getexif(picture).get(ORIENTATION, 1))
    except Exception:
        return 1
    return found if 1 <= found <= 8 else 1


def read_bytes(path: str, *, max_px: int = MAX_PX) -> bytes:
    """The file's content; SceneError if it cannot be read."""
    regular_file_bytes(path, max_px)
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read()
    except OSError as error:
        raise SceneError(f"cannot be read: {error.strerror or error}", path=path) from error


def decode(
    content: bytes, header: Header, path: str, *, mode: Mode, level: int = 1, matte: Matte = WHITE
) -> NDArray[Any]:
    """Pixels ``[H, W, C]`` of a file's content, rotated upright; ``level`` 2, 4 or 8 (JPEG) divides the size by that.

    A size that does not divide evenly is rounded up: the last pixel of a row, as stored, covers what is left.
    """
    with opened(io.BytesIO(content), path) as picture:
        if header.can_scale:
            wanted = (picture.size[0] // level, picture.size[1] // level)
            # Luma alone is a third of the work when grey is wanted.
            picture.draft("L" if mode != "RGB" and picture.mode == "RGB" else None, wanted)
        picture.load()
        stored = (picture.size[1], picture.size[0])
        pixels = to_mode(picture, mode, matte, path)
    upright = pixels if header.format == "TIFF" else _upright(pixels, header.orientation)  # Pillow turns TIFF itself
    expected = tuple(-(-side // level) for side in header.size_px)
    if upright.shape[:2] != expected:
        raise SceneError(f"changed while it was used: it has {stored} pixels now, not {header.stored_px}", path=path)
    return upright


def level_offset_px(header: Header, level: int) -> tuple[float, float]:
    """How far (rows, columns), in pixels of the level, the upright picture begins after the decoded array does.

    A JPEG whose size does not divide by the level has one partial pixel at the stored end of an axis; rotation can
    bring that end to the front.
    """
    rows_flipped, cols_flipped = header.orientation in (3, 4, 7, 8), header.orientation in (2, 3, 6, 7)
    spare = [-(-side // level) - side / level for side in header.size_px]
    return spare[0] * rows_flipped, spare[1] * cols_flipped


def regular_file_bytes(path: str, max_px: int) -> int:
    """Size of a file that is safe to open: a FIFO or a device would be waited for without end."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except FileNotFoundError as error:
        raise SceneError("there is no such file: check the path", path=path) from error
    except (OSError, ValueError) as error:
        raise SceneError(f"cannot be read: {getattr(error, 'strerror', None) or error}", path=path) from error
    if stat.S_ISDIR(status.st_mode):
        raise SceneError("is a folder, not a picture: name the pictures inside it", path=path)
    if not stat.S_ISREG(status.st_mode):
        raise SceneError("is not a regular file (a pipe, socket or device): copy the picture into a file", path=path)
    if status.st_size == 0:
        raise SceneError("is empty (0 bytes): fetch it again, or remove it", path=path)
    if status.st_size > BYTES_PER_PX * max_px:
        raise SceneError(f"is {status.st_size:,} bytes, too many for a picture of {max_px:,} pixels", path=path)
    return status.st_size


@contextmanager
def opened(source: str | io.BytesIO, path: str) -> Iterator[Image.Image]:
    """An open picture; whatever Pillow raises meanwhile becomes a SceneError.

    Damaged files make Pillow raise nearly anything (OSError, SyntaxError, ValueError, struct.error, KeyError, ...).
    """
    try:
        with _no_pixel_limit(), Image.open(source, formats=FORMATS) as picture:
            yield picture
    except SceneError:
        raise
    except UnidentifiedImageError as error:
        raise SceneError(f"is not a picture of a kind that is read here ({', '.join(FORMATS)})", path=path) from error
    except PermissionError as error:
        raise SceneError("may not be read: change its permissions", path=path) from error
    except MemoryError as error:
        raise SceneError("does not fit into memory: use smaller pictures, or lower max_px", path=path) from error
    except Exception as error:
        detail = str(error) or type(error).__name__
        raise SceneError(f"is damaged or cut off ({detail}): fetch it again, or remove it", path=path) from error


_limit_lock = threading.Lock()
_limit_users = 0
_limit_before: int | None = None


@contextmanager
def _no_pixel_limit() -> Iterator[None]:
    """Pillow's own limit is one global number, far below what we allow; ours is checked against the header instead."""
    global _limit_users, _limit_before
    with _limit_lock:
        if _limit_users == 0:
            _limit_before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        _limit_users += 1
    try:
        yield
    finally:
        with _limit_lock:
            _limit_users -= 1
            if _limit_users == 0:
                Image.MAX_IMAGE_PIXELS = _limit_before


def _upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """The EXIF rotation, as a view."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    rows = slice(None, None, -1 if orientation in (3, 4, 7, 8) else 1)
    cols = slice(None, None, -1 if orientation in (2, 3, 6, 7) else 1)
    return pixels[rows, cols]
