"""Cells, and the cache of what they measured.

A cell is (benchmark, variant, seed) with a frozen config. Its result lies in `.bench-cache/<hash>.json`, where the hash
is of the config and of the versions that the result depends on; it is written atomically when the cell is finished, so
a run that was stopped, in whatever way, goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

import foveate
from benchmarks.tables import Table
from foveate.atomic import make_folder, write_json
from foveate.core import CONTRACT_VERSION
from foveate.errors import FoveateError

ROOT = Path(__file__).parents[1]
MAX_DIGITS = 6  # of floats in results

Values = dict[str, Any]
"""What a cell measured: plain JSON."""


class NotHereError(FoveateError):
    """A cell that cannot run here; the message says what it needs."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One measurement that is done or not done as a whole."""

    benchmark: str
    variant: str
    seed: int = 0
    config: Mapping[str, Any] = field(default_factory=dict)
    """Plain values: all that decides the result."""
    version: int = 1
    """Raise it where a change of this benchmark's code changes its result."""
    minutes: float = 1.0
    """What it takes on two cores, without trainings."""
    uses: tuple[Any, ...] = ()
    """Trainings (``benchmarks.training.Training``) that it needs; they are cached too, and shared."""
    priority: int = 5
    """Lower comes first."""
    alone: bool = False
    """A timing: nothing runs beside it."""

    @property
    def name(self) -> str:
        return f"{self.benchmark}/{self.variant}/{self.seed}"


@dataclass(frozen=True, kw_only=True)
class Context:
    """Where cells run."""

    cache: Path
    threads: int
    jobs: int = 1
    """Cells at a time, each in its own process."""
    official: Path | None = None
    """A checkout of the paper's repository."""
    log: Callable[[str], None] = print


@dataclass(frozen=True, kw_only=True)
class Results:
    """What is known: records by cell name, and the cells that were planned."""

    cells: Sequence[Cell]
    records: Mapping[str, Mapping[str, Any]]

    def values(self, benchmark: str, variant: str) -> list[Values]:
        """Of every seed that was run, in order of seed."""
        own = [cell for cell in self.cells if (cell.benchmark, cell.variant) == (benchmark, variant)]
        found = [self.records.get(cell.name) for cell in sorted(own, key=lambda cell: cell.seed)]
        return [dict(record["values"]) for record in found if record is not None]

    def planned(self, benchmark: str, variant: str) -> int:
        """How many seeds there should be."""
        return sum((cell.benchmark, cell.variant) == (benchmark, variant) for cell in self.cells)

    def variants(self, benchmark: str) -> list[str]:
        return list(dict.fromkeys(cell.variant for cell in self.cells if cell.benchmark == benchmark))


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A group of cells with the function that runs one and those that show them."""

    name: str
    title: str
    cells: Sequence[Cell]
    run: Callable[[Cell, Context], Values]
    tables: Callable[[Results], list[Table]]
    figures: Callable[[Results, Path], None] | None = None
    """Writes pictures into a folder."""


# -- the cache ---------------------------------------------------------------------------------------------------------


def versions(threads: int) -> dict[str, Any]:
    """What results depend on beside their config."""
    return {
        "foveate": foveate.__version__,
        "contract": CONTRACT_VERSION,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "threads": threads,
    }


def key_of(plain: Mapping[str, Any], threads: int) -> str:
    """A hash of plain values and of the versions."""
    everything = {"what": plain, "versions": versions(threads)}
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()[:20]


def cell_path(cell: Cell, context: Context) -> Path:
    identity = {name: getattr(cell, name) for name in ("benchmark", "variant", "seed", "config", "version")}
    identity["config"] = dict(cell.config)
    return context.cache / f"{key_of(identity, context.threads)}.json"


def cached(cell: Cell, context: Context) -> dict[str, Any] | None:
    """The record of a cell that was run, None if there is none that can be read."""
    try:
        record: dict[str, Any] = json.loads(cell_path(cell, context).read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and "values" in record else None


def gather(cells: Iterable[Cell], context: Context) -> Results:
    """All that is cached."""
    every = tuple(cells)
    found = {cell.name: cached(cell, context) for cell in every}
    return Results(cells=every, records={name: record for name, record in found.items() if record is not None})


def adopt(results_json: Path, cells: Iterable[Cell], context: Context) -> list[str]:
    """Take records of an earlier report into the cache, where their keys still fit and nothing is known yet; names of
    the cells. Each says on what machine it was made, which the report tells."""
    written = json.loads(results_json.read_bytes())["cells"] if results_json.exists() else []
    known = {record["key"]: record for record in written}
    fitting = [cell for cell in cells if cell_path(cell, context).stem in known and cached(cell, context) is None]
    for cell in fitting:
        path = cell_path(cell, context)
        make_folder(path.parent)
        write_json(path, known[path.stem])
    return [cell.name for cell in fitting]


# -- records ----------------------------------------------------------------------------------------------------------


def keep(cell: Cell, values: Values, context: Context, *, seconds: float) -> None:
    """Write a finished cell's record, whole or not at all."""
    record = {
        "key": cell_path(cell, context).stem,
        "benchmark": cell.benchmark,
        "variant": cell.variant,
        "seed": cell.seed,
        "config": dict(cell.config),
        "values": rounded(values),
        "seconds": round(seconds, 1),
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "revision": revision(),
        "versions": versions(context.threads),
        "device": device_name(),
        "jobs": 1 if cell.alone else context.jobs,
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "command": " ".join(["python -m benchmarks.run", *without_places(sys.argv[1:])]),
    }
    make_folder(context.cache)
    write_json(cell_path(cell, context), record)


def without_places(arguments: Sequence[str]) -> list[str]:
    """A command line as another machine may repeat it: no cache, no output folder, and "PATH" for the checkout."""
    kept: list[str] = []
    for before, argument in zip(["", *arguments], arguments, strict=False):
        if before == "--official":
            kept.append("PATH")
        elif not {before, argument} & {"--cache", "--out"}:
            kept.append(argument)
    return kept


def rounded(value: Any) -> Any:
    """Floats to six digits, at any depth."""
    if isinstance(value, Mapping):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return float(f"{value:.{MAX_DIGITS}g}") if isinstance(value, float) else value


def revision() -> str:
    """Of this working tree, as git describes it; "unknown" outside one."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--tags"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return run.stdout.strip() or "unknown"


def device_name() -> str:
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass
    return f"CPU {model}, {os.cpu_count()} cores"


def only(benchmarks: Sequence[Benchmark], names: Sequence[str]) -> list[Benchmark]:
    """The benchmarks and cells whose name begins with one of ``names``. Raises NotHereError for a name of nothing."""
    for name in names:
        if not any(_is_under(cell, name) for benchmark in benchmarks for cell in benchmark.cells):
            known = ", ".join(benchmark.name for benchmark in benchmarks)
            raise NotHereError(f"there is no benchmark {name!r}; known are {known}, and NAME/VARIANT (see --list)")
    chosen = [
        replace(one, cells=[c for c in one.cells if not names or any(_is_under(c, name) for name in names)])
        for one in benchmarks
    ]
    return [one for one in chosen if one.cells]


def _is_under(cell: Cell, name: str) -> bool:
    return f"{cell.name}/".startswith(f"{name.rstrip('/')}/")
