"""Many pictures at once: several processes, each with a model of its own.

A process that is killed (where memory ran out) takes only its picture with it: that one is a failure, and a fresh
process goes on. Whatever ends the parent, even a kill, ends all of them.
"""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from typing import Any

from foveate.errors import DataError, FoveateError
from foveate.finding.following import Moment
from foveate.finding.jobs import Done, Job, Order, Tell, do

Begin = Callable[[], None]
"""What a fresh process does first: importing other packages' parts, for instance. It is found by its name."""


def work(jobs: Sequence[Job], order: Order, *, workers: int, begin: Begin, tell: Tell | None = None) -> Iterator[Done]:
    """What came of each job, as soon as it is done, in any order; ``tell`` hears how they go on.

    Raises whatever is no matter of one picture, such as OutputError for a full disk."""
    left, crew, threads = deque(jobs), list[_Worker](), max(1, _num_cores() // workers)
    try:
        while left or any(worker.job for worker in crew):
            while len(crew) < workers and len(left) > sum(worker.job is None for worker in crew):
                crew.append(_Worker.hired(order, begin, threads, tells=tell is not None))
            ready = wait([worker.line for worker in crew])
            for worker in [each for each in crew if each.line in ready]:
                done = worker.heard(tell)
                if worker.job is not None:
                    continue
                if not (worker.is_there and left and worker.given(left)):
                    crew.remove(worker)
                    worker.leave()
                if done is not None:
                    yield done
    finally:
        for worker in crew:
            worker.leave()


@dataclass(kw_only=True)
class _Worker:
    """A process, and what it is at work on."""

    process: Any
    line: Connection
    job: Job | None = None
    is_there: bool = True

    @classmethod
    def hired(cls, order: Order, begin: Begin, threads: int, *, tells: bool) -> _Worker:
        context = get_context("spawn")  # a fork would share locks of torch's threads, which are not there to give back
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, order, begin, threads, tells), daemon=True)
        with _deaf():
            process.start()
        theirs.close()
        return cls(process=process, line=ours)

    def given(self, jobs: deque[Job]) -> bool:
        """Take the next job; False, and it stays, if the process is gone."""
        try:
            self.line.send(jobs[0])
        except OSError:
            return False
        self.job = jobs.popleft()
        return True

    def heard(self, tell: Tell | None) -> Done | None:
        """What came of its job, or None: it has begun, or told how it goes on. Raises what ended it, if no kill did."""
        try:
            said = self.line.recv()
        except (EOFError, OSError):
            said, self.is_there = self._lost(), False
        if isinstance(said, Moment):
            if tell is not None and self.job is not None:
                tell(self.job, said)
            return None
        self.job = None
        if said is not None and not isinstance(said, Done):
            error, trace = said
            raise error or RuntimeError(trace)
        return said

    def _lost(self) -> Done:
        """The failure of its job."""
        self.process.join()
        why = f"was ended (exit code {self.process.exitcode}), for want of memory perhaps: take fewer --workers"
        if self.job is None:
            raise FoveateError(f"a process {why}")
        return Done(job=self.job, error=DataError(f"{self.job.picture}: the process that searched it {why}"))

    def leave(self) -> None:
        """Its results are here, or nobody wants them: it is not waited for until it has cleaned up."""
        self.line.close()
        self.process.kill()
        self.process.join()


def _serve(line: Connection, order: Order, begin: Begin, threads: int, tells: bool) -> None:
    """Do jobs until the parent ends it."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        begin()
        import torch

        torch.set_num_threads(threads)
        looker = order.looker()
        line.send(None)
        tell: Tell | None = (lambda job, moment: line.send(moment)) if tells else None
        while True:
            job: Job = line.recv()
            line.send(do(job, looker=looker, order=order, tell=tell))
    except Exception as error:
        with suppress(OSError):  # nobody is there any more
            line.send((_plain_error(error), traceback.format_exc()))


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes that begin here never hear of Ctrl-C, which goes to all at once: the parent says what becomes of them.
    Elsewhere than in the main thread nobody can say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _plain_error(error: Exception) -> FoveateError | None:
    """One that survives the way to the parent; None for a mistake of ours, of which the trace is shown."""
    return type(error)(str(error)) if isinstance(error, FoveateError) else None


def _num_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
