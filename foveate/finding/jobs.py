"""One picture as a job: what is asked of it, what is done, and what came of it; all of it goes between processes."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveate.errors import DataError, FoveateError, OutputError
from foveate.finding import Searched, scene_for, searched, with_min_score
from foveate.finding.following import Moment, followed
from foveate.findings import Found

if TYPE_CHECKING:
    from foveate.looker import Looker


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is asked of all pictures, and of whom."""

    model: str
    """The model's folder."""
    device: str = "cpu"
    min_score: float | None = None
    """None: as the model was trained."""
    strict: bool = False
    asked: Mapping[str, Any] = field(default_factory=dict)
    """As :class:`foveate.asking.Asked`."""

    def looker(self) -> Looker:
        """Raises ModelFolderError, and UsageError for a score that cannot be."""
        from foveate.looker import load

        looker = load(self.model, device=self.device)
        return looker if self.min_score is None else with_min_score(looker, self.min_score)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One picture."""

    number: int
    """In the order of the pictures."""
    picture: str
    sheet: Path | None = None
    """Where it is drawn."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """What came of a job: what was found, or an error."""

    job: Job
    found: Found | None = None
    is_scanned: bool = False
    remarks: tuple[str, ...] = ()
    error: FoveateError | None = None


Tell = Callable[[Job, Moment], None]
"""Hears how a job goes on."""


def do(job: Job, *, looker: Looker, order: Order, tell: Tell | None = None) -> Done:
    """Search a picture, and draw what was found. Of a picture that cannot be searched or drawn, the error.

    Raises OutputError, which the next picture would meet too."""
    asked = looker if tell is None else followed(looker, partial(tell, job))
    try:
        result = searched(asked, job.picture, strict=order.strict, **order.asked)
        if job.sheet is not None:
            _draw(result, looker, job.sheet)
    except OutputError:
        raise
    except FoveateError as error:
        return Done(job=job, error=error)
    except MemoryError:
        why = "it needs more memory than there is: take fewer --workers, or a tiled copy with levels"
        return Done(job=job, error=DataError(f"{job.picture}: {why}"))
    except Exception as error:
        error.add_note(f"while searching {job.picture}")
        raise
    return Done(job=job, found=result.found, is_scanned=result.is_scanned, remarks=result.remarks)


def _draw(result: Searched, looker: Looker, place: Path) -> None:
    from foveate.atomic import write_bytes
    from foveate.finding.sheet import found_sheet
    from foveate.model_folder import label_names

    content = io.BytesIO()
    with warnings.catch_warnings():  # what is damaged was said when it was searched
        warnings.simplefilter("ignore")
        page = found_sheet(scene_for(looker, result.found.picture), result, labels=label_names(looker.system))
    page.save(content, "PNG", compress_level=3)  # a third of the time, for a few per cent more bytes
    write_bytes(place, content.getvalue())
