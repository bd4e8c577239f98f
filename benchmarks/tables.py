"""Tables of results: means with their spread over seeds, and targets that are met, missed or not run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean, stdev
from typing import Any

from foveate.evaluation.report_data import Check

NOT_RUN = "not run"
STATUS = {True: "met", False: "**missed**", None: "undecided"}


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under a head, targets, and notes in words."""

    title: str
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    checks: Sequence[Check] = ()
    notes: Sequence[str] = field(default_factory=list)
    figure: str | None = None
    """Name of a picture in ``figures/``, shown if it is there."""


def numbers(values: Iterable[Mapping[str, Any]], pick: Callable[[Mapping[str, Any]], Any]) -> list[float]:
    """One number per seed; seeds that have none are left out."""
    picked = [pick(one) for one in values]
    return [float(number) for number in picked if number is not None]


def spread(found: Sequence[float], *, planned: int, unit: str = "", digits: int = 1, scale: float = 1.0) -> str:
    """Mean ± standard deviation over seeds; says when seeds are missing."""
    if not found:
        return NOT_RUN
    scaled = [scale * number for number in found]
    text = f"{mean(scaled):.{digits}f}"
    text += f" ± {stdev(scaled):.{digits}f}" if len(scaled) > 1 else ""
    text += f" {unit}" if unit else ""
    return text if len(scaled) >= planned else f"{text} ({len(scaled)} of {planned} seeds)"


def percent(found: Sequence[float], planned: int) -> str:
    return spread(found, planned=planned, unit="%", scale=100)


def points(found: Sequence[float], planned: int) -> str:
    """A difference of accuracies."""
    text = spread(found, planned=planned, unit="points", scale=100)
    return f"+{text}" if found and mean(found) >= 0 else text


def at_least(claim: str, found: Sequence[float], bar: float, *, target: str, measured: str) -> Check:
    """Met where the mean over seeds reaches the bar."""
    return Check(claim=claim, target=target, measured=measured, is_met=mean(found) >= bar if found else None)


def at_most(claim: str, found: Sequence[float], bar: float, *, target: str, measured: str) -> Check:
    return Check(claim=claim, target=target, measured=measured, is_met=mean(found) <= bar if found else None)


def differences(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Seed by seed, of as many seeds as both have."""
    return [a - b for a, b in zip(ours, theirs, strict=False)]


def markdown(table: Table, *, has_figure: bool = False) -> str:
    parts = [f"### {table.title}" if table.title else ""]
    if table.rows:
        parts.append(grid(table.head, table.rows))
    if table.checks:
        rows = [[c.claim, c.target, c.measured, _status(c)] for c in table.checks]
        parts.append(grid(["claim", "target", "measured", ""], rows))
    if table.figure and has_figure:
        parts.append(f"![{table.title}](figures/{table.figure})")
    parts += list(table.notes)
    return "\n\n".join(part for part in parts if part)


def _status(check: Check) -> str:
    return NOT_RUN if check.measured == NOT_RUN else STATUS[check.is_met]


def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(head), ["---"] * len(head), *[list(row) for row in rows]]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
