"""Stop rules. Each is one function `Step -> [n]`, the appetite for more; a row goes on while it exceeds its threshold.

Appetites that come from a network are float32 and may tie (a saturated softmax is exactly 1.0 for many scenes), and a
threshold cannot cut through a tie, so some budgets could not be met. Ties are therefore broken by the scene's noise,
within one float32 rounding step: the order of different appetites is kept, and every budget can be met exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.core import Step
from foveate.errors import IncompatibleError
from foveate.registry import resolve

Signal = NDArray[np.float64]  # [n]
Appetite = Callable[[Step], NDArray[np.floating[Any]]]

LARGEST = 3.0e38  # appetites are clipped to ± this: beyond them lie the thresholds -inf (never stop) and inf (stop now)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A :class:`foveate.core.StopRule` made of a function; see :func:`rule`."""

    name: str
    needs: frozenset[str]
    shared_threshold: bool
    appetite: Appetite

    def signal(self, step: Step) -> Signal:
        """Appetite ``[n]`` float64, finite. A NaN appetite (a broken critic) counts as the largest: keep looking.

        Raises IncompatibleError when a field of the step that the rule needs is not filled.
        """
        missing = sorted(name for name in self.needs if getattr(step, name) is None)
        if missing:
            raise IncompatibleError(f"the stop rule {self.name!r} needs {', '.join(missing)}, which this step lacks")
        appetite = np.asarray(self.appetite(step))
        if "scene_noise" in self.needs and not self.shared_threshold:
            assert step.scene_noise is not None
            appetite = _break_ties(appetite, step.scene_noise)
        return appetite.astype(np.float64)

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickled by its place: the module's name for the function now means the rule, which pickle would refuse.
        return resolve, (f"{self.appetite.__module__}:{self.name}",)


def rule(*needs: str, shared_threshold: bool = False) -> Callable[[Appetite], Rule]:
    """Make a stop rule of a function. ``needs`` are the fields of the step that it reads.

    A rule with one threshold per step also gets ``scene_noise``, for its ties; one with a shared threshold (a count,
    a coin) is expected to bring its own noise.
    """
    all_needs = frozenset(needs) if shared_threshold else frozenset(needs) | {"scene_noise"}

    def make(appetite: Appetite) -> Rule:
        return Rule(name=appetite.__name__, needs=all_needs, shared_threshold=shared_threshold, appetite=appetite)

    return make


def _break_ties(appetite: NDArray[np.floating[Any]], scene_noise: NDArray[np.float64]) -> Signal:
    """Spread float32 numbers ``[n]`` over the gap to their next float32, by uniform (0, 1) noise ``[n]``."""
    known = np.where(np.isnan(appetite), LARGEST, appetite)
    low = np.clip(known, -LARGEST, LARGEST).astype(np.float32)
    gap = np.nextafter(low, np.float32(np.inf)).astype(np.float64) - low
    spread: Signal = low + scene_noise * gap
    return spread


def _certainty(step: Step, key: str) -> NDArray[np.floating[Any]]:
    assert step.certainty is not None
    if key not in step.certainty:
        known = ", ".join(sorted(step.certainty)) or "none"
        raise IncompatibleError(f"the stop rule {key!r} needs the task's {key}; this task has: {known}")
    return step.certainty[key]


@rule("value")
def value(step: Step) -> NDArray[np.floating[Any]]:
    """AdaptiveNN's rule: stop when the expected gain of further looking, V(s_t), is at most η_t."""
    assert step.value is not None
    return step.value


@rule("value")
def anti_value(step: Step) -> NDArray[np.floating[Any]]:
    """Control: spends looks where the critic expects least."""
    assert step.value is not None
    return -step.value


@rule("certainty")
def confidence(step: Step) -> NDArray[np.floating[Any]]:
    """Stop when the answer is probable enough."""
    return -_certainty(step, "confidence")


@rule("certainty")
def entropy(step: Step) -> NDArray[np.floating[Any]]:
    """Stop when the answer's distribution is narrow enough (the task's certainty is the negated entropy)."""
    return -_certainty(step, "entropy")


@rule("certainty")
def margin(step: Step) -> NDArray[np.floating[Any]]:
    """Stop when the best answer leads the second best by enough."""
    return -_certainty(step, "margin")


@rule("scene_noise", shared_threshold=True)
def count(step: Step) -> NDArray[np.floating[Any]]:
    """Control: the same number of looks for every scene. Threshold 1 − m gives a mean of m looks.

    The scene's noise decides who rounds up: at a mean of 2.3 looks, 70 % of scenes stop at 2 and 30 % at 3.
    """
    assert step.scene_noise is not None
    return step.scene_noise - step.num_looks


@rule("noise", shared_threshold=True)
def random(step: Step) -> NDArray[np.floating[Any]]:
    """Control: a coin per step. One shared threshold, since per-step ones would be solved into a fixed count."""
    assert step.noise is not None
    return step.noise
