"""What `foveate find` says and saves of what it found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foveate.answers import Cost, end_in_words, in_words
from foveate.cli.output import note, say
from foveate.exports import save_found
from foveate.finding.jobs import Done
from foveate.findings import Found
from foveate.plain import plain
from foveate.words import counted

MOST_TOLD = 20  # pictures and files that are named at the end; of many there are many


def tell(done: Done, found: Found, model: str, *, as_json: bool) -> None:
    """A line of the result."""
    if as_json:
        say(json.dumps(_row(done, found, model), ensure_ascii=False))
        return
    say(f"{found.picture}: {_in_words(found, is_scanned=done.is_scanned)}")
    for remark in done.remarks:
        note(f"note: {remark}")


def _row(done: Done, found: Found, model: str) -> dict[str, Any]:
    row = {
        **found.to_plain(), "model": model, "num_findings": len(found.findings), "best_score": _best(found),
        "is_scanned": done.is_scanned, "remarks": done.remarks, "drawn": done.job.sheet,
    }  # fmt: skip
    values: dict[str, Any] = plain(row)
    return values


def _in_words(found: Found, *, is_scanned: bool) -> str:
    best = _best(found)
    told = counted(len(found.findings), "finding") + ("" if best is None else f", the best {100 * best:.0f} % likely")
    end = end_in_words(found.outcome, is_scanned=is_scanned)
    likely = found.answer.get("probability")  # of the answer about the picture as a whole
    whole = in_words(found.answer, found.size_px) + ("" if likely is None else f" ({100 * likely:.0f} %)")
    return f"{whole}, {told} ({Cost(**found.cost)}; {end})"


def _best(found: Found) -> float | None:
    return found.findings[0].score if found.findings else None


def save_all(founds: Sequence[Found], places: Sequence[Path]) -> list[str]:
    """Where they are saved; nothing of nothing, which would take the place of what is there."""
    if not founds:
        return []
    for place in places:
        save_found(place, founds)
    return [str(place) for place in places]


def failures(failed: Sequence[tuple[str, str]], num_pictures: int) -> str:
    """(picture, why) of those that could not be searched, for the end."""
    lines = [f"  {why if picture in why else f'{picture}: {why}'}" for picture, why in failed[:MOST_TOLD]]
    more = [f"  and {len(failed) - MOST_TOLD} more, named above"] if len(failed) > MOST_TOLD else []
    head = f"{len(failed)} of {counted(num_pictures, 'picture')} could not be searched; the same command tries again:"
    return "\n".join([head, *lines, *more])


def tell_what_is_saved(files: Sequence[str]) -> None:
    if files:
        more = [f"{len(files) - MOST_TOLD} more"] if len(files) > MOST_TOLD else []
        note(f"saved in {', '.join([*files[:MOST_TOLD], *more])}")
    else:
        note("give --save found.geojson, .csv, .coco.json or .json to keep this")
