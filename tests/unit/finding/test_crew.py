"""Several processes: each picture is done once, whatever becomes of one; what is no matter of one picture ends all.

Nothing is searched here, so that processes begin at once: what is done is a stand-in, and so is torch.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

from foveate.errors import DataError, ModelFolderError, OutputError
from foveate.finding import crew
from foveate.finding.crew import work
from foveate.finding.following import Moment
from foveate.finding.jobs import Done, Job, Order, Tell

pytestmark = pytest.mark.multiprocess

ORDER = Order(model="a model")


def begin() -> None:
    """In each process."""
    sys.modules["torch"] = SimpleNamespace(set_num_threads=lambda number: None)  # type: ignore[assignment]
    Order.looker = lambda order: _loaded(order.model)  # type: ignore[assignment,method-assign,misc]
    crew.do = _do  # type: ignore[assignment]


def _loaded(model: str) -> str:
    if model == "nowhere":
        raise ModelFolderError("nowhere: there is no such folder")
    if model == "too large":
        os.kill(os.getpid(), signal.SIGKILL)
    return model


def _do(job: Job, *, looker: str, order: Order, tell: Tell | None) -> Done:
    if tell is not None:
        for num_looks in (4, 8):
            tell(job, Moment(num_looks=num_looks, num_findings=0, read_px=1, scene_px=2))
    if "killer" in job.picture:
        os.kill(os.getpid(), signal.SIGKILL)
    if "full" in job.picture:
        raise OutputError("cannot be written; the disk is full", path="o/x.png")
    if "bug" in job.picture:
        raise ZeroDivisionError("a mistake of ours")
    if "end" in job.picture:
        raise EOFError("of a file")
    if "slow" in job.picture:
        time.sleep(60)
    return Done(job=job, remarks=(looker, str(os.getpid())))


def jobs_of(*names: str) -> list[Job]:
    return [Job(number=number, picture=name) for number, name in enumerate(names)]


def test_each_picture_is_done_once_and_a_killed_process_takes_only_its_own_with_it() -> None:
    jobs = jobs_of("a.png", "killer.png", "b.png", "c.png", "killer-2.png", "d.png")
    results = {done.job: done for done in work(jobs, ORDER, workers=2, begin=begin)}
    assert sorted(results, key=lambda job: job.number) == jobs
    for job, done in results.items():
        if "killer" in job.picture:
            assert isinstance(done.error, DataError)
            assert f"{job.picture}: the process that searched it was ended (exit code -9)" in str(done.error)
        else:
            assert done.error is None
            assert done.remarks[0] == "a model"
    assert len({done.remarks[1] for done in results.values() if done.remarks}) <= 4


def test_who_listens_hears_how_each_goes_on() -> None:
    heard: list[tuple[str, int]] = []
    jobs = jobs_of("a.png", "b.png", "c.png")
    told = work(jobs, ORDER, workers=2, begin=begin, tell=lambda job, at: heard.append((job.picture, at.num_looks)))
    assert len(list(told)) == 3
    assert sorted(heard) == [(job.picture, num_looks) for job in jobs for num_looks in (4, 8)]


def test_no_more_processes_begin_than_there_are_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    hired, hire = [], crew._Worker.hired

    def counting(*given: Any, **more: Any) -> Any:
        hired.append(given)
        return hire(*given, **more)

    monkeypatch.setattr(crew._Worker, "hired", counting)
    assert len(list(work(jobs_of("a.png"), ORDER, workers=8, begin=begin))) == 1
    assert len(hired) == 1
    assert list(work([], ORDER, workers=8, begin=begin)) == []


@pytest.mark.parametrize(
    ("picture", "kind", "words"),
    [
        ("full.png", OutputError, r"x\.png: cannot be written; the disk is full"),
        ("bug.png", RuntimeError, "a mistake of ours"),
        ("end.png", RuntimeError, "of a file"),
    ],
)
def test_what_is_no_matter_of_one_picture_ends_all(picture: str, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        list(work(jobs_of(picture, "a.png"), ORDER, workers=1, begin=begin))


def test_a_model_that_cannot_be_loaded_ends_all() -> None:
    with pytest.raises(ModelFolderError, match="there is no such folder"):
        list(work(jobs_of("a.png"), Order(model="nowhere"), workers=1, begin=begin))
    with pytest.raises(Exception, match=r"a process was ended \(exit code -9\), for want of memory perhaps"):
        list(work(jobs_of("a.png"), Order(model="too large"), workers=1, begin=begin))


def test_who_stops_listening_ends_all() -> None:
    results = work(jobs_of("a.png", "slow.png", "slow.png"), ORDER, workers=1, begin=begin)
    next(results)
    began_s = time.monotonic()
    results.close()
    assert time.monotonic() - began_s < 10
