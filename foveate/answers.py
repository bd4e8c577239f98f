"""What a person gets back about one picture: the answer, how sure it is, where it looked, and what that cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from foveate.core import Observation
from foveate.cost import Ledger
from foveate.geometry.viewpoint import to_boxes_px
from foveate.words import counted

Box = tuple[float, float, float, float]  # (top, left, bottom, right) in pixels of the picture
Outcome = Literal["stopped", "truncated", "deferred"]

LEAST_SHARE = 0.005  # of a scene that is put in words

OUTCOMES: dict[str, str] = {
    "stopped": "sure enough",
    "truncated": "all looks or the limit used up",
    "deferred": "not settled: scan the whole picture",
}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one picture took."""

    looks: int
    """After the glance."""
    macs: int
    """Multiply-adds."""
    sensed_px: int
    """Pixels that went into the network, with repetition, the glance's among them."""
    sensed_pct: float
    """The same, in per cent of the picture's pixels."""
    decoded_px: int
    """Pixels that had to be decoded of a file."""
    read_bytes: int
    """Bytes that had to be fetched of a file."""
    seconds: float
    """Wall-clock; in a batch, the picture's equal share of it."""

    @classmethod
    def of(cls, ledger: Ledger, row: int, *, seconds: float) -> Self:
        """What one row of a ledger says."""
        sensed_px = int(ledger.sensed_px[row])
        return cls(
            looks=int(ledger.looks[row]),
            macs=int(ledger.macs[row]),
            sensed_px=sensed_px,
            sensed_pct=100 * sensed_px / int(ledger.scene_px[row]),
            decoded_px=int(ledger.decoded_px[row]),
            read_bytes=int(ledger.read_bytes[row]),
            seconds=seconds,
        )

    @property
    def gmacs(self) -> float:
        return self.macs / 1e9

    def __add__(self, other: Cost) -> Cost:
        return Cost(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})

    def __str__(self) -> str:
        macs = f"{self.gmacs:.2f} GMAC" if self.macs >= 1e9 else f"{self.macs / 1e6:.3g} MMAC"
        return (
            f"{counted(self.looks, 'look')}, {macs}, {self.sensed_pct:.3g} % of the pixels, {_duration(self.seconds)}"
        )


@dataclass(frozen=True, kw_only=True)
class StepFacts:
    """What would have been answered after so many looks; worked out afterwards, and not counted as cost."""

    num_looks: int
    answer: Mapping[str, Any]
    certainty: float
    value: float | None
    """What the critic expected further looking to gain; None without a critic."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The result for one picture."""

    answer: Mapping[str, Any]
    """In the task's words: :meth:`foveate.core.Task.answers`."""
    certainty: float
    """The task's confidence, in [0, 1]."""
    looks: tuple[Box, ...]
    """What was read, in order, without the glance."""
    outcome: Outcome
    cost: Cost
    size_px: tuple[int, int]
    """(height, width) of the picture."""
    steps: tuple[StepFacts, ...] = ()
    """After each number of looks, the glance alone first; only if asked for."""
    is_scanned: bool = False
    """Not settled by the search, and read on tile by tile."""

    @property
    def num_looks(self) -> int:
        return len(self.looks)

    def to_plain(self) -> dict[str, Any]:
        """Plain values for JSON; what was located also in pixels of the picture."""
        found = {"places_px": places} if (places := places_px(self.answer, self.size_px)) else {}
        return {**asdict(self), "num_looks": self.num_looks, **found}

    def __str__(self) -> str:
        sure, end = f"{100 * self.certainty:.0f} % sure", end_in_words(self.outcome, is_scanned=self.is_scanned)
        return f"{in_words(self.answer, self.size_px)} ({sure}; {self.cost}; {end})"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A picture that could not be looked at, in the place of its answer."""

    error: Exception

    def __str__(self) -> str:
        return str(self.error)


@dataclass(frozen=True, kw_only=True)
class Appetite:
    """What a calibrated stop rule says of going on."""

    rule: str
    now: float
    threshold: float
    """It stops once the appetite does not exceed this."""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """One step of an episode, as it happens."""

    num_looks: int
    answer: Mapping[str, Any]
    prediction: Any  # the model's, for this one picture: [1, ...]
    certainty: float
    value: float | None
    viewpoints: NDArray[np.float32]  # [k, 4] of the next look, in the frame of geometry.viewpoint; k = 0 at the end
    boxes_px: tuple[Box, ...]
    """The same in pixels of the picture."""
    state_map: NDArray[np.float32] | None  # [rows, cols, c]; None if the family has no regular grid
    heatmap: NDArray[np.float32] | None  # [rows, cols] probability of looking there; None if the policy has none
    odds: NDArray[np.float32] | None  # [m] the same, of each candidate of the observation, also where they are no grid
    observation: Observation  # what the policy is told: [1, ...]
    spent: Mapping[str, float]  # per unit, up to this decision; at the end the answer's cost is in it
    appetite: Appetite | None  # None without a stop rule, and where the row leaves anyway
    most_looks: int | None  # None: as many as it takes
    outcome: Outcome | None
    """None while it goes on."""


def end_in_words(outcome: Outcome, *, is_scanned: bool) -> str:
    """How a picture's search ended, and its scan if there was one."""
    if not is_scanned:
        return OUTCOMES[outcome]
    return "scanned until sure" if outcome == "stopped" else "scanned to the end"


def boxes_of(viewpoints: NDArray[np.float32], size_px: NDArray[np.int64]) -> tuple[Box, ...]:
    """Viewpoints ``[k, 4]`` at a scene ``[2]`` in its pixels."""
    boxes = to_boxes_px(viewpoints[None], size_px[None])[0]
    return tuple((float(top), float(left), float(bottom), float(right)) for top, left, bottom, right in boxes)


def in_words(answer: Mapping[str, Any], size_px: tuple[int, int]) -> str:
    """An answer on one line; places in pixels of the picture."""
    if "label" in answer:
        return str(answer["label"])
    if places := places_px(answer, size_px):
        return ", ".join(f"{name} at row {row:.0f}, column {col:.0f}" for name, (row, col) in places.items())
    if isinstance(shares := answer.get("shares"), Mapping):
        largest = sorted(shares.items(), key=lambda entry: -entry[1])
        return ", ".join(f"{name}: {100 * share:.0f} %" for name, share in largest if share >= LEAST_SHARE)
    brief = {key: f"{value:.3g}" if isinstance(value, float) else value for key, value in answer.items()}
    return ", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in brief.items())


def places_px(answer: Mapping[str, Any], size_px: tuple[int, int]) -> dict[str, tuple[float, float]]:
    """(row, col) in pixels of what an answer locates; empty for other answers."""
    places = answer.get("places")
    if not isinstance(places, Mapping):
        return {}
    height, width = size_px
    return {str(name): ((row + 1) / 2 * height, (col + 1) / 2 * width) for name, (row, col) in places.items()}


def _duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"
