"""Runs the benchmarks and writes RESULTS.md and results.json; README.md says what each measures.

    python -m benchmarks.run --minutes 60          # the most wanted first; what does not fit any more is said
    python -m benchmarks.run --full                # everything; takes hours, may be stopped and started again
    python -m benchmarks.run --only exit loop      # some; NAME, NAME/VARIANT or NAME/VARIANT/SEED
    python -m benchmarks.run --report              # only the tables, from what is cached

Finished cells are cached, so every run goes on where the last one was.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks import (
    any_size,
    big_clock,
    big_scenes,
    elastic_cost,
    executed,
    families,
    glimpses,
    looking_pays,
    official,
    reading,
    refusal,
    search,
    stopping,
)
from benchmarks.effort import FULL, SMOKE, Effort
from benchmarks.harness import (
    ROOT,
    Benchmark,
    Context,
    NotHereError,
    Results,
    adopt,
    cached,
    gather,
    only,
    versions,
)
from benchmarks.running import Outcome, expected_minutes, in_order, run_cells
from benchmarks.tables import NOT_RUN, markdown
from foveate.atomic import make_folder, write_json, write_text

HERE = Path(__file__).parent
MINUTES = 60.0
GROUPS = (
    search,
    stopping,
    looking_pays,
    executed,
    elastic_cost,
    glimpses,
    families,
    big_scenes,
    any_size,
    refusal,
    big_clock,
    reading,
    official,
)


def all_benchmarks(effort: Effort) -> list[Benchmark]:
    return [benchmark for group in GROUPS for benchmark in group.benchmarks(effort)]


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _arguments(argv)
    torch.set_num_threads(arguments.threads)
    every = all_benchmarks(SMOKE if arguments.smoke else FULL)
    context = Context(
        cache=arguments.cache / "smoke" if arguments.smoke else arguments.cache, threads=arguments.threads,
        jobs=arguments.jobs, official=arguments.official, log=say,
    )  # fmt: skip
    out = arguments.out or (context.cache if arguments.smoke else HERE)
    try:
        chosen = only(every, arguments.only or [])
    except NotHereError as error:
        print(error, file=sys.stderr)
        return 2
    if arguments.list:
        show(chosen, context)
        return 0
    if arguments.adopt:
        print("adopted:", *adopt(out / "results.json", (cell for one in every for cell in one.cells), context))
    outcome = Outcome()
    try:
        if not arguments.report:
            minutes = arguments.minutes or (None if arguments.full or arguments.only else MINUTES)
            outcome = run_cells(chosen, context, minutes=minutes, after_each=lambda: report(every, context, out))
    except KeyboardInterrupt:
        print("stopped; what is finished is kept, and the same command goes on from here")
        return 130
    finally:
        report(every, context, out)
    results = gather((cell for one in every for cell in one.cells), context)
    print(f"{len(outcome.done)} run, {len(outcome.skipped)} skipped, {len(outcome.failed)} failed; "
          f"{len(results.records)} of {len(results.cells)} cells are known; {out / 'RESULTS.md'}")  # fmt: skip
    return 1 if outcome.failed else 0


def say(line: str) -> None:
    print(line, flush=True)


def show(benchmarks: Sequence[Benchmark], context: Context) -> None:
    """Every cell, in the order in which they run."""
    total = 0.0
    for cell, _ in in_order(benchmarks):
        is_done = cached(cell, context) is not None
        minutes = 0.0 if is_done else expected_minutes(cell, context)
        total += minutes
        print(f"{'done   ' if is_done else NOT_RUN}  {minutes:6.1f} min  {cell.name}")
    print(f"about {total:.0f} minutes, less where cells share a training")


# -- the report --------------------------------------------------------------------------------------------------------


def report(benchmarks: Sequence[Benchmark], context: Context, out: Path) -> None:
    """Write RESULTS.md, results.json and the figures from what is cached."""
    results = gather((cell for one in benchmarks for cell in one.cells), context)
    make_folder(out)
    for one in benchmarks:
        if one.figures is not None:
            one.figures(results, out / "figures")
    write_text(out / "RESULTS.md", rendered(benchmarks, results, context, out))
    missing = [cell.name for cell in results.cells if cell.name not in results.records]
    write_json(out / "results.json", {"cells": list(results.records.values()), "not_run": missing})


def rendered(benchmarks: Sequence[Benchmark], results: Results, context: Context, out: Path) -> str:
    parts = ["# Results", _head(results, context)]
    for one in benchmarks:
        parts.append(f"## {one.title}")
        for table in one.tables(results):
            has_figure = table.figure is not None and (out / "figures" / table.figure).exists()
            parts.append(markdown(table, has_figure=has_figure))
        parts.append(_provenance(one, results))
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(results: Results, context: Context) -> str:
    known = versions(context.threads)
    return (
        "Generated by `python -m benchmarks.run`; `benchmarks/README.md` says what is measured and how. Mean ± "
        f"standard deviation over seeds. {len(results.records)} of {len(results.cells)} cells have been run; "
        f"the others say “{NOT_RUN}”. Threads per process: {known['threads']}; torch {known['torch']}, Python "
        f"{known['python']}, foveate {known['foveate']}."
    )


def _provenance(benchmark: Benchmark, results: Results) -> str:
    records = [results.records[cell.name] for cell in benchmark.cells if cell.name in results.records]
    if not records:
        return f"*0 of {len(benchmark.cells)} cells run. Command: `python -m benchmarks.run --only {benchmark.name}`.*"
    revisions = ", ".join(sorted({str(record["revision"]) for record in records}))
    minutes = sum(record["seconds"] for record in records) / 60
    loads = [record["load"] for record in records if record.get("load") is not None]
    devices = " and ".join(sorted({record["device"] for record in records}))
    load = f"load {min(loads):.1f} to {max(loads):.1f} at the end of a cell, " if loads else ""
    return (
        f"*{len(records)} of {len(benchmark.cells)} cells run, {minutes:.1f} minutes on {devices}, {load}revision "
        f"{revisions}. Command: `python -m benchmarks.run --only {benchmark.name}`.*"
    )


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, help="start nothing that does not fit (default 60; none with --only)")
    length.add_argument("--full", action="store_true", help="everything that is not cached")
    length.add_argument("--report", action="store_true", help="only write the tables, from the cache")
    length.add_argument("--list", action="store_true", help="list the cells and what they take")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these benchmarks or cells")
    parser.add_argument("--adopt", action="store_true", help="take what fits from results.json into an empty cache")
    parser.add_argument("--official", type=Path, help="a checkout of github.com/LeapLabTHU/AdaptiveNN")
    parser.add_argument("--threads", type=int, default=1, help="of torch, in every process (default 1)")
    parser.add_argument(
        "--jobs", type=int, default=min(2, os.cpu_count() or 1), help="cells at a time (default 2); timings run alone"
    )
    parser.add_argument("--cache", type=Path, default=ROOT / ".bench-cache")
    parser.add_argument("--out", type=Path, help="folder of the report (default benchmarks/)")
    parser.add_argument("--smoke", action="store_true", help="tiny settings that only show that everything runs")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
