"""Broken files are skipped, counted and named."""

from __future__ import annotations

from typing import Any

from foveate.cli.output import note

SHOWN = 10


def report_broken(*sources: Any) -> None:
    """Name the files that sources skipped so far; scenes that are not files have none."""
    broken = {path: why for source in sources for path, why in getattr(source, "broken", {}).items()}
    for why in list(broken.values())[:SHOWN]:
        note(f"skipped: {why}")
    if len(broken) > SHOWN:
        note(f"skipped: {len(broken) - SHOWN} more broken files")
