"""Scanpath pictures as data URIs, made smaller where they would make the page heavy."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

from PIL import Image

from foveate.errors import DataError
from foveate.evaluation.report_data import Report, ScanpathPicture

MAX_PICTURE_BYTES = 3_800_000  # of all pictures; base64 adds a third, and the page stays below 6 MB
_MIN_SIDE_PX = 96


def data_uris(report: Report) -> dict[str, list[str]]:
    """Section -> one URI per scanpath."""
    num = sum(len(section.scanpaths) for section in report.sections)
    share_bytes = MAX_PICTURE_BYTES // max(num, 1)
    total_bytes = sum(len(one.image) for section in report.sections for one in section.scanpaths)
    limit_bytes = None if total_bytes <= MAX_PICTURE_BYTES else share_bytes
    return {section.name: _uris(section.scanpaths, section.name, limit_bytes) for section in report.sections}


def _uris(pictures: Sequence[ScanpathPicture], name: str, limit_bytes: int | None) -> list[str]:
    uris = []
    for index, picture in enumerate(pictures):
        data, kind = picture.image, _kind(picture.image)
        if kind is None:
            raise DataError(f"sections.{name}.scanpaths[{index}]: give an encoded PNG, JPEG or WebP")
        if limit_bytes is not None and len(data) > limit_bytes:
            data, kind = _smaller(data, limit_bytes), "jpeg"
        uris.append(f"data:image/{kind};base64,{base64.b64encode(data).decode()}")
    return uris


def _kind(data: bytes) -> str | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    return "webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def _smaller(data: bytes, limit_bytes: int) -> bytes:
    """A JPEG within the limit, halved in size until it fits."""
    with Image.open(io.BytesIO(data)) as opened:
        image = opened.convert("RGB")
    while True:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=85, optimize=True)
        if buffer.tell() <= limit_bytes or min(image.size) <= _MIN_SIDE_PX:
            return buffer.getvalue()
        image = image.resize((max(1, image.width // 2), max(1, image.height // 2)), Image.Resampling.LANCZOS)
