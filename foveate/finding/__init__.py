"""Looking for things in big pictures: what `foveate find` does, without its words.

One picture is searched here; many, by several processes, in :mod:`.crew`; what is done already is kept by
:mod:`.manifest`, and drawn by :mod:`.sheet`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import numpy as np

from foveate.answers import Answer, Box, Failure
from foveate.asking import NO_RULE
from foveate.config import from_plain
from foveate.errors import SceneError, UsageError
from foveate.findings import Finding, Found
from foveate.plain import plain
from foveate.registry import resolve
from foveate.scenes.files import open_files, reader_of
from foveate.scenes.places import place_of
from foveate.scenes.scene import Scene
from foveate.tasks import TASKS

if TYPE_CHECKING:
    from foveate.looker import Looker

BLANK_GLIMPSES = 4  # sides of a glimpse


@dataclass(frozen=True, kw_only=True)
class Searched:
    """What a search of one picture gave."""

    found: Found
    looks: tuple[Box, ...]
    """What was read, in order, without the glance."""
    is_scanned: bool
    """Not settled by the search, and read on tile by tile."""
    remarks: tuple[str, ...] = ()
    """What else one must know: damaged parts, which were passed over; that there may be more findings."""


def find(looker: Looker, picture: str | PathLike[str], **asked: Any) -> Found:
    """What a model finds in one picture, given as a path or an address, and where on the globe if the file says it.

    Keyword arguments as :class:`foveate.asking.Asked`, and ``strict``: damaged parts of the picture are an error. Where
    nothing says when to stop, it looks as often as a training episode did: what is enough for a label finds little.
    Raises SceneError for a picture that cannot be read, UsageError for a model that finds nothing, BudgetError."""
    result = searched(looker, fspath(picture), **asked)
    for remark in result.remarks:
        warnings.warn(remark, stacklevel=2)
    return result.found


def searched(looker: Looker, picture: str, *, strict: bool = False, **asked: Any) -> Searched:
    """As :func:`find`, with where it looked."""
    with _warned_of(picture, strict=strict) as remarks:
        (answer,) = looker.look_many([picture], batch_size=1, on_error="give", **_in_full(looker, asked))
    if isinstance(answer, Failure):
        raise answer.error
    geo_transform, crs = place_of(scene_for(looker, picture))
    found = found_of(answer, picture=picture, geo_transform=geo_transform, crs=crs)
    most = looker.system.spec.task.config.get("most_findings")
    if len(found.findings) == most:
        remarks.append(f"{picture}: {most} findings are all that its model gives of one picture; there may be more")
    return Searched(found=found, looks=answer.looks, is_scanned=answer.is_scanned, remarks=tuple(remarks))


def found_of(
    answer: Answer, *, picture: str, geo_transform: tuple[float, ...] | None = None, crs: str | None = None
) -> Found:
    """An answer that holds ``findings``, each with ``label``, ``score`` and ``box`` (top, left, bottom, right) in the
    frame, in pixels of its picture. Scores above 1 are 1. Raises UsageError for any other answer."""
    findings = tuple(_in_pixels(each, answer.size_px) for each in _listed(answer))
    return Found(
        picture=picture,
        size_px=answer.size_px,
        findings=findings,
        outcome=answer.outcome,
        answer={key: value for key, value in answer.answer.items() if key != "findings"},
        cost=plain(answer.cost),
        geo_transform=geo_transform,
        crs=crs,
    )


def check_finds(looker: Looker, **asked: Any) -> None:
    """Search a blank, so that what would end the search of any picture is known before the first; and so that this
    one's seconds are those of all others.

    Raises UsageError for a model that finds nothing, BudgetError, IncompatibleError for a search without an end."""
    asked = _in_full(looker, asked)
    looker.look_many([], **asked)
    model = looker.system.model
    height, width = (BLANK_GLIMPSES * side for side in model.glimpse_size_px(1))
    blank = np.full((height, width, model.num_bands), 0.5, np.float32)
    (answer,) = looker.look_many([blank], batch_size=1, on_error="give", **asked)
    if isinstance(answer, Answer):  # a limit in shares of the pixels may be too low for one so small
        _listed(answer)


def _in_full(looker: Looker, asked: dict[str, Any]) -> dict[str, Any]:
    """With an end, where none is asked for and no risk was shown for one."""
    is_open = all(asked.get(name) is None for name in ("budget", "limit", "stop_rule", "max_looks"))
    if not is_open or looker.risk is not None or looker.num_looks is None:
        return asked
    return {**asked, "stop_rule": NO_RULE, "max_looks": looker.num_looks}


def with_min_score(looker: Looker, least: float) -> Looker:
    """The same model, of which findings that are less likely than ``least`` are no answer.

    Raises UsageError for a task without such a setting, or a score that cannot be."""
    system = looker.system
    name, config = system.spec.task.name, {**system.spec.task.config, "min_score": least}
    task = TASKS.get(name)(from_plain(resolve(TASKS.facts(name)["config"]), config, where=f"the task {name!r}"))
    spec = replace(system.spec, task=replace(system.spec.task, config=config))
    return looker.with_system(replace(system, task=task, spec=spec))


def scene_for(looker: Looker, picture: str) -> Scene:
    """A picture as a model reads it: in its bands and range. Raises SceneError."""
    model, reader = looker.system.model, reader_of(picture)
    scenes = open_files(reader, [picture], num_bands=model.num_bands, value_range=model.value_range)
    return Scene(scenes, name=picture, reader=reader)


def _listed(answer: Answer) -> list[Mapping[str, Any]]:
    if "findings" not in answer.answer:
        raise UsageError(
            f"this model finds nothing: it answers with {', '.join(answer.answer)}, and not with places. Train one "
            "that does (`foveate train big_scene`), or ask this one with `foveate look`"
        )
    return list(answer.answer["findings"])


def _in_pixels(finding: Mapping[str, Any], size_px: tuple[int, int]) -> Finding:
    top, left, bottom, right = (
        (float(edge) + 1) / 2 * side for edge, side in zip(finding["box"], 2 * size_px, strict=True)
    )
    score = min(float(finding["score"]), 1.0)
    return Finding(label=finding["label"], score=score, box_px=(top, left, bottom, right))


@contextmanager
def _warned_of(picture: str, *, strict: bool) -> Iterator[list[str]]:
    """What is warned of a picture, by its name; with ``strict`` the first such warning is raised as a SceneError."""
    remarks: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if strict:
            warnings.filterwarnings("error", message=re.escape(f"{picture}: "))
        try:
            yield remarks
        except UserWarning as error:
            raise SceneError(_first(error)) from error
    for one in caught:
        if str(one.message).startswith(f"{picture}: "):
            remarks.append(_first(one.message))
        else:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


def _first(warning: Warning | str) -> str:
    """Without where further ones could be seen: in the reader's scenes, which are gone."""
    return str(warning).partition("; further ones")[0]
