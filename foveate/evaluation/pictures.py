"""Pictures as data URIs, made smaller where they would make the page heavy."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection, Iterator

from PIL import Image

from foveate.errors import DataError
from foveate.evaluation.report_data import Report

MAX_PICTURE_BYTES = 3_800_000  # of all pictures; base64 adds a third, and the page stays below 6 MB
_MIN_SIDE_PX = 96


def data_uris(report: Report) -> dict[bytes, str]:
    """Encoded picture -> URI, of every picture of the report."""
    pictures = dict(_pictures(report))
    most_bytes = fair_share(list(map(len, pictures)), MAX_PICTURE_BYTES)
    return {data: _uri(data, place, most_bytes) for data, place in pictures.items()}


def fair_share(sizes: Collection[int], total: int) -> int | None:
    """The most that each may take if all together are to keep within ``total``: what small ones leave goes to the large
    ones. None: there is room for all."""
    left = total
    for i, size in enumerate(sorted(sizes)):
        if size * (len(sizes) - i) > left:
            return left // (len(sizes) - i)
        left -= size
    return None


def _pictures(report: Report) -> Iterator[tuple[bytes, str]]:
    """Each with its place in the report, which names it in messages."""
    for section in report.sections:
        for i, scanpath in enumerate(section.scanpaths):
            yield scanpath.image, f"sections.{section.name}.scanpaths[{i}]"
        for i, example in enumerate(section.examples):
            for j, step in enumerate(example.steps):
                for k, panel in enumerate(step.panels):
                    yield panel.image, f"sections.{section.name}.examples[{i}].steps[{j}].panels[{k}]"


def _uri(data: bytes, place: str, most_bytes: int | None) -> str:
    kind = _kind(data)
    if kind is None:
        raise DataError(f"{place}: give an encoded PNG, JPEG or WebP")
    if most_bytes is not None and len(data) > most_bytes:
        data, kind = _smaller(data, most_bytes), "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


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
