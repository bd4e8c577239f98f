"""A run's numbers and pictures as ``index.html`` (one file, works offline) and ``metrics.json`` (the same numbers)."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from foveate.atomic import make_folder, write_text
from foveate.evaluation.metrics import metrics
from foveate.evaluation.page import page
from foveate.evaluation.report_data import Report


@dataclass(frozen=True, kw_only=True)
class ReportPaths:
    """Where a report was written."""

    index_html: Path
    metrics_json: Path


def write_report(report: Report, out_dir: str | os.PathLike[str]) -> ReportPaths:
    """Check everything, then write both files; what was there stays until the new one is whole.

    Raises DataError for numbers that a report cannot hold, OutputError for a place that cannot be written.
    """
    numbers = json.dumps(metrics(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    whole_page = page(report, numbers=numbers)
    folder = make_folder(out_dir)
    paths = ReportPaths(index_html=folder / "index.html", metrics_json=folder / "metrics.json")
    write_text(paths.metrics_json, numbers)
    write_text(paths.index_html, whole_page)
    return paths
