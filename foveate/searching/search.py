"""``foveate.search``: a tile model that somebody has already, run only where it pays."""

from __future__ import annotations

import time
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveate.errors import UsageError, suggest
from foveate.findings import Finding, Found
from foveate.scenes.given import Given
from foveate.scenes.scene import Scene
from foveate.searching import FRONTIERS
from foveate.searching.detections import Names
from foveate.searching.expected import Expected
from foveate.searching.merging import MergeBy, check_merging, merged
from foveate.searching.opened import opened
from foveate.searching.order import Order
from foveate.searching.results import Progress, SearchResult
from foveate.searching.running import Handling, OnError, Run
from foveate.searching.spending import Allowance
from foveate.searching.tiling import Tiles
from foveate.stopping.units import Budget

if TYPE_CHECKING:
    from foveate.looker import Looker


def search(
    scene: Given | Scene,
    callback: Callable[[Any], Any],
    budget: str | float | Budget | None = None,
    *,
    frontier: str | PathLike[str] | Looker = "saliency",
    tile_px: tuple[int, int] = (640, 640),
    overlap: float = 0.2,
    batch_size: int = 1,
    score: Callable[[Any], float] | None = None,
    stop: Callable[[Any], bool] | None = None,
    class_names: Names | None = None,
    merge_above: float = 0.5,
    merge_by: MergeBy = "smaller",
    model_looks: int = 16,
    seed: int = 0,
    on_error: OnError = "raise",
    strict: bool = False,
    on_progress: Callable[[Progress], object] | None = None,
) -> SearchResult:
    """Show tiles of a picture to ``callback``, those first where most is expected, until the budget is used up.

    ``scene`` is a path, an address, a Pillow picture, an array ``[H, W(, C)]``, a tensor ``[C, H, W]`` or an open
    :class:`foveate.Scene`. Only what is looked at is decoded, where the format allows that.

    ``callback`` is given a tile at full resolution, uint8 ``[h, w, C]`` (red, green, blue), and may give anything. With
    a ``batch_size`` above 1 it is given a list of tiles, and gives a list. What :mod:`.detections` knows as detections,
    in pixels of the tile, becomes findings in pixels of the picture; ``class_names`` names their class numbers. Those
    of one class that overlap by more than ``merge_above`` are one (see :mod:`.merging`, also for ``merge_by``).

    ``budget`` is a hard cap: see :mod:`.spending`. None reads every tile, and then finds what any order finds.

    ``frontier`` says where most is expected: "saliency" (see :mod:`.saliency`); "raster" or "random", to compare with;
    a loaded model or its folder, which first takes ``model_looks`` looks of its own, beside a budget in tiles or pixels
    (see :mod:`.model_first`). ``score`` says of a result, from 0 to 1, how promising the neighbourhood is: see
    :mod:`.order`. ``stop`` ends the search after the batch with the first result of which it is true.

    ``tile_px`` is (height, width); ``overlap`` the least share of a side that neighbours have in common: choose it so
    that a thing fits into it. ``on_error`` "skip" lists tiles of which the callback raised, or gave detections that
    cannot be, in the result, and goes on. Tiles beneath which the file is damaged are listed there too; ``strict``
    raises instead. ``on_progress`` is called after every batch. ``seed`` is of the random order and a model's noise.

    Raises UsageError and BudgetError for what cannot be asked, SceneError for a picture that cannot be read, and what
    ``callback``, ``score`` and ``stop`` raise, with a note that names the tile.
    """
    clock = time.perf_counter
    start_s = clock()
    handling = Handling(
        callback=callback, batch_size=batch_size, score=score, stop=stop, class_names=class_names, on_error=on_error,
        strict=strict, on_progress=on_progress,
    )  # fmt: skip
    check_merging(merge_above, merge_by)
    picture = opened(scene)
    before = (picture.decoded_px, picture.read_bytes)
    tiles = Tiles.of(picture.size_px, tile_px=tile_px, overlap=overlap)
    allowance = Allowance.of(budget, tiles, clock=clock, start_s=start_s)
    name, expected = _expected(frontier, picture, tiles, given=scene, looks=model_looks, seed=seed)
    order = Order(expected.of_tiles, tiles)
    run = Run(scene=picture, tiles=tiles, order=order, allowance=allowance, handling=handling)
    run.to_the_end()
    inside = [cut for each in run.findings if (cut := each.clipped(picture.size_px)) is not None]
    found = merged(inside, above=merge_above, by=merge_by)
    return _result(run, found, before=before, frontier=name, expected=expected)


def _expected(
    frontier: Any, scene: Scene, tiles: Tiles, *, given: Given | Scene, looks: int, seed: int
) -> tuple[str, Expected]:
    """What to call it, and what it says."""
    if isinstance(frontier, str) and frontier in FRONTIERS:
        return frontier, FRONTIERS.get(frontier)(scene, tiles, seed)
    is_place = isinstance(frontier, str | PathLike)
    if is_place and not Path(frontier).exists():
        known = ", ".join(FRONTIERS)
        hint = suggest(str(frontier), FRONTIERS)
        raise UsageError(f"frontier is {str(frontier)!r}.{hint} Known: {known}, or the folder of a model")
    from foveate.looker import Looker, load  # loads torch, which no other frontier needs
    from foveate.searching.model_first import model_first

    looker = load(frontier) if is_place else frontier
    if not isinstance(looker, Looker):
        raise UsageError(f"frontier is a {type(frontier).__name__}; give a name, a loaded model or its folder")
    return looker.name, model_first(looker, scene, tiles, given=given, looks=looks, seed=seed)


def _result(
    run: Run, findings: list[Finding], *, before: tuple[int, int], frontier: str, expected: Expected
) -> SearchResult:
    """``before`` is what had been decoded and fetched of the picture already."""
    scene, seconds = run.scene, run.allowance.elapsed_s
    decoded_px, read_bytes = scene.decoded_px - before[0], scene.read_bytes - before[1]
    read_frac = run.tiles.covered_frac(run.shown)
    found = Found(
        picture=scene.name,
        size_px=scene.size_px,
        findings=tuple(findings),
        outcome="stopped" if run.is_stopped else "truncated",
        answer={"findings": len(findings)},
        cost={
            "tiles": len(run.shown), "read_frac": read_frac, "decoded_px": decoded_px, "read_bytes": read_bytes,
            "seconds": seconds,
        },
        geo_transform=scene.geo_transform,
        crs=scene.crs,
    )  # fmt: skip
    return SearchResult(
        found=found,
        tiles=tuple(run.seen),
        num_tiles=len(run.tiles),
        read_frac=read_frac,
        decoded_px=decoded_px,
        read_bytes=read_bytes,
        seconds=seconds,
        frontier=frontier,
        frontier_looks_px=expected.looks_px,
        frontier_cost=expected.cost,
        failed=tuple(run.failed),
        broken=tuple(run.broken),
        has_detections=run.has_detections,
        class_ids=dict(run.class_ids),
    )
