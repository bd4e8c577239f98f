"""`.json`: everything that was found, in our own words."""

from __future__ import annotations

import json
from collections.abc import Sequence

from foveate.findings import Found

FORMAT = 1


def plain_json(founds: Sequence[Found]) -> str:
    """``{"foveate_found": FORMAT, "found": [...]}``, with :meth:`foveate.findings.Found.to_plain` of each picture.

    A number in an answer or a cost that is not finite is null."""
    values = {"foveate_found": FORMAT, "found": [found.to_plain() for found in founds]}
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
