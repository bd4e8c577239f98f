"""Findings to export: one plain picture, and any that can occur."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from foveate.findings import Finding, Found

UTM = (0.5, 0.0, 500_000.0, 0.0, -0.5, 5_600_000.0)  # north at the top, half a metre per pixel
TREE = Finding(label="tree", score=0.5, box_px=(10, 20, 30, 50))
BOAT = Finding(label="boat", score=0.875, box_px=(40, 0, 60, 10))


def a_found(**changes: Any) -> Found:
    """100 x 200 px with a boat and a tree."""
    facts: dict[str, Any] = {
        "picture": "harbour/a.tif",
        "size_px": (100, 200),
        "findings": (TREE, BOAT),
        "outcome": "stopped",
        "answer": {"label": "busy", "probabilities": {"busy": 0.75, "calm": 0.25}},
        "cost": {"looks": 3, "seconds": 0.25},
        "geo_transform": None,
        "crs": None,
    }
    return Found(**(facts | changes))


@st.composite
def any_finding(draw: st.DrawFn) -> Finding:
    """Quarters of pixels, inside a picture of 100 x 200 px or sticking out of it."""
    top, left = draw(st.integers(-100, 600)) / 4, draw(st.integers(-100, 900)) / 4
    height, width = draw(st.integers(1, 800)) / 4, draw(st.integers(1, 800)) / 4
    return Finding(
        label=draw(st.one_of(st.sampled_from(["tree", "boat"]), st.text(min_size=1, max_size=8))),
        score=draw(st.floats(0, 1)),
        box_px=(top, left, top + height, left + width),
    )


@st.composite
def any_transform(draw: st.DrawFn) -> tuple[float, ...]:
    """Scaled, sheared and mirrored, but never onto a line."""
    a, e = (draw(st.sampled_from([-10.0, -0.5, 0.5, 1.0])) for _ in range(2))
    b, d = (draw(st.sampled_from([-0.25, 0.0, 0.25])) for _ in range(2))
    c, f = (draw(st.integers(-(10**7), 10**7)) for _ in range(2))
    return draw(st.sampled_from([(a, b, c, d, e, f), (b, a, c, e, d, f)]))


@st.composite
def any_found(draw: st.DrawFn, *, is_geo: bool | None = None) -> Found:
    """``is_geo`` says whether it is known where the picture lies; None: either."""
    is_geo = draw(st.booleans()) if is_geo is None else is_geo
    return a_found(
        picture=draw(st.text(max_size=8)),
        findings=tuple(draw(st.lists(any_finding(), max_size=4))),
        outcome=draw(st.sampled_from(["stopped", "truncated", "deferred"])),
        answer={"value": draw(st.floats())},
        geo_transform=draw(any_transform()) if is_geo else None,
        crs="EPSG:32633" if is_geo else None,
    )
