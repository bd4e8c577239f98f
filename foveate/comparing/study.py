"""All readers on all scenes of two sources: one to choose thresholds on, one to judge by. Kept scene by scene, so that
a study that was stopped goes on where it was.

Shape letters: n scenes, g numbers of looks, t targets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.atomic import write_text
from foveate.comparing import READERS
from foveate.comparing.judging import Facts
from foveate.comparing.tracks import track
from foveate.errors import DataError, UsageError
from foveate.rows import Rowwise, as_numpy
from foveate.system import System

EVERYTHING = 1 << 40  # looks: after all that a reader takes


@dataclass(frozen=True, kw_only=True)
class Part(Rowwise):
    """What every reader made of n scenes."""

    facts: Mapping[str, Facts]
    has_target: NDArray[np.bool_]  # [n]
    label: NDArray[np.int64]  # [n] class, 0 for none
    num_targets: NDArray[np.int64]  # [n] with a box
    area_frac: NDArray[np.float64]  # [n] of the scene that its smallest target covers; NaN without a box


@dataclass(frozen=True, kw_only=True)
class Study:
    """How a comparison is made."""

    system: System
    readers: Sequence[str]
    looks: Sequence[int]
    """After which readers are judged; those that read everything only at their end."""

    def __post_init__(self) -> None:
        if unknown := [name for name in self.readers if name not in READERS]:
            raise UsageError(f"unknown reader {unknown[0]!r}. Known: {', '.join(READERS)}")
        if not hasattr(self.system.task, "has_target"):
            raise UsageError(
                f"the task {self.system.spec.task.name!r} does not say what is missed; comparing needs a task of "
                "classes of which the first is none, such as finding"
            )

    def columns(self, name: str) -> list[int]:
        """Numbers of looks ``[g]`` that a reader is judged after."""
        return [EVERYTHING] if READERS.facts(name).get("reads_all") else list(self.looks)

    def part(self, source: Any, num_scenes: int, *, kept: Path | None, done: Callable[[], object]) -> Part:
        """Play the source's first scenes; those in the file ``kept`` are not played again, those of broken files left
        out. ``done`` is called for each.

        Raises DataError for a file of another study."""
        lines = list(self._lines(source, min(num_scenes, len(source)), kept, done))
        facts = {
            name: Facts(**{
                fact: np.array([line["readers"][name][fact] for line in lines], np.float64)
                for fact in Facts.__dataclass_fields__
            })
            for name in self.readers
        }  # fmt: skip
        return Part(
            facts=facts,
            has_target=np.array([line["has_target"] for line in lines], bool),
            label=np.array([line["label"] for line in lines], np.int64),
            num_targets=np.array([line["num_targets"] for line in lines], np.int64),
            area_frac=np.array([line["area_frac"] for line in lines], np.float64),
        )

    def _lines(
        self, source: Any, num_scenes: int, kept: Path | None, done: Callable[[], object]
    ) -> Iterator[dict[str, Any]]:
        header = {
            "study": source.fingerprint, "readers": list(self.readers), "looks": list(self.looks),
            "facts": list(Facts.__dataclass_fields__),
        }  # fmt: skip
        known = {line["number"]: line for line in ([] if kept is None else _read(kept, header))}
        following = max(known, default=-1) + 1
        for number in range(num_scenes):
            line = known.get(number)
            if line is None and number >= following:  # one before it was broken when those after it were played
                line = self._played(source, number)
                if line is not None and kept is not None:
                    _append(kept, header, line)
            done()
            if line is not None:
                yield line

    def _played(self, source: Any, number: int) -> dict[str, Any] | None:
        """None for a scene that cannot be read; the source says which."""
        try:
            batch = source.batch(np.array([number]), epoch_seed=0)
        except DataError:
            if not getattr(source, "broken", None):
                raise
            return None
        target, boxes = batch.target, None
        if isinstance(target, Mapping) and "boxes" in target:
            boxes = as_numpy(target["boxes"])[0][as_numpy(target["is_target"])[0]]
        tracks = track(self.system, batch.scenes, self.readers, number=number, max_looks=max(self.looks), boxes=boxes)
        areas = np.zeros(0) if boxes is None else (boxes[:, 2:] - boxes[:, :2]).prod(1) / 4
        label = as_numpy(target["label"] if isinstance(target, Mapping) else target)
        return {
            "number": number,
            "has_target": bool(as_numpy(self.system.task.has_target(target))[0]),
            "label": int(label[0]),
            "num_targets": len(areas),
            "area_frac": float(areas.min()) if len(areas) else None,
            "readers": {
                name: {fact: np.asarray(value, float).tolist() for fact, value in one.at(self.columns(name)).items()}
                for name, one in tracks.items()
            },
        }


def _read(kept: Path, header: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The lines of a file, without the last one if it was cut off."""
    if not kept.exists():
        return []
    content, lines = kept.read_text("utf-8"), []
    for text in content.splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    if lines and lines[0] != dict(header):
        raise DataError(f"{kept}: holds another comparison (other scenes, readers or looks): choose another --out")
    whole = "".join(json.dumps(line) + "\n" for line in lines)
    if lines and whole != content:  # what is written after a line that was cut off would be lost with it
        write_text(kept, whole)
    return lines[1:]


def _append(kept: Path, header: Mapping[str, Any], line: Mapping[str, Any]) -> None:
    is_new = not kept.exists() or kept.stat().st_size == 0
    with kept.open("a", encoding="utf-8") as file:
        if is_new:
            file.write(json.dumps(dict(header)) + "\n")
        file.write(json.dumps(line) + "\n")
