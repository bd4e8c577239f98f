"""How many pixels an encoded tile says it has, read without decoding it."""

from __future__ import annotations

import io
import struct
from collections.abc import Collection

from PIL import Image

NO_LENGTH = (0x01, *range(0xD0, 0xD9))
NOT_FRAMES = (0xC4, 0xC8, 0xCC)  # tables between the markers of frames, C0 to CF


def declared_px(
    content: bytes, compression: int, *, jpeg: Collection[int], others: Collection[int]
) -> tuple[int, int] | None:
    """(height, width) that a JPEG, or a picture of another kind that Pillow knows, declares; None if it says none."""
    if compression in jpeg:
        return jpeg_px(content)
    if compression not in others:
        return None
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG2000", "WEBP")) as picture:
            return picture.size[1], picture.size[0]
    except Exception:  # decoding will say what is wrong with it
        return None


def jpeg_px(content: bytes) -> tuple[int, int] | None:
    """(height, width) of a JPEG's frame."""
    at = 2
    while at + 9 <= len(content):
        if content[at] != 0xFF:
            return None
        marker = content[at + 1]
        if marker == 0xFF:  # fill
            at += 1
        elif marker in NO_LENGTH:
            at += 2
        elif 0xC0 <= marker <= 0xCF and marker not in NOT_FRAMES:
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return height, width
        else:
            at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return None
