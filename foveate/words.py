"""Numbers in sentences."""

from __future__ import annotations


def counted(count: int, thing: str) -> str:
    """As in "1 scene" and "2 scenes"."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
