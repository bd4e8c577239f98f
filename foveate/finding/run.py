"""A run over many pictures: what is done already is passed over, what gets done is written down at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveate.finding.crew import Begin, work
from foveate.finding.jobs import Done, Job, Order, Tell, do
from foveate.finding.manifest import FORMAT, KIND, Entry, Manifest, Stamp, read_manifest, stamp_of
from foveate.findings import Found

if TYPE_CHECKING:
    from foveate.looker import Looker


@dataclass(frozen=True, kw_only=True)
class Before:
    """What an earlier run left."""

    entries: Mapping[str, Entry]
    """By picture; those of all pictures that still count, of this run or not."""
    anew: str | None
    """Why what is there does not count, as a clause; None where it does, or nothing is there."""


def before(path: Path | None, header: Mapping[str, Any], *, resume: bool) -> Before:
    """What a manifest holds for a run that is asked as ``header`` says. Raises UsageError for another file."""
    told, entries = ({}, {}) if path is None else read_manifest(path)
    if not told:
        return Before(entries={}, anew=None)
    changed = [name for name in header if name != "model" and told.get(name) != header[name]]
    if not resume:
        return Before(entries={}, anew="--no-resume says")
    if told[KIND] != FORMAT:
        return Before(entries={}, anew="it was written by another version of foveate")
    if "model_sha256" in changed:
        return Before(entries={}, anew=f"it was made by another model ({told.get('model')})")
    if changed:
        return Before(entries={}, anew=f"it was asked otherwise ({_difference(told, header)})")
    return Before(entries=entries, anew=None)


def _difference(told: Mapping[str, Any], header: Mapping[str, Any]) -> str:
    """What was asked, where that is another thing now."""
    was, now = told.get("asked", {}), header["asked"]
    return ", ".join(f"{name} {was.get(name)}" for name in now if was.get(name) != now[name])


class Run:
    """Pictures, of which some are done."""

    def __init__(self, pictures: Sequence[str], sheets: Sequence[Path | None], earlier: Before) -> None:
        """``sheets``: where each picture is drawn; one whose drawing is not there is not done."""
        self._entries = dict(earlier.entries)
        self._stamps: dict[str, Stamp] = {picture: stamp_of(picture) for picture in pictures}
        self._pictures = pictures
        self.jobs = [
            Job(number=number, picture=picture, sheet=sheet)
            for number, (picture, sheet) in enumerate(zip(pictures, sheets, strict=True))
            if not self._is_done(picture, sheet)
        ]

    @property
    def founds(self) -> list[Found]:
        """Of all pictures of this run that are done, in their order."""
        entries = [self._entries.get(picture) for picture in self._pictures]
        return [
            entry.found
            for entry in entries
            if entry is not None and entry.found is not None and entry.stamp == self._stamps[entry.picture]
        ]

    def results(
        self,
        looker: Looker,
        order: Order,
        *,
        manifest: Manifest | None,
        workers: int,
        begin: Begin,
        tell: Tell | None = None,
    ) -> Iterator[Done]:
        """What came of each job, in their order; written down before that, as soon as it is known.

        ``begin`` is for fresh processes, see :mod:`.crew`; ``tell`` hears how jobs go on."""
        waiting: dict[int, Done] = {}
        left = iter(self.jobs)
        due = next(left, None)
        for done in self._done(looker, order, workers, begin, tell):
            self._note(done, manifest)
            waiting[done.job.number] = done
            while due is not None and due.number in waiting:
                yield waiting.pop(due.number)
                due = next(left, None)

    def _done(self, looker: Looker, order: Order, workers: int, begin: Begin, tell: Tell | None) -> Iterator[Done]:
        if workers > 1 and len(self.jobs) > 1:
            return work(self.jobs, order, workers=workers, begin=begin, tell=tell)
        return (do(job, looker=looker, order=order, tell=tell) for job in self.jobs)

    def _note(self, done: Done, manifest: Manifest | None) -> None:
        picture = done.job.picture
        entry = Entry(
            picture=picture,
            stamp=self._stamps[picture],
            found=done.found,
            error=None if done.error is None else str(done.error),
            remarks=done.remarks,
            sheet=None if done.job.sheet is None else str(done.job.sheet),
        )
        self._entries[picture] = entry
        if manifest is not None:
            manifest.add(entry)

    def _is_done(self, picture: str, sheet: Path | None) -> bool:
        entry = self._entries.get(picture)
        if entry is None or entry.found is None or entry.stamp != self._stamps[picture]:
            return False
        return sheet is None or (entry.sheet == str(sheet) and sheet.is_file())
