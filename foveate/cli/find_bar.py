"""How `foveate find` goes on, for the person who waits: a bar on stderr, with what was looked at and found so far."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from foveate.cli.output import progress_console
from foveate.words import counted

if TYPE_CHECKING:
    from foveate.finding.following import Moment
    from foveate.finding.jobs import Done, Job


class Bar:
    """Counts pictures; of one alone, its looks."""

    def __init__(self, progress: Any, *, num_pictures: int, most_looks: int | None) -> None:
        """``most_looks`` of a picture, where it is known about."""
        self._progress, self._is_one = progress, num_pictures == 1
        self._task = progress.add_task("searching", total=most_looks if self._is_one else num_pictures, told="")
        self._began_s = time.monotonic()
        self._going: dict[int, Moment] = {}  # of each picture that is being searched, the latest
        self._looks = self._findings = self._read_px = self._scene_px = 0

    def looked(self, job: Job, moment: Moment) -> None:
        """Within a picture."""
        self._going[job.number] = moment
        if self._is_one:
            self._progress.update(self._task, completed=moment.num_looks)
        self._tell()

    def done(self, done: Done) -> None:
        """With a picture."""
        self._going.pop(done.job.number, None)
        if (found := done.found) is not None:
            self._looks += int(found.cost["looks"])
            self._findings += len(found.findings)
            self._read_px += int(found.cost["sensed_px"])
            self._scene_px += found.size_px[0] * found.size_px[1]
        if not self._is_one:
            self._progress.advance(self._task)
        self._tell()

    def _tell(self) -> None:
        going = list(self._going.values())
        looks = self._looks + sum(each.num_looks for each in going)
        findings = self._findings + sum(each.num_findings for each in going)
        read_px = self._read_px + sum(each.read_px for each in going)
        scene_px = self._scene_px + sum(each.scene_px for each in going)
        rate = looks / max(time.monotonic() - self._began_s, 1e-9)
        share = 100 * read_px / max(scene_px, 1)
        self._progress.update(
            self._task, told=f"{counted(looks, 'look')}, {rate:.0f}/s · {findings} found · {share:.2g} % read"
        )


@contextmanager
def find_bar(*, num_pictures: int, most_looks: int | None) -> Iterator[Bar | None]:
    """None where nobody sees it."""
    console = progress_console()
    if num_pictures == 0 or not console.is_terminal:
        yield None
        return
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[told]}"),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    # Lines of the result pass through the bar only where both are the same terminal.
    with Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as progress:
        yield Bar(progress, num_pictures=num_pictures, most_looks=most_looks)
