"""What plays an episode, what each of its steps shows, what becomes of it. The loop is :mod:`foveate.rollout`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from foveate.core import ActiveModel, Critic, Glimpses, Look, Observation, Policy, Prediction, Rows, Step, Task
from foveate.cost import Ledger
from foveate.rows import concat, take

Flags = NDArray[np.bool_]


class Stop(Protocol):
    """Says which rows are sure enough."""

    @property
    def needs(self) -> frozenset[str]:
        """The fields of :class:`Step` that it reads."""

    def __call__(self, step: Step) -> Flags: ...


class Limits(Protocol):
    """Hard caps per scene, checked before a look is issued."""

    def reached(self, spent: Mapping[str, Any], next_cost: Mapping[str, Any]) -> Flags: ...

    def remaining(self, spent: Mapping[str, Any]) -> Any: ...

    def check(self, opening: Mapping[str, Any]) -> None:
        """Raises BudgetError for a cap below what the opening and its answer take."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One step of the rows that were still looking, after the decision about each was taken."""

    rows: Rows  # [m] original rows
    state: Any
    observation: Observation
    step: Step
    spent: Mapping[str, Any]  # [m] per unit: what the row has spent up to this decision
    prediction: Prediction  # of all m rows if something asked for it, else of the leaving rows, else None
    has_all_predictions: bool
    stopped: Flags  # [m] sure enough
    truncated: Flags  # [m] hit a hard limit, the end of the family's looks, or ran out of candidates
    deferred: Flags  # [m] truncated without being settled: the scene should be scanned
    look: Look | None  # of the surviving rows, in their order; None when all left
    glimpses: Glimpses | None  # what that look read
    opening: Glimpses | None  # what the opening read: on the first event, of a family that has one

    @property
    def leaving(self) -> Flags:
        return self.stopped | self.truncated | self.deferred


@dataclass(frozen=True, kw_only=True)
class Player:
    """All that plays an episode: the parts that were chosen, and what must be known at every step."""

    model: ActiveModel
    policy: Policy
    critic: Critic | None = None
    task: Task | None = None
    stop: Stop | None = None
    """None: look as long as allowed."""
    limits: Limits | None = None
    defer: Stop | None = None
    """Asked about truncated rows only: True where the scene is not settled."""
    max_looks: int | None = None
    """Looks per row at most; the family's own maximum if that is lower or this is None."""
    together: bool = False
    """Rows end together: one without candidates waits for the others, and its looks are not valid. For training and
    records, which need every row at every step."""
    ask: frozenset[str] = frozenset()
    """Further facts wanted at every step, whatever the stop rule needs: "value", "certainty", "prediction"."""

    @property
    def needs(self) -> frozenset[str]:
        rules = [rule.needs for rule in (self.stop, self.defer) if rule is not None]
        return self.ask.union(*rules)

    @property
    def horizon(self) -> int:
        caps = [cap for cap in (self.max_looks, self.model.max_looks) if cap is not None]
        return min(caps) if caps else np.iinfo(np.int64).max


@dataclass(frozen=True, kw_only=True)
class Episode:
    """What became of n scenes. Steps of a row beyond its exit hold NaN (signals) or False (``valid``)."""

    num_looks: NDArray[np.int64]  # [n] looks at exit
    stopped: Flags  # [n] exactly one of the three is True per row
    truncated: Flags  # [n]
    deferred: Flags  # [n]
    prediction: Prediction  # [n, ...] at exit
    viewpoints: NDArray[np.float32]  # [n, steps, k, 4]
    valid: Flags  # [n, steps, k]
    events: list[Event]  # every step, in order, if kept; else empty
    ledger: Ledger
    state: Any = None  # [n, ...] of the family at exit, if kept


def take_flags(event: Event, rows: Any) -> NDArray[np.bool_]:
    """``[3, m]``: stopped, truncated, deferred."""
    return np.stack([event.stopped, event.truncated, event.deferred])[:, rows]


def assemble(n: int, exits: list[Any], looks: list[Any], events: list[Event], ledger: Ledger) -> Episode:
    """An episode of what left at each step, put back into the order of the scenes."""
    order = np.argsort(np.concatenate([rows for rows, *_ in exits]))
    flags = np.concatenate([flags for *_, flags, _ in exits], axis=1)[:, order]
    k = looks[0][1].shape[1] if looks else 1
    viewpoints = np.zeros((n, len(looks), k, 4), np.float32)
    valid = np.zeros((n, len(looks), k), bool)
    for step, (rows, where, is_valid) in enumerate(looks):
        viewpoints[rows, step], valid[rows, step] = where, is_valid
    return Episode(
        num_looks=np.concatenate([num_looks for _, num_looks, *_ in exits])[order],
        stopped=flags[0],
        truncated=flags[1],
        deferred=flags[2],
        prediction=take(concat([prediction for _, _, prediction, *_ in exits]), order),
        viewpoints=viewpoints,
        valid=valid,
        events=events,
        ledger=ledger,
        state=take(concat([state for *_, state in exits]), order),
    )
