"""What several tiles found of one thing is one finding, whoever found it first."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.errors import UsageError
from foveate.findings import Finding
from foveate.searching.merging import MergeBy, check_merging, merged


def crowd(seed: int) -> list[Finding]:
    """Many boxes in a small place, with equal scores among them, of equal boxes too."""
    rng = np.random.default_rng(seed)
    low, sides = rng.integers(0, 30, (40, 2)), rng.integers(1, 12, (40, 2))
    labels, scores = rng.choice(["a", "b"], 40).tolist(), rng.choice([0.25, 0.5, 1.0], 40).tolist()
    boxes_px = np.concatenate([low, low + sides], 1).tolist()
    every = [thing(score, *box, label=label) for label, score, box in zip(labels, scores, boxes_px, strict=True)]
    return every + every[:3]


ways = st.sampled_from(["smaller", "union"])


def thing(score: float, *box_px: float, label: str = "a") -> Finding:
    return Finding(label=label, score=score, box_px=box_px)  # type: ignore[arg-type]


def overlap(one: Finding, other: Finding, by: str) -> float:
    (up, near, down, far), (top, left, bottom, right) = one.box_px, other.box_px
    shared = max(0, min(down, bottom) - max(up, top)) * max(0, min(far, right) - max(near, left))
    areas = (down - up) * (far - near), (bottom - top) * (right - left)
    return shared / (min(areas) if by == "smaller" else sum(areas) - shared)


@given(seed=st.integers(0, 1000), above=st.sampled_from([0.0, 0.3, 0.5, 0.99]), by=ways)
def test_it_is_greedy_suppression_in_any_order(seed: int, above: float, by: MergeBy) -> None:
    given = crowd(seed)
    kept = merged(given, above=above, by=by)
    shuffled = random.Random(seed).sample(given, len(given))
    assert merged(shuffled, above=above, by=by) == kept
    assert merged(kept, above=above, by=by) == kept
    assert [each.score for each in kept] == sorted((each.score for each in kept), reverse=True)
    for i, one in enumerate(kept):
        assert all(overlap(one, other, by) <= above for other in kept[:i] if other.label == one.label)
    for gone in given:  # nothing is lost without a better one of its label in its place
        rivals = [each for each in kept if each.label == gone.label and each.score >= gone.score]
        assert gone in kept or any(overlap(gone, each, by) > above for each in rivals)


def test_what_a_border_cut_off_goes_where_a_neighbour_saw_the_whole() -> None:
    whole, cut = thing(0.9, 0, 0, 20, 20), thing(0.9, 0, 0, 20, 6)
    assert merged([cut, whole], above=0.5, by="smaller") == [whole], "of equals the larger"
    assert merged([cut, whole], above=0.5, by="union") == [whole, cut], "6 of 20 columns are no half of the union"


def test_things_of_other_labels_and_things_within_things_may_stay() -> None:
    outer, inner, other = thing(0.9, 0, 0, 20, 20), thing(0.8, 5, 5, 10, 10), thing(0.7, 0, 0, 20, 20, label="b")
    assert merged([other, inner, outer], above=0.5, by="union") == [outer, inner, other]
    assert merged([other, inner, outer], above=0.5, by="smaller") == [outer, other]


def test_nothing_is_merged_above_all_there_is() -> None:
    same = [thing(0.5, 0, 0, 4, 4), thing(0.5, 0, 0, 4, 4)]
    assert merged(same, above=1.0, by="union") == same
    assert len(merged(same, above=0.99, by="union")) == 1
    assert merged([], above=0.5, by="union") == []


def test_many_findings_take_no_table_of_all_pairs() -> None:
    rng = np.random.default_rng(0)
    corners_px = rng.integers(0, 20_000, (20_000, 2))
    every = [thing(1 / (1 + i), row, col, row + 20, col + 20) for i, (row, col) in enumerate(corners_px.tolist())]
    kept = merged(every, above=0.5, by="union")
    assert 19_000 < len(kept) < 20_000


@pytest.mark.parametrize(("above", "by"), [(-0.1, "union"), (1.1, "smaller"), (float("nan"), "union"), (0.5, "iou")])
def test_ways_that_there_are_not(above: float, by: str) -> None:
    with pytest.raises(UsageError, match="merge_"):
        check_merging(above, by)
