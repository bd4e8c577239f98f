"""What a file is by its content, as far as its first bytes and a few tags say; imports nothing heavy.

A sniff takes a path or an address and says whether its reader should have it. What cannot be opened is nobody's.
"""

from __future__ import annotations

import struct
from pathlib import Path

from foveate.errors import SceneError
from foveate.scenes.sources import Source, is_address, open_source

MAGIC = {b"II*\0": ("<", False), b"MM\0*": (">", False), b"II+\0": ("<", True), b"MM\0+": (">", True)}
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES = 256, 257, 258, 259, 262, 277
TILE_WIDTH, EXTRA, SAMPLE_FORMAT = 322, 338, 339
SIZES = {1: "B", 3: "H", 4: "I", 16: "Q"}
LARGE_PX, HUGE_PX = 1 << 22, 1 << 26  # of a tiled picture, of any: smaller ones Pillow decodes at once
GREY, COLOUR = (0, 1), 2  # photometric interpretations
UNSAID = 0  # what an extra band is: so not opacity
OPENSLIDES = 33003  # a compression that only OpenSlide shows in its right colours
ZARR_FILES = ("zarr.json", ".zattrs", ".zgroup", ".zarray")


def is_big_tiff(place: str) -> bool:
    """A TIFF to be read in parts: large and tiled, huge, or of a kind that Pillow does not read."""
    try:
        source = open_source(place)
        tags = _first_tags(source)
    except (SceneError, struct.error, ImportError):
        return False
    if tags is None or tags.get(COMPRESSION) == OPENSLIDES:
        return False
    num_px = tags.get(WIDTH, 0) * tags.get(HEIGHT, 0)
    deep = tags.get(BITS, 1) > 8 and tags.get(SAMPLES, 1) > 1
    odd = tags.get(SAMPLES, 1) > 4 or tags.get(SAMPLE_FORMAT, 1) == 3 or tags.get(BITS, 1) > 16
    odd |= tags.get(SAMPLES, 1) > 2 and tags.get(PHOTOMETRIC) in GREY  # bands that are no colours
    odd |= tags.get(SAMPLES, 1) > 3 and tags.get(PHOTOMETRIC) == COLOUR and tags.get(EXTRA, UNSAID) == UNSAID
    return num_px > HUGE_PX or (TILE_WIDTH in tags and num_px > LARGE_PX) or deep or odd or is_address(place)


def is_zarr(place: str) -> bool:
    """A folder that zarr has made; what lies at an address is not asked for."""
    return not is_address(place) and any((Path(place) / name).is_file() for name in ZARR_FILES)


def _first_tags(source: Source) -> dict[int, int] | None:
    """First values of the first page's whole-number tags; None if it is no TIFF."""
    start = source.read(0, 16)
    if start[:4] not in MAGIC:
        return None
    order, is_big = MAGIC[start[:4]]
    (at,) = struct.unpack(order + ("Q" if is_big else "I"), start[8:16] if is_big else start[4:8])
    head, each, inside = (8, 20, 12) if is_big else (2, 12, 8)
    (count,) = struct.unpack(order + ("Q" if is_big else "H"), source.read(at, head))
    table = source.read(at + head, min(count, 4096) * each)
    found = {}
    for entry in range(0, len(table) - each + 1, each):
        tag, kind = struct.unpack_from(order + "HH", table, entry)
        (many,) = struct.unpack_from(order + ("Q" if is_big else "I"), table, entry + 4)
        if kind not in SIZES or many == 0:
            continue
        if many * struct.calcsize(SIZES[kind]) <= each - inside:
            (found[tag],) = struct.unpack_from(order + SIZES[kind], table, entry + inside)
        elif tag == BITS:
            (far,) = struct.unpack_from(order + ("Q" if is_big else "I"), table, entry + inside)
            (found[tag],) = struct.unpack(order + SIZES[kind], source.read(far, struct.calcsize(SIZES[kind])))
        else:
            found[tag] = 0
    return found
