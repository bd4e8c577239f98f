"""`.csv`: a table with a row per finding, as RFC 4180 has it (comma, double quotes, CRLF), in UTF-8."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from foveate.findings import Found

HEADER = ("picture", "label", "score", "top_px", "left_px", "bottom_px", "right_px", "x", "y", "crs")


def csv_table(founds: Sequence[Found]) -> str:
    """``x`` and ``y`` are the middle of the box in the picture's own reference system, ``crs``; empty where unknown.

    Pictures without findings have no row."""
    text = io.StringIO()
    # CRLF, also because only letters of the terminator are sure to be quoted where they stand in a label.
    rows = csv.writer(text, lineterminator="\r\n")
    rows.writerow(HEADER)
    for found in founds:
        rows.writerows(_rows(found))
    return text.getvalue()


def _rows(found: Found) -> Iterator[tuple[str | float, ...]]:
    for each in found.findings:
        place = ("", "", "") if found.geo_transform is None else (*found.to_geo(*each.middle_px), found.crs or "")
        yield found.picture, each.label, each.score, *each.box_px, *place
