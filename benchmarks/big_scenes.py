"""Big scenes, small clues: a zooming search beside reading every tile with the same net, and other orders of tiles.

Scenes are rendered, never stored: photographs, plates of 0.01 to 0.14 % of the area with a mark on each, one of them
the one that is searched in half of the scenes, 6 to 12 others. Trained at 2048 px; larger scenes are read by the same
weights. Thresholds of presence are chosen per reader and number of looks, and so is how many looks are enough: the
fewest after which scenes are answered as well as ever, but for a point. All held-out scenes are judged, each tenth of
them by what was chosen on the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.effort import Effort
from benchmarks.harness import Benchmark, Cell, Context, Results, Values
from benchmarks.paired import CURVES, has_target, points, pooled
from benchmarks.plots import Line, line_plot
from benchmarks.tables import NOT_RUN, Table, at_least, at_most, numbers, percent, spread
from benchmarks.training import Learned, Training, learned
from foveate.comparing import READERS
from foveate.comparing.file_tiles import SMALL_TILE_PX, TILE_PX, FileTiles
from foveate.comparing.judging import Cuts, balanced, says, thresholds
from foveate.comparing.study import Part, Study
from foveate.rows import concat
from foveate.scenes.procedural import ProceduralSet
from foveate.scenes.scent import scent_of
from foveate.training.procedural_source import ProceduralSource

TRAINED_PX, GLIMPSE_PX, THING_FRAC = 2048, 128, (0.01, 0.0374)
STEPS = {"small": 2400, "efficientnet_lite0": 1200}  # of the latter each takes three times as long
CORE_PX = GLIMPSE_PX * 3 // 4  # of a look, what it answers for: tiles overlap by the rest
READS_ALL = "exhaustive"
FIRST = ("search", READS_ALL)
TRUSTED_FRAC, SCENT_AUC = 0.95, 0.9
"""Below these the comparison does not count: a reader that cannot read, or clues that cannot be smelt."""
POINTS, FULL_TILES_FRAC, BYTES_FRAC = -0.01, 0.05, 0.10
ENOUGH = 0.01  # of balanced accuracy on the scenes for thresholds, below the best
FOLDS = 10
RIVALS = ("one_shot", "coarse_to_fine")
SCENT_SCENES, OVERVIEW_PX = 100, (224, 224)


def training(effort: Effort, seed: int, encoder: str = "small") -> Training:
    steps = effort.steps or STEPS[encoder]
    side = TRAINED_PX if effort.steps is None else 512
    options = {
        "side_px": side, "glimpse_px": GLIMPSE_PX, "thing_frac": THING_FRAC, "steps": steps, "amp": "bf16",
        **({} if encoder == "small" else {"encoder": encoder}),
    }  # fmt: skip
    return Training(recipe="big_scene", options=options, seed=seed, steps=steps)


def benchmarks(effort: Effort) -> list[Benchmark]:
    cells = [
        Cell(
            benchmark="big_scenes", variant=f"{encoder}-{side}", seed=seed, uses=(training(effort, seed, encoder),),
            config={
                "training": training(effort, seed, encoder).plain(), "side_px": side, "looks": effort.big_looks,
                "scenes": effort.big_scenes, "calibration_scenes": effort.big_calibration,
            },
            minutes=(effort.big_scenes + effort.big_calibration) * (side / 4096) ** 2 * 0.1,
            priority=7 if encoder == "small" else 9,
        )
        for encoder in effort.big_encoders
        for side in effort.big_sides_px
        for seed in effort.seeds
    ]  # fmt: skip
    return [
        Benchmark(name="big_scenes", title="Big scenes, small clues", cells=cells, run=_run, tables=_tables,
                  figures=_figures),
    ]  # fmt: skip


# -- one cell ----------------------------------------------------------------------------------------------------------


def _run(cell: Cell, context: Context) -> Values:
    trained, config = learned(cell.uses[0], context), cell.config
    side = config["side_px"]
    readers = (*FIRST, *(name for name in READERS if name not in FIRST))
    study = Study(system=trained.system.train(False), readers=readers, looks=config["looks"])
    folder = cell.uses[0].folder(context)
    counts = {"calibration": config["calibration_scenes"], "test": config["scenes"]}
    kept = {name: folder / f"{name}-{side}.jsonl" for name in counts}
    part = played(study, trained, side, counts=counts, kept=kept)
    scent = scent_of(scenes_of_size(trained, side, "test").procedural, overview_px=OVERVIEW_PX, num_scenes=SCENT_SCENES)
    return {
        "readers": {name: judged(part, name) for name in readers},
        "has_target": part.has_target.astype(int).tolist(),
        "num_targets": part.num_targets.tolist(),
        "looks": list(config["looks"]),
        "scent": scent.auc,
        "tiles_in_file": _tiles_in_file(side, TILE_PX),
        "small_tiles_in_file": _tiles_in_file(side, SMALL_TILE_PX),
        "train_s": trained.seconds,
        "steps": trained.steps,
    }


def played(
    study: Study, trained: Learned, side_px: int, *, counts: Mapping[str, int], kept: Mapping[str, Path]
) -> Part:
    """What readers made of so many of the recipe's scenes to calibrate and to test, of this size."""
    sources = {name: scenes_of_size(trained, side_px, name) for name in counts}
    return concat([  # type: ignore[no-any-return]
        study.part(source, counts[name], kept=kept[name], done=lambda: None) for name, source in sources.items()
    ])  # fmt: skip


