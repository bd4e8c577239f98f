"""HTML and SVG as nested calls: plain strings are escaped, only :class:`Html` passes as it is."""

from __future__ import annotations

from html import escape

_VOID = frozenset({"br", "col", "hr", "img", "input", "meta"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def el(name: str, *children: str, **attributes: str | float | None) -> Html:
    """One element. ``class_`` gives ``class``, ``stroke_width`` gives ``stroke-width``; None leaves one out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_value(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{written}>" if name in _VOID else f"<{name}{written}>{join(*children)}</{name}>")


def join(*children: str) -> Html:
    """Children one after the other; plain strings are escaped."""
    return Html("".join(child if isinstance(child, Html) else escape(child) for child in children))


def _value(value: str | float) -> str:
    """Numbers with at most two decimals: a hundredth of a pixel is enough."""
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
