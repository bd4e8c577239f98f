"""What readers are worth: thresholds chosen on held-out scenes, accuracy after every number of looks, and differences.

Every reader gets its own threshold for every number of looks, chosen alike: an exhaustive reader, which takes the most
of thousands of tiles, needs another than a search. It is one of the answer's presence or of the likeliest finding,
whichever tells scenes apart better: answers were learned from as many looks as a search has.
Shape letters: n scenes, g numbers of looks, r resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.comparing.tracks import Track
from foveate.errors import DataError
from foveate.rows import Rowwise

NUM_RESAMPLES = 2000
SIGNS = ("presence", "finding")  # of two that do as well the first is taken
Matrix = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Facts(Rowwise):
    """Of one reader, ``[n, g]`` each: tracks as they were after each number of looks."""

    looks: Matrix
    presence: Matrix
    finding: Matrix
    kind: Matrix
    found: Matrix
    macs: Matrix
    read_bytes: Matrix
    decoded_px: Matrix
    full_tiles: Matrix
    file_tiles: Matrix
    full_small_tiles: Matrix
    file_small_tiles: Matrix
    seconds: Matrix

    @classmethod
    def of(cls, tracks: Sequence[Track], looks: Sequence[int]) -> Facts:
        columns = [one.at(looks) for one in tracks]
        return cls(**{name: np.stack([one[name] for one in columns]).astype(np.float64) for name in columns[0]})


@dataclass(frozen=True, kw_only=True)
class Cuts:
    """When a reader says that anything is there, after each of g numbers of looks."""

    sign: Sequence[str]
    """``[g]`` of SIGNS: what is asked."""
    least: NDArray[np.float64]
    """``[g]``: from which value on."""


def thresholds(facts: Facts, has_target: NDArray[np.bool_]) -> Cuts:
    """Where the balanced accuracy on these scenes is best; in the middle between the values of two scenes. Raises
    DataError where all scenes, or none, hold a target."""
    if has_target.all() or not has_target.any():
        raise DataError("a threshold needs scenes with a target and scenes without one: add the kind that is missing")
    columns = range(facts.presence.shape[1])
    best = [
        max(((sign, *_threshold(getattr(facts, sign)[:, column], has_target)) for sign in SIGNS), key=itemgetter(1))
        for column in columns
    ]
    return Cuts(sign=[sign for sign, _, _ in best], least=np.array([cut for _, _, cut in best]))


def _threshold(values: NDArray[np.float64], has_target: NDArray[np.bool_]) -> tuple[float, float]:
    """(twice the balanced accuracy, threshold) where it is best."""
    known = np.unique(values)
    cuts = np.concatenate([[0.0], (known[1:] + known[:-1]) / 2, [np.inf]])
    present, absent = np.sort(values[has_target]), np.sort(values[~has_target])
    hits = 1 - np.searchsorted(present, cuts, side="left") / len(present)
    passes = np.searchsorted(absent, cuts, side="left") / len(absent)
    best = int(np.argmax(hits + passes))
    return float((hits + passes)[best]), float(cuts[best])


def says(facts: Facts, cuts: Cuts) -> NDArray[np.int64]:
    """Labels ``[n, g]``: the likeliest class where there is anything, else 0."""
    values = np.stack([getattr(facts, sign)[:, column] for column, sign in enumerate(cuts.sign)], 1)
    return np.where(values >= cuts.least, facts.kind, 0).astype(np.int64)


def balanced(right: NDArray[np.bool_], has_target: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Balanced accuracy ``[g]`` of scenes that are ``right`` ``[n, g]``."""
    return (right[has_target].mean(0) + right[~has_target].mean(0)) / 2


def difference(
    ours: NDArray[Any], theirs: NDArray[Any], groups: NDArray[Any], *, seed: int = 0
) -> tuple[float, float, float]:
    """Mean and 95 % interval of ours minus theirs on the same scenes ``[n]``, all ``groups`` ``[n]`` of scenes weighing
    alike (in balanced accuracy, where these are scenes with and without a target): a paired bootstrap, each group drawn
    by itself."""
    gain = ours.astype(np.float64) - theirs
    each = [gain[groups == group] for group in np.unique(groups)]
    draws = []
    for group in each:
        rows = np.random.default_rng(seed).integers(0, len(group), (NUM_RESAMPLES, len(group)))
        draws.append(group[rows].mean(1))
    low, high = np.percentile(np.mean(draws, 0), [2.5, 97.5])
    return float(np.mean([group.mean() for group in each])), float(low), float(high)


def area(right: NDArray[Any], looks: Sequence[int]) -> NDArray[np.float64]:
    """Mean over looks ``[n]`` of what is right, or found, ``[n, g]``, from the first number of looks to the last, by
    trapezes."""
    widths = np.diff(np.asarray(looks, np.float64))
    if widths.sum() == 0:
        return right[:, -1].astype(np.float64)
    heights = (right[:, 1:].astype(np.float64) + right[:, :-1]) / 2
    return (heights * widths).sum(1) / widths.sum()