def _tiles_in_file(side_px: int, tile_px: int) -> int:
    return FileTiles((GLIMPSE_PX, GLIMPSE_PX), np.array([[side_px, side_px]]), tile_px=tile_px).num_in_file


def scenes_of_size(trained: Learned, side_px: int, part: str) -> ProceduralSource:
    """The recipe's own held-out scenes, of another size: things grow with the scene, so their share of it stays."""
    before = _held_out(trained, part).procedural.config
    low, high = (round(side * side_px / before.size_px[0]) for side in before.object_size_px)
    return held_out(trained, part, size_px=(side_px, side_px), object_size_px=(low, high))


def held_out(trained: Learned, part: str, **changes: Any) -> ProceduralSource:
    """The recipe's own scenes to calibrate or to test, but for ``changes`` of their config."""
    source = _held_out(trained, part)
    config = replace(source.procedural.config, **changes)
    return ProceduralSource(ProceduralSet(config, split="test", size=1 << 16), source.target_of, stream=source.stream)


def _held_out(trained: Learned, part: str) -> ProceduralSource:
    source: ProceduralSource = trained.recipe.calibration if part == "calibration" else trained.recipe.test
    return source


def judged(part: Part, name: str) -> dict[str, Any]:
    """What a reader is worth after each number of looks, and after as many as are enough for it."""
    facts, every = part.facts[name], np.arange(len(part.label))
    right, enough = np.zeros(facts.looks.shape, bool), np.zeros(len(every), np.int64)
    for held_out in (fold for fold in np.array_split(every, FOLDS) if len(fold)):
        others = part.select(np.setdiff1d(every, held_out))
        cuts = thresholds(others.facts[name], others.has_target)
        known = balanced(_right(others, name, cuts), others.has_target)
        right[held_out] = _right(part.select(held_out), name, cuts)
        enough[held_out] = np.argmax(known >= known.max() - ENOUGH)
    means = ("looks", "macs", "full_tiles", "file_tiles", "full_small_tiles", "file_small_tiles", "seconds")
    return {
        "right": right[every, enough].astype(int).tolist(),
        "enough": {fact: float(getattr(facts, fact)[every, enough].mean()) for fact in means},
        "right_after": ["".join("01"[one] for one in column) for column in right.T.astype(int)],
        "balanced": balanced(right, part.has_target).tolist(),
        "recall": (facts.found.sum(0) / max(1, part.num_targets.sum())).tolist(),
        "found_after": facts.found.T.astype(int).tolist(),
        **{fact: getattr(facts, fact).mean(0).tolist() for fact in means},
    }


def _right(part: Part, name: str, cuts: Cuts) -> NDArray[np.bool_]:
    return says(part.facts[name], cuts) == part.label[:, None]


# -- all cells ---------------------------------------------------------------------------------------------------------


def _tables(results: Results) -> list[Table]:
    return [_table(results, variant) for variant in results.variants("big_scenes")]


