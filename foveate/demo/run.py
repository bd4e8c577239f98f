"""Run the demonstration from end to end."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

import torch
from rich.console import Console

import foveate
from foveate.demo.search import Effort, search_section, train_all
from foveate.demo.signs import signs_section
from foveate.evaluation.report import ReportPaths, write_report
from foveate.evaluation.report_data import Report
from foveate.model_folder import shipped

FULL = Effort(steps=320, seconds=900, calibration_scenes=2048, test_scenes=1024, seed=0)
FAST = Effort(steps=40, seconds=20, calibration_scenes=256, test_scenes=256, seed=0)
SIGN_SCENES, FAST_SIGN_SCENES = 256, 32


def run_demo(out: Path, *, fast: bool, seed: int, command: str, console: Console | None) -> tuple[Report, ReportPaths]:
    """Train, calibrate, execute, and write ``out/index.html`` and ``out/metrics.json``."""
    start_s = time.perf_counter()
    base = FAST if fast else FULL
    effort = Effort(**{**vars(base), "seed": seed})
    learned = train_all(effort, console)
    learned_s = time.perf_counter() - start_s
    sections = [search_section(effort, learned)]
    if "small_sign" in shipped():
        sections.append(signs_section(test_scenes=FAST_SIGN_SCENES if fast else SIGN_SCENES))
    train_s, total_s = learned["heatmap"].result.seconds, time.perf_counter() - start_s
    report = Report(
        title="foveate: learning where to look",
        sections=sections,
        seconds={
            "train": train_s,
            "controls": learned_s - train_s,
            "evaluate": total_s - learned_s,
            "total": total_s,
        },
        environment=environment(),
        command=command,
    )
    return report, write_report(report, out)


def environment() -> dict[str, str | int]:
    """Where the numbers come from."""
    return {
        "foveate": foveate.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "machine": platform.machine(),
        "system": platform.system(),
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
    }
