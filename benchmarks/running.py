"""Runs cells that are not cached yet: several at a time, each in its own process, and timings alone."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

import torch

from benchmarks.harness import Benchmark, Cell, Context, NotHereError, Values, cached, keep
from foveate.errors import OutputError

Pair = tuple[Cell, Benchmark]
Measure = Callable[[Cell, Context], Values]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of the cells of one run."""

    done: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)  # name: why
    failed: dict[str, str] = field(default_factory=dict)


def run_cells(
    benchmarks: Sequence[Benchmark],
    context: Context,
    *,
    minutes: float | None,
    after_each: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Run what is not cached, the most wanted first; with ``minutes``, only what should still fit."""
    start_s, outcome = clock(), Outcome()

    def fits(cell: Cell) -> bool:
        left = float("inf") if minutes is None else minutes - (clock() - start_s) / 60
        return _fits(cell, context, left, outcome)

    pending = [pair for pair in in_order(benchmarks) if cached(pair[0], context) is None]
    for jobs, some in _phases(pending, jobs=context.jobs):
        while some:  # again with new workers where one was killed
            _run_phase(some, jobs, context, outcome, fits, after_each)
    return outcome


def _run_phase(
    pending: list[Pair],
    jobs: int,
    context: Context,
    outcome: Outcome,
    fits: Callable[[Cell], bool],
    after_each: Callable[[], None],
) -> None:
    """Until nothing is pending, or a worker was killed."""
    running: dict[Future[str], Cell] = {}
    is_broken = False
    with _workers(jobs, context.threads) as pool:
        while running or (pending and not is_broken):
            while pending and len(running) < jobs and not is_broken:
                cell, benchmark = pair = pending.pop(0)
                if not fits(cell):
                    continue
                try:
                    running[pool.submit(_measure, cell, benchmark.run, context)] = cell
                except BrokenExecutor:  # killed since the last cell ended: this one waits for new workers
                    pending.insert(0, pair)
                    is_broken = True
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                _collect(running.pop(future), future, context, outcome)
                after_each()
                is_broken |= isinstance(future.exception(), BrokenExecutor)


def in_order(benchmarks: Sequence[Benchmark]) -> list[Pair]:
    """By priority; within one, the first seed of everything before the second of anything."""
    pairs = [(cell, benchmark) for benchmark in benchmarks for cell in benchmark.cells]
    return sorted(pairs, key=lambda pair: (pair[0].priority, pair[0].seed))


def expected_minutes(cell: Cell, context: Context) -> float:
    return cell.minutes + sum(training.expected_minutes(context) for training in cell.uses)


def _phases(pending: list[Pair], *, jobs: int) -> list[tuple[int, list[Pair]]]:
    """Cells and how many at a time: timings that need no training first, those that time what was trained last."""
    first = [pair for pair in pending if pair[0].alone and not pair[0].uses]
    last = [pair for pair in pending if pair[0].alone and pair[0].uses]
    return [(1, first), (jobs, [pair for pair in pending if not pair[0].alone]), (1, last)]


def _fits(cell: Cell, context: Context, left_minutes: float, outcome: Outcome) -> bool:
    expected = expected_minutes(cell, context)
    if expected > left_minutes:
        outcome.skipped[cell.name] = f"about {expected:.1f} min, {max(left_minutes, 0.0):.1f} min left"
        context.log(f"skip  {cell.name}: {outcome.skipped[cell.name]}")
        return False
    context.log(f"run   {cell.name} (about {expected:.1f} min)")
    return True


def _measure(cell: Cell, measure: Measure, context: Context) -> str:
    """One cell, measured and kept; "", or the text of what went wrong that is our fault."""
    start_s = time.perf_counter()
    try:
        keep(cell, measure(cell, context), context, seconds=time.perf_counter() - start_s)
    except (OutputError, NotHereError):
        raise
    except Exception as error:
        context.log(f"FAIL  {cell.name}: {traceback.format_exc()}")
        return f"{type(error).__name__}: {error}"
    context.log(f"done  {cell.name} in {time.perf_counter() - start_s:.0f} s")
    return ""


def _collect(cell: Cell, future: Future[str], context: Context, outcome: Outcome) -> None:
    try:
        failure = future.result()
    except BrokenExecutor:  # killed, for memory perhaps; the pool is lost, and with it what was beside this cell
        outcome.failed[cell.name] = "its process was killed"
        context.log(f"FAIL  {cell.name}: its process was killed")
        return
    except NotHereError as error:
        outcome.skipped[cell.name] = str(error)
        context.log(f"skip  {cell.name}: {error}")
        return
    if failure:
        outcome.failed[cell.name] = failure
    else:
        outcome.done.append(cell.name)


@contextmanager
def _workers(jobs: int, threads: int) -> Iterator[Any]:
    """Processes for several jobs; for one, this process itself."""
    if jobs == 1:
        yield Here()
        return
    pool = ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(threads,)
    )
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


class Here(Executor):
    """Runs at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future
