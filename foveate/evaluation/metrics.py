"""metrics.json: every number of a report as plain values; a number that is not finite is refused by its place."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from typing import Any

from foveate.errors import DataError
from foveate.evaluation.report_data import Report, SceneSection

METRICS_VERSION = 1

UNITS = {
    "accuracy": "share of scenes, 0 to 1",
    "mean_glimpses": "looks after the opening, mean over scenes",
    "macs": "multiply-adds per scene",
    "seconds_per_scene": "seconds",
    "training_curve.seconds": "seconds since training began",
}


def metrics(report: Report) -> dict[str, Any]:
    """The whole report without pictures. The first section's keys also stand at the top."""
    for key in ("train", "evaluate", "total"):
        if key not in report.seconds:
            raise DataError(f"a report needs seconds[{key!r}]; it has: {', '.join(report.seconds) or 'none'}")
    if not report.sections:
        raise DataError("a report needs at least one section")
    sections = {section.name: _section(section) for section in report.sections}
    if len(sections) < len(report.sections):
        raise DataError(f"sections must have different names, not {', '.join(s.name for s in report.sections)}")
    first = next(iter(sections.values()))
    return {
        "version": METRICS_VERSION,
        "report": report.title,
        "command": report.command,
        **{key: value for key, value in first.items() if key not in ("name", "title")},
        "seconds": plain(report.seconds, "seconds"),
        "environment": plain(report.environment, "environment"),
        "units": UNITS,
        "sections": sections,
    }


def plain(value: Any, where: str) -> Any:
    """JSON values of anything that holds numbers and text; numpy scalars and arrays become Python's."""
    if isinstance(value, bool | str | int | None):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise DataError(f"{where} is {value}: a report holds finite numbers only; leave out what was not measured")
        return float(value)
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value), where)
    if isinstance(value, Mapping):
        return {str(key): plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if hasattr(value, "tolist"):
        return plain(value.tolist(), where)
    raise DataError(f"{where} is a {type(value).__name__}, which a report cannot hold")


def _section(section: SceneSection) -> dict[str, Any]:
    where = f"sections.{section.name}"
    if not section.accuracy_by_glimpse or not all(len(curve) for curve in section.accuracy_by_glimpse.values()):
        raise DataError(f"{where}.accuracy_by_glimpse is empty: give at least one policy with at least one accuracy")
    if section.num_scenes < 1:
        raise DataError(f"{where}.num_scenes is {section.num_scenes}; accuracies come from at least one scene")
    found = {
        field.name: plain(getattr(section, field.name), f"{where}.{field.name}")
        for field in fields(section)
        if field.name not in ("scanpaths", "examples", "policy_labels", "policy_notes")
    }
    found["scanpaths"] = [{"caption": one.caption, "is_failure": one.is_failure} for one in section.scanpaths]
    found["examples"] = [
        {"kind": one.kind, "caption": one.caption, "is_right": one.is_right} for one in section.examples
    ]
    _check_shares(found, where)
    return found


def _check_shares(found: Mapping[str, Any], where: str) -> None:
    """Accuracies are shares; 95 in place of 0.95 would make a page of nonsense."""
    shares = {f"accuracy_by_glimpse.{name}": curve for name, curve in found["accuracy_by_glimpse"].items()}
    shares |= {f"stop_curves.{rule}": [p["accuracy"] for p in curve] for rule, curve in found["stop_curves"].items()}
    for key in ("stop_rules", "static_nets", "training_curve"):
        shares[key] = [row["accuracy"] for row in found[key]]
    shares |= {f"exit_histograms[{i}]": one["fractions"] for i, one in enumerate(found["exit_histograms"])}
    for place, values in shares.items():
        wrong = next((value for value in values if not -1e-9 <= value <= 1 + 1e-9), None)
        if wrong is not None:
            raise DataError(f"{where}.{place} holds {wrong:g}: shares lie between 0 and 1 (0.95, not 95)")