def _table(results: Results, variant: str) -> Table:
    values, planned = results.values("big_scenes", variant), results.planned("big_scenes", variant)
    encoder, side = variant.split("-")
    title = f"Presence in scenes of {side} x {side} px, encoder {encoder}"
    if not values:
        return Table(title=title, rows=[["search", NOT_RUN]], head=["reader", ""])
    rows = [_row(values, planned, name) for name in values[0]["readers"]]
    return Table(
        title=title,
        head=["reader", "balanced accuracy", "targets seen closely", "tiles", "enough", "GMAC", "seconds"],
        rows=rows,
        checks=_checks(values, planned),
        notes=[
            f"{sum(len(one['has_target']) for one in values)} test scenes, each judged by thresholds of others; who "
            "always says none has 50 %. "
            f"Scent (AUC of things against ground in an overview of {OVERVIEW_PX[0]} px): "
            f"{spread(numbers(values, lambda one: one['scent']), planned=planned, digits=3)}. Trained for "
            f"{mean(one['steps'] for one in values):.0f} steps, {mean(one['train_s'] for one in values):.0f} s. "
            "Enough: tiles after which other scenes were answered as well as ever, but for a point; differences and "
            "shares below are of as many.",
        ],
        figure=f"big_scenes-{variant}.svg",
    )


def _row(values: list[Values], planned: int, name: str) -> list[str]:
    def last(fact: str) -> list[float]:
        return numbers(values, lambda one: one["readers"][name][fact][-1])

    return [
        name,
        percent(last("balanced"), planned),
        percent(last("recall"), planned),
        f"{mean(last('looks')):.0f}",
        f"{mean(one['readers'][name]['enough']['looks'] for one in values):.0f}",
        f"{mean(last('macs')) / 1e9:.2f}",
        f"{mean(last('seconds')):.2f}",
    ]


def _checks(values: list[Values], planned: int) -> list[Any]:
    every = numbers(values, lambda one: one["readers"][READS_ALL]["balanced"][-1])
    counts = mean(every) >= TRUSTED_FRAC and mean(one["scent"] for one in values) >= SCENT_AUC
    gain, low, high = pooled(
        values, READS_ALL, lambda one, name: np.asarray(one["readers"][name]["right"], bool), groups=has_target
    )
    told = points(gain, low, high) + ("" if counts else "; does not count: the exhaustive reader is below its bar")
    checks = [
        at_least("the exhaustive reader can be trusted: balanced accuracy", every, TRUSTED_FRAC, target="≥ 95 %",
                 measured=percent(every, planned)),
        at_least("search minus exhaustive, lower bound of 95 % (paired bootstrap)", [low] if counts else [], POINTS,
                 target="≥ −1 point", measured=told),
    ]  # fmt: skip
    for side, small in ((TILE_PX, ""), (SMALL_TILE_PX, "small_")):
        of_full, of_all = f"full_{small}tiles", f"file_{small}tiles"
        full = [one["readers"]["search"]["enough"][of_full] / one[f"{small}tiles_in_file"] for one in values]
        read = [one["readers"]["search"]["enough"][of_all] / one["readers"][READS_ALL][of_all][-1] for one in values]
        checks += [
            at_most(f"tiles of full resolution that are decoded, of files with tiles of {side} px", full,
                    FULL_TILES_FRAC, target="≤ 5 %", measured=percent(full, planned)),
            at_most(f"their bytes, as tiles of all levels ({side} px)", read, BYTES_FRAC, target="≤ 10 %",
                    measured=percent(read, planned)),
        ]  # fmt: skip
    return checks + [check for rival in RIVALS for curve in CURVES for check in curve.checks(values, rival)]


def _figures(results: Results, folder: Any) -> None:
    for variant in results.variants("big_scenes"):
        values = results.values("big_scenes", variant)
        if values:
            lines = [_line(values, name) for name in values[0]["readers"] if name != READS_ALL]
            line_plot(folder / f"big_scenes-{variant}.svg", lines, x_title="tiles after the overview",
                      y_title="balanced accuracy")  # fmt: skip


def _line(values: list[Values], name: str) -> Line:
    curves: list[Mapping[str, Any]] = [one["readers"][name] for one in values]
    looks, shares = (np.mean([curve[fact] for curve in curves], 0) for fact in ("looks", "balanced"))
    return Line(label=name, points=list(zip(looks.tolist(), shares.tolist(), strict=True)))
