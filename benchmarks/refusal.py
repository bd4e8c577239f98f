"""Refusal: a threshold of deferring chosen so that hardly more is missed than by reading everything, put to the test.

Scenes with scent, read by the models of :mod:`.big_scenes`, and scenes in which nothing can be seen from afar, so that
a search looks where it pleases, by models trained on small ones. The threshold is chosen on some scenes, judged on
others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import mean
from typing import Any

import numpy as np

from benchmarks.big_scenes import held_out, training
from benchmarks.effort import Effort
from benchmarks.harness import Benchmark, Cell, Context, Results, Values
from benchmarks.tables import NOT_RUN, Table, at_most, percent
from benchmarks.training import Learned, Training, learned
from foveate.episode import Player
from foveate.evaluation.refusal import Facts, calibrated_risk, searched_and_scanned
from foveate.training.procedural_source import ProceduralSource


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Of scenes: how large those are that are judged, how many looks a search has, and who searches."""

    title: str
    side_px: int
    looks: int
    training: Callable[[Effort, int], Training]

    @property
    def told(self) -> str:
        return f"{self.title}, {self.side_px} px, {self.looks} looks"


TRAINED_PX, THING_FRAC, STEPS = 512, (0.04, 0.08), 2400  # without scent
RISK, CONFIDENCE = 0.02, 0.95
FACTS = ("deferred", "missed_by_search", "missed_by_scan", "missed")


def without_scent(effort: Effort, seed: int) -> Training:
    steps = effort.steps or STEPS
    options = {"side_px": TRAINED_PX, "thing_frac": THING_FRAC, "scent": "none", "steps": steps, "amp": "bf16"}
    return Training(recipe="big_scene", options=options, seed=seed, steps=steps)


KINDS = {
    "strong": Kind(title="with scent", side_px=2048, looks=64, training=training),
    "none": Kind(title="without scent", side_px=1024, looks=32, training=without_scent),
}


def benchmarks(effort: Effort) -> list[Benchmark]:
    cells = [
        Cell(
            benchmark="refusal", variant=scent, seed=seed, uses=(kind.training(effort, seed),), priority=8,
            config={
                "training": kind.training(effort, seed).plain(), "side_px": kind.side_px, "looks": kind.looks,
                "risk": RISK, "confidence": CONFIDENCE, "scenes": effort.refused_scenes,
                "calibration_scenes": effort.refused_calibration,
            },
            minutes=(kind.side_px / 1024) ** 2 * (effort.refused_scenes + effort.refused_calibration) / 240,
        )
        for scent, kind in KINDS.items()
        for seed in effort.seeds
    ]  # fmt: skip
    return [Benchmark(name="refusal", title="Not sure: scan", cells=cells, run=_run, tables=_tables)]


def _run(cell: Cell, context: Context) -> Values:
    trained, config = learned(cell.uses[0], context), cell.config
    system = trained.system.train(False)
    player = Player(model=system.model, policy=system.policy, task=system.task, max_looks=config["looks"])
    known, judged = (
        searched_and_scanned(system, _scenes(trained, config["side_px"], part), player, rows=np.arange(config[count]))
        for part, count in (("calibration", "calibration_scenes"), ("test", "scenes"))
    )
    search = {"max_looks": config["looks"]}
    threshold = calibrated_risk(known, risk=config["risk"], confidence=config["confidence"], search=search).threshold
    return {"threshold": threshold, "train_s": trained.seconds, **_judged(judged, threshold)}


def _scenes(trained: Learned, side_px: int, part: str) -> ProceduralSource:
    """Scenes with as many things, of the same size in pixels, however large."""
    return held_out(trained, part, size_px=(side_px, side_px))


def _judged(facts: Facts, threshold: float) -> dict[str, Any]:
    """Shares of the scenes that hold a target; what is deferred is one of all."""
    is_deferred, present = facts["certainty"] < threshold, facts["has_target"]
    missed = np.where(is_deferred, facts["scan_missed"], facts["search_missed"])
    return {
        "num_targets": int(present.sum()),
        "deferred": float(is_deferred.mean()),
        "missed_by_search": float(facts["search_missed"][present].mean()),
        "missed_by_scan": float(facts["scan_missed"][present].mean()),
        "missed": float(missed[present].mean()),
    }


# -- all cells ---------------------------------------------------------------------------------------------------------


def _tables(results: Results) -> list[Table]:
    rows, checks = [], []
    for scent, kind in KINDS.items():
        values, planned = results.values("refusal", scent), results.planned("refusal", scent)
        if not values:
            rows.append([kind.title, NOT_RUN])
            continue
        rows.append([kind.told, *(percent([one[fact] for one in values], planned) for fact in FACTS)])
        more = [one["missed"] - one["missed_by_scan"] for one in values]
        checks.append(
            at_most(f"{kind.title}: missed beyond what reading everything misses", more, RISK,
                    target=f"≤ {100 * RISK:g} points", measured=f"{100 * mean(more):+.1f} points")
        )  # fmt: skip
    head = [
        "scenes",
        "deferred",
        "missed by the search alone",
        "missed by reading everything",
        "missed, with deferring",
    ]
    note = (
        f"The threshold is for a risk of {RISK:g} at a confidence of {CONFIDENCE:g}; deferred scenes are read to the "
        "end. Judged on others than it was chosen on."
    )
    return [Table(title="", head=head, rows=rows, checks=checks, notes=[note])]
