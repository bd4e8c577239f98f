"""Executed evaluations as rows of a small honest table, shared by `foveate train` and `foveate evaluate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from foveate.evaluation.interval import Z_95, half_width, half_width_of
from foveate.words import counted

if TYPE_CHECKING:
    from foveate.evaluation.run import RunResult
    from foveate.stopping.budgets import BudgetTable

FEW_SCENES = 100  # fewer calibrate too roughly to rely on: the standard error of a share may be 5 points and more
ADVISED_SCENES = 400  # at most 2.5 points


@dataclass(frozen=True, kw_only=True)
class Row:
    """One setting, measured on scenes that were neither trained nor calibrated on."""

    name: str
    num_scenes: int
    """Those that were played; broken files are not among them."""
    accuracy: float
    half_width: float
    """Of the 95 % interval: half of it."""
    looks: float | None
    macs: float
    sensed_px: float | None
    seconds_per_scene: float
    truncated_frac: float | None = None
    """Share of scenes that a hard limit ended."""
    sensed_pct: float | None = None
    """Of each picture's pixels, in percent."""
    decoded_px: float | None = None
    read_bytes: float | None = None
    others: Mapping[str, float] = field(default_factory=dict)
    """The task's other metrics, in their own units."""


def row_of(name: str, result: RunResult, *, metric: str) -> Row:
    """``metric``: the primary one; what else was measured stands beside it."""
    return Row(
        name=name,
        num_scenes=len(result.correct),
        accuracy=result.primary,
        half_width=half_width_of(result.correct),
        looks=result.mean_looks,
        macs=result.mean_macs,
        sensed_px=result.mean_sensed_px,
        seconds_per_scene=result.seconds_per_scene,
        truncated_frac=result.outcomes["truncated"],
        sensed_pct=result.mean_sensed_pct,
        decoded_px=result.mean_decoded_px,
        read_bytes=result.mean_read_bytes,
        others={other: value for other, value in result.metrics.items() if other != metric},
    )


def standard_error(budgets: BudgetTable) -> float:
    """Of the mean score of full length on the calibration scenes, from their number alone; never 0."""
    full = budgets.extremes("looks")[1]
    return half_width(budgets.expected_score(full), budgets.num_scenes) / Z_95


def calibration_warning(budgets: BudgetTable) -> str | None:
    """What to know before one relies on budgets that few scenes calibrated; None if they were enough."""
    if budgets.num_scenes >= FEW_SCENES:
        return None
    return (
        f"beware: only {counted(budgets.num_scenes, 'scene')} calibrated this, and scores have a standard error of "
        f"{100 * standard_error(budgets):.1f} points: that a mean of {budgets.full_score_budget()} does as well as "
        f"all may be chance, as may which rule is best. Calibrate on {ADVISED_SCENES} or more (2.5 points at most)"
    )


def spent(row: Row) -> dict[str, float | None]:
    """What a row spent per scene, in each unit of budgets."""
    return {
        "looks": row.looks,
        "macs": row.macs,
        "ms": 1e3 * row.seconds_per_scene,
        "px": row.sensed_px,
        "pct_px": row.sensed_pct,
        "bytes": row.read_bytes,
        "tiles": row.looks,
    }


def table(rows: Sequence[Row], *, metric: str) -> list[list[str]]:
    """Cells of text under a header; decoding and reading get columns where a scene had to be fetched."""
    others = list(dict.fromkeys(other for row in rows for other in row.others))
    lines = [["", metric, *others, "looks", "MMACs", "sensed px", "ms / picture"]]
    for row in rows:
        lines.append([
            row.name,
            f"{100 * row.accuracy:.1f} % ± {100 * row.half_width:.1f}",
            *(f"{row.others[other]:.3g}" if other in row.others else "-" for other in others),
            "-" if row.looks is None else f"{row.looks:.2f}",
            f"{row.macs / 1e6:.1f}",
            "-" if row.sensed_px is None else f"{row.sensed_px:,.0f}",
            f"{1e3 * row.seconds_per_scene:.2f}",
        ])  # fmt: skip
    if any(row.read_bytes for row in rows):
        lines[0] += ["decoded px", "kB read"]
        for line, row in zip(lines[1:], rows, strict=True):
            line += [
                "-" if row.decoded_px is None else f"{row.decoded_px:,.0f}",
                "-" if row.read_bytes is None else f"{row.read_bytes / 1e3:,.1f}",
            ]
    return lines
