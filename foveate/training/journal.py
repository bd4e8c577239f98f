"""What a run writes down: metrics.jsonl, TensorBoard if it is installed, and a progress bar for people."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

from foveate.atomic import write_text
from foveate.training.metrics import METRICS


class Journal:
    """One run's diary. ``folder`` None keeps it in memory only; ``console`` None shows nothing."""

    def __init__(self, folder: Path | None, *, console: Console | None, total_steps: int, title: str) -> None:
        self.rows: list[dict[str, float]] = []
        self._file = (folder / "metrics.jsonl").open("a", buffering=1) if folder is not None else None
        self._board = _tensorboard(folder) if folder is not None else None
        self._progress = _progress(console) if console is not None else None
        self._task = self._progress.add_task(title, total=total_steps, facts="") if self._progress else None
        if self._progress:
            self._progress.start()

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """A line of metrics; names outside the one list are our own mistake."""
        assert set(values) <= set(METRICS), sorted(set(values) - set(METRICS))
        row = {"step": step, **{name: float(value) for name, value in values.items()}}
        self.rows.append(row)
        if self._file is not None:
            self._file.write(json.dumps({k: v if math.isfinite(v) else None for k, v in row.items()}) + "\n")
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)

    def show(self, share: float, total: int, facts: str) -> None:
        """Move the bar: ``share`` of the training is done."""
        if self._progress and self._task is not None:
            self._progress.update(self._task, completed=share * total, facts=facts)

    def close(self) -> None:
        if self._progress:
            self._progress.stop()
        if self._file is not None:
            self._file.close()
        if self._board is not None:
            self._board.close()


def forget_after(folder: Path, step: int) -> list[dict[str, float]]:
    """Drop the lines of ``metrics.jsonl`` past a checkpoint's step, which a resumed run writes again; the rest."""
    path = folder / "metrics.jsonl"
    if not path.exists():
        return []
    rows = []
    for line in path.read_text().splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            break  # the line that was being written when the run was killed
        if row["step"] <= step:
            rows.append(row)
    write_text(path, "".join(json.dumps(row) + "\n" for row in rows))
    return rows


def _progress(console: Console) -> Progress:
    whole = [Column(no_wrap=True, min_width=width) for width in (8, 4, 7, 4, 7)]  # only the facts give way
    columns = (
        TextColumn("[bold]{task.description}", table_column=whole[0]), BarColumn(bar_width=20),
        TextColumn("{task.percentage:>3.0f}%", table_column=whole[1]), TimeElapsedColumn(table_column=whole[2]),
        TextColumn("left", table_column=whole[3]), TimeRemainingColumn(table_column=whole[4]),
        TextColumn("{task.fields[facts]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
    )  # fmt: skip
    return Progress(*columns, console=console, refresh_per_second=2, expand=True)


def _tensorboard(folder: Path) -> Any | None:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder / "tensorboard"))
