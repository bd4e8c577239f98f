"""Which answers of a search may stand: a certainty below which scenes are deferred to the full scan, chosen on held-out
scenes so that, with a stated confidence, the miss rate is at most ``risk`` above that of scanning everything.

Only scenes that hold a target count: N of them. At a threshold, a scene's loss is 1 if it is not deferred, the search
misses its target, and the scan does not. A deferred scene gets the scan's own answer, so misses of both together minus
misses of the scan alone are at most the mean loss. A higher threshold defers more and never raises a loss.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foveate.config import check_numbers
from foveate.errors import DataError, UsageError
from foveate.words import counted

Flags = NDArray[np.bool_]

RISK = 0.02
CONFIDENCE = 0.95
DEFER_ALL = 2.0
"""The threshold above every certainty. It is finite, as JSON has no infinity."""
ROUNDING = 1e-9  # relative: a p-value that is the level but for rounding is accepted
_SLACK = 1e-5  # a certainty that is a sum of float32 probabilities may pass 1 by so much


def _grid() -> NDArray[np.float64]:
    """Confidences crowd towards 1: even steps in log-odds part them, down to the last float32 below 1.

    All are float32 numbers, so that a certainty compares the same in either precision.
    """
    odds = np.exp(np.linspace(-8.0, 18.0, 200))
    certainties = (odds / (1 + odds)).astype(np.float32).astype(np.float64)
    return np.unique([0.0, *certainties, DEFER_ALL])[::-1]


THRESHOLDS = _grid()  # [J] candidates, descending from "defer all" to "defer none"; the same whatever the scenes


@dataclass(frozen=True, kw_only=True)
class RiskPoint:
    """A threshold, what it promises, and what it gave on the held-out scenes.

    Plain values: ``foveate.config.to_plain`` and ``from_plain`` write it to JSON and read it. Raises UsageError for
    numbers that cannot be.
    """

    threshold: float
    """Defer what is less certain; :data:`DEFER_ALL` where nothing bolder was accepted."""
    risk: float
    """The most by which the miss rate may exceed that of the full scan, in (0, 1)."""
    confidence: float
    """The least probability that it does not, over draws of the held-out scenes, in (0, 1)."""
    num_positives: int
    """Held-out scenes with a target."""
    errors: int
    """How many of them were not deferred and were missed by the search alone."""
    expected_deferred: float
    """Share of all held-out scenes, with or without a target, that is deferred."""
    search: Mapping[str, str | int | None] = field(default_factory=dict)
    """What the search was asked (budget, limit, ...): of any other nothing is promised."""

    def __post_init__(self) -> None:
        _check_open(risk=self.risk, confidence=self.confidence)
        check_numbers(self, "threshold", least=0, most=DEFER_ALL)
        check_numbers(self, "num_positives", least=0)
        check_numbers(self, "errors", least=0, most=self.num_positives)
        check_numbers(self, "expected_deferred", least=0, most=1)

    def defers(self, certainty: ArrayLike) -> Flags:
        """Who is deferred, of certainties of any shape. NaN is: an answer stands only if it is certain enough."""
        return ~(np.asarray(certainty) >= self.threshold)


def solve_risk(
    *,
    certainty: NDArray[np.floating],
    search_missed: Flags,
    scan_missed: Flags,
    has_target: Flags,
    risk: float = RISK,
    confidence: float = CONFIDENCE,
    search: Mapping[str, str | int | None] | None = None,
) -> RiskPoint:
    """The threshold that defers least among those for which the risk is shown on held-out scenes, each argument [N].

    ``certainty`` is that of the answer at the end of the search, in [0, 1]; NaN is always deferred. What scenes without
    a target say of misses is not read. The promise is for new scenes with a target drawn like these, independently of
    one another and of all that the search, its budget and the scan were fitted to. It says nothing of false alarms, nor
    of any one kind of scene, nor of the best of several searches that were solved on the same scenes.

    The candidates are fixed beforehand, so :func:`learn_then_test` holds as it stands. Quantiles of these very
    certainties would also do, but only because errors never fall as thresholds do: whichever threshold of too high a
    risk is tried, it has at least the errors of the highest such one, which fails its test with the stated confidence.

    Raises UsageError for a risk or confidence outside (0, 1), DataError for arrays that disagree or hold something
    else, and where too few scenes hold a target for any risk to be shown.
    """
    least = fewest_scenes(risk=risk, confidence=confidence)
    certainty = _certainties(certainty)
    flags = {"search_missed": search_missed, "scan_missed": scan_missed, "has_target": has_target}
    missed, scan, positive = (_flags(name, array, len(certainty)) for name, array in flags.items())
    num_positives = int(positive.sum())
    if num_positives < least:
        be = "is" if num_positives == 1 else "are"
        raise DataError(
            f"{counted(num_positives, 'scene')} with a target {be} too few: at least {least} are needed to show a risk "
            f"of {risk:g} with confidence {confidence:g}; hold out more scenes, or allow more risk"
        )
    stands = certainty[positive, None] >= THRESHOLDS
    losses = stands & (missed & ~scan)[positive, None]
    chosen = learn_then_test(losses, risk=risk, confidence=confidence) or 0  # to defer all needs no test
    return RiskPoint(
        threshold=float(THRESHOLDS[chosen]),
        risk=risk,
        confidence=confidence,
        num_positives=num_positives,
        errors=int(losses[:, chosen].sum()),
        expected_deferred=float((~(certainty >= THRESHOLDS[chosen])).mean()),
        search=search or {},
    )


def learn_then_test(losses: NDArray[np.generic], *, risk: float, confidence: float) -> int | None:
    """The last column of ``losses`` [N, J] in {0, 1} that is accepted; None if not even the first one is.

    Columns run from the safest to the boldest, in an order fixed without these losses; rows are independent draws. A
    column is accepted if the hypothesis "its mean loss is above ``risk``" is rejected at level 1 - confidence; the
    first that is not ends it. This is the fixed sequence testing of "Learn then Test" (Angelopoulos, Bates, Candès,
    Jordan and Lei, arXiv 2110.01052). Whatever the dependence between columns, any of too high a risk is accepted with
    probability at most 1 - confidence: the first of them would have to pass its own test.

    Raises UsageError for a risk or confidence outside (0, 1), DataError for losses of another form.
    """
    level = _level(risk=risk, confidence=confidence)
    if losses.ndim != 2:
        raise DataError(f"losses must be [scenes, thresholds], not {losses.shape}")
    if losses.dtype != np.bool_ and not np.isin(losses, (0, 1)).all():
        raise DataError("losses must be 0 or 1")
    errors = np.count_nonzero(losses, axis=0)
    fails = binomial_p_value(errors, trials=len(losses), risk=risk) > level
    num_accepted = int(fails.argmax()) if fails.any() else len(fails)
    return num_accepted - 1 if num_accepted else None


def binomial_p_value(errors: ArrayLike, *, trials: int, risk: float) -> NDArray[np.float64]:
    """P(Bin(trials, risk) <= errors), exactly, for whole ``errors`` of any shape in 0 ... ``trials``, risk in [0, 1].

    It is the p-value of "the mean of these trials is above ``risk``". Raises UsageError for numbers out of range.
    """
    counts = np.asarray(errors, np.int64)
    if not 0 <= risk <= 1:
        raise UsageError(f"risk is {risk}; it must be between 0 and 1")
    if trials < 0 or (counts.size and not 0 <= counts.min() <= counts.max() <= trials):
        raise UsageError(f"errors must be between 0 and the number of trials, which is {trials}")
    if risk in (0, 1):  # whose logarithms do not exist: nothing ever errs, or everything does
        return (counts >= risk * trials).astype(np.float64)
    k = np.arange(counts.max(initial=0) + 1)
    log_ways = math.lgamma(trials + 1) - _log_gamma(k + 1) - _log_gamma(trials - k + 1)
    probability = np.exp(log_ways + k * math.log(risk) + (trials - k) * math.log1p(-risk))
    p_values: NDArray[np.float64] = np.minimum(np.cumsum(probability), 1.0)
    return p_values[counts]


def fewest_scenes(*, risk: float, confidence: float) -> int:
    """The fewest scenes with a target on which, without a single error, anything is accepted: 149 for 0.02 and 0.95.

    Raises UsageError for a risk or confidence outside (0, 1).
    """
    return max(1, math.ceil(math.log(_level(risk=risk, confidence=confidence)) / math.log1p(-risk)))


def _level(*, risk: float, confidence: float) -> float:
    """The largest p-value that is accepted."""
    _check_open(risk=risk, confidence=confidence)
    return (1 - confidence) * (1 + ROUNDING)


def _log_gamma(numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """numpy has none, and scipy is an extra."""
    return np.fromiter(map(math.lgamma, numbers.tolist()), np.float64, len(numbers))


def _check_open(**shares: float) -> None:
    for name, share in shares.items():
        if not 0 < share < 1:
            raise UsageError(f"{name} is {share}; it must be above 0 and below 1 (0.02, not 2)")


def _certainties(certainty: NDArray[np.floating]) -> NDArray[np.float64]:
    array = np.asarray(certainty, np.float64)
    if array.ndim != 1:
        raise DataError(f"certainty must be one number per scene, not {array.shape}")
    known = array[~np.isnan(array)]
    if not ((known >= 0) & (known <= 1 + _SLACK)).all():
        raise DataError(
            f"certainty runs from {known.min():g} to {known.max():g}; it must lie between 0 and 1, as a confidence does"
        )
    return array


def _flags(name: str, array: Flags, num_scenes: int) -> Flags:
    flags = np.asarray(array)
    if flags.dtype != np.bool_:
        raise DataError(f"{name} holds {flags.dtype}; it must hold true or false")
    if flags.shape != (num_scenes,):
        raise DataError(f"{name} is {flags.shape}, certainty is {(num_scenes,)}: both must have one entry per scene")
    return flags
