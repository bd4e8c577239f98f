"""`foveate calibrate --risk`: below which certainty to scan a picture, so that hardly more is missed than by scans."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foveate.cli.broken import report_broken
from foveate.cli.output import note, say, say_json, say_table
from foveate.cli.pictures import progress
from foveate.cli.stored import stored
from foveate.errors import UsageError
from foveate.words import counted

if TYPE_CHECKING:
    from foveate.cli.held_out import HeldOut
    from foveate.model_folder import SavedSystem
    from foveate.stopping.risk import RiskPoint


def calibrate_risk(
    saved: SavedSystem,
    found: HeldOut,
    *,
    risk: float,
    confidence: float,
    scenes: int,
    looks: int | None,
    budget: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Search and scan held-out scenes, find the threshold, and keep it with the model."""
    from foveate.asking import Asked, Planner
    from foveate.evaluation.refusal import BATCH_SIZE, calibrated_risk, searched_and_scanned
    from foveate.stopping.risk import fewest_scenes

    fewest_scenes(risk=risk, confidence=confidence)  # refuses what is no share before an hour of work
    asked = Asked(budget=budget, max_looks=None if budget else saved.looks_of(looks))
    planner = Planner(system=saved.system, budgets=saved.budgets, name=str(saved.path))
    player = planner.plan(asked, BATCH_SIZE).player
    rows = _rows(saved, len(found.source), scenes, budget)
    note(f"{counted(len(rows), 'scene')}, each searched, and scanned to its end")
    with progress(len(rows), doing="scanning") as advance:
        facts = searched_and_scanned(saved.system, found.source, player, rows=rows, done=advance)
    report_broken(found.source)
    point = calibrated_risk(facts, risk=risk, confidence=confidence, search=asked.search)
    folder = stored(saved, out, provenance={"risk_data": found.source.fingerprint}, risk=point)
    missed = {name: float(facts[f"{name}_missed"][facts["has_target"]].mean()) for name in ("search", "scan")}
    if as_json:
        say_json({
            "folder": folder, "num_scenes": len(rows), "missed_by": missed, **_plain(point),
            "data_warning": found.warning,
        })  # fmt: skip
        return
    say(f"{folder}: calibrated on {counted(len(rows), 'scene')}, {point.num_positives} of them with a target")
    say_table([
        ["missed by the search alone", f"{100 * missed['search']:.1f} %"],
        ["missed by a scan of everything", f"{100 * missed['scan']:.1f} %"],
        ["deferred below a certainty of", _threshold(point)],
        ["deferred of these scenes", f"{100 * point.expected_deferred:.1f} %"],
    ])  # fmt: skip
    say(
        f"With {100 * confidence:g} % confidence at most {100 * risk:g} points more are missed than by scans, on "
        "scenes like these, when what is deferred is scanned"
    )
    if found.warning:
        say(found.warning)
    say(f"next: foveate look PICTURE --model {folder} --on-defer scan")


def _rows(saved: SavedSystem, available: int, scenes: int, budget: str | None) -> Any:
    """The scenes to use: not those that the budget's thresholds were solved on, or nothing would be shown."""
    if budget is None or saved.budgets is None:
        return np.arange(min(scenes, available))
    used = saved.budgets.num_scenes
    if used >= available:
        raise UsageError(
            f"all {counted(available, 'scene')} were used for the budgets of {saved.path}, and a risk must be shown on "
            "others: calibrate the budgets on fewer (--scenes), or give --looks instead of --budget"
        )
    return np.arange(used, min(used + scenes, available))


def _threshold(point: RiskPoint) -> str:
    return "any: no search is good enough alone" if point.threshold > 1 else f"{point.threshold:.6g}"


def _plain(point: RiskPoint) -> dict[str, Any]:
    from foveate.config import to_plain

    return dict(to_plain(point))
