"""Trained at one size, run at any: what a search loses, and how many more looks it takes, as scenes grow.

The weights and scenes are those of :mod:`benchmarks.big_scenes`, and so is how thresholds are chosen; things keep their
share of the scene's side. Nothing is trained here.
"""

from __future__ import annotations

from math import inf, log2
from statistics import mean
from typing import Any

from benchmarks.big_scenes import CORE_PX, judged, played, training
from benchmarks.effort import Effort
from benchmarks.harness import Benchmark, Cell, Context, Results, Values
from benchmarks.tables import NOT_RUN, Table, at_most, numbers, percent
from benchmarks.training import learned
from foveate.comparing.study import Study

SEARCH, MOST_SEEN = "search", 0.9


def benchmarks(effort: Effort) -> list[Benchmark]:
    cells = [
        Cell(
            benchmark="any_size", variant=f"{encoder}-{side}", seed=seed, uses=(training(effort, seed, encoder),),
            priority=8 if encoder == "small" else 9,
            config={
                "training": training(effort, seed, encoder).plain(), "side_px": side, "looks": effort.any_looks,
                "scenes": effort.any_scenes,
            },
            minutes=2 * effort.any_scenes / 60,
        )
        for encoder in effort.big_encoders
        for side in effort.any_sides_px
        for seed in effort.seeds
    ]  # fmt: skip
    return [Benchmark(name="any_size", title="Any size, without training again", cells=cells, run=_run, tables=_tables)]


def _run(cell: Cell, context: Context) -> Values:
    trained, config = learned(cell.uses[0], context), cell.config
    study = Study(system=trained.system.train(False), readers=(SEARCH,), looks=config["looks"])
    folder, side = cell.uses[0].folder(context), config["side_px"]
    counts = dict.fromkeys(("calibration", "test"), config["scenes"])
    kept = {name: folder / f"any-{name}-{side}.jsonl" for name in counts}
    return judged(played(study, trained, side, counts=counts, kept=kept), SEARCH)


# -- all cells ---------------------------------------------------------------------------------------------------------


def _tables(results: Results) -> list[Table]:
    encoders = dict.fromkeys(variant.split("-")[0] for variant in results.variants("any_size"))
    return [_table(results, encoder) for encoder in encoders]


def _table(results: Results, encoder: str) -> Table:
    variants = [variant for variant in results.variants("any_size") if variant.startswith(f"{encoder}-")]
    found = {int(variant.split("-")[1]): results.values("any_size", variant) for variant in variants}
    planned = results.planned("any_size", variants[0])
    note = (
        f"Things keep their share of the side. Until {MOST_SEEN:.0%} are seen: tiles after which so many targets were "
        "looked at as closely as can be; in a straight line between the numbers of looks that are judged."
    )
    return Table(
        title=f"Encoder {encoder}",
        head=[
            "side, px",
            "tiles in all",
            "balanced accuracy",
            "targets seen closely",
            f"tiles until {MOST_SEEN:.0%} are",
        ],
        rows=[_row(side, values, planned) for side, values in found.items()],
        checks=_checks(found),
        notes=[note],
    )


def _row(side: int, values: list[Values], planned: int) -> list[str]:
    tiles = f"{_tiles(side):,.0f}"
    if not values:
        return [str(side), tiles, NOT_RUN]
    right, seen = ([one[fact][-1] for one in values] for fact in ("balanced", "recall"))
    looks = _looks_needed(values)
    needed = f"more than {values[0]['looks'][-1]:.0f}" if looks == inf else f"{looks:.0f}"
    return [str(side), tiles, percent(right, planned), percent(seen, planned), needed]


def _checks(found: dict[int, list[Values]]) -> list[Any]:
    low, high = min(found), max(found)
    if low == high or not found[low] or not found[high]:
        return []
    allowed, needed = log2(_tiles(high)) / log2(_tiles(low)), _looks_needed(found[low])
    grown = _looks_needed(found[high]) / needed if needed else inf
    drop = mean(numbers(found[low], _last)) - mean(numbers(found[high], _last))
    told = f"{grown:.2f} ×" if grown < inf else f"{MOST_SEEN:.0%} are not seen in as many looks as were given"
    return [
        at_most(f"looks from {low} to {high} px grow no faster than the logarithm of the tiles", [grown], allowed,
                target=f"≤ {allowed:.2f} ×",
                measured=f"{told}; balanced accuracy falls by {100 * drop:.1f} points"),
    ]  # fmt: skip


def _last(one: Any) -> float:
    return float(one["balanced"][-1])


def _tiles(side: int) -> float:
    return (side / CORE_PX) ** 2


def _looks_needed(values: list[Values]) -> float:
    """Until most targets were seen, over all seeds; infinity if they never were."""
    looks, seen = (
        [mean(column) for column in zip(*(one[fact] for one in values), strict=True)] for fact in ("looks", "recall")
    )
    at = next((at for at, share in enumerate(seen) if share >= MOST_SEEN), None)
    if at is None:
        return inf
    if at == 0:
        return looks[0]
    part = (MOST_SEEN - seen[at - 1]) / (seen[at] - seen[at - 1])
    return looks[at - 1] + part * (looks[at] - looks[at - 1])
