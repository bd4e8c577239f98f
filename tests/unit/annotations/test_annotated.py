"""Classes in natural order, a label for each picture, and what cannot be put together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from foveate.annotations.annotated import MarkedPicture, annotated, gathered
from foveate.annotations.boxes import as_array
from foveate.errors import DataError


def marked(path: str, *names: str, **facts: str) -> MarkedPicture:
    """A box per name, one beside the other."""
    boxes = as_array([(0, 10 * at, 5, 10 * at + 5) for at in range(len(names))])
    return MarkedPicture(path=path, boxes_px=boxes, names=names, **facts)


def test_labels_are_those_that_are_said_or_those_of_most_boxes() -> None:
    marks = [
        marked("a", "kind10", "kind2"),  # as many of each: the first in natural order
        marked("b", "kind10", "kind10", "kind2"),
        marked("c", "kind2", label="Kind1"),
        marked("d", label="kind10"),
        marked("e"),
    ]
    made = annotated("here", marks, file="f")
    assert (made.root, made.paths, len(made)) == ("here", ("a", "b", "c", "d", "e"), 5)
    assert made.class_names == ("Kind1", "kind2", "kind10")
    assert made.labels.tolist() == [2, 3, 1, 3, 0]
    assert made.labels.dtype == np.int64
    assert [each.tolist() for each in made.classes] == [[2, 1], [2, 2, 1], [1], [], []]
    assert {each.dtype for each in made.classes} == {np.dtype(np.int64)}
    assert [each.shape for each in made.boxes_px] == [(2, 4), (3, 4), (1, 4), (0, 4), (0, 4)]
    assert made.has_places
    assert made.splits is None


def test_only_labels() -> None:
    made = annotated("here", [marked("a", label="boat"), marked("b", split="val")], file="f")
    assert not made.has_places
    assert made.splits == ("", "val")
    assert made.labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("rows", "chosen"),
    [
        ([2, 0], [2, 0]),
        (np.array([1]), [1]),
        ([], []),
        (np.zeros(3, bool), []),
        ([True, False, True], [0, 2]),
    ],
)
def test_some_of_them(rows: Any, chosen: list[int]) -> None:
    made = annotated("here", [marked("a", "x"), marked("b"), marked("c", "x", "y", split="test")], file="f")
    some = made.select(rows)
    assert some.paths == tuple("abc"[row] for row in chosen)
    assert some.labels.tolist() == [[1, 0, 1][row] for row in chosen]
    assert [len(each) for each in some.boxes_px] == [len(each) for each in some.classes]
    assert [len(each) for each in some.classes] == [[1, 0, 2][row] for row in chosen]
    assert some.splits == tuple(["", "", "test"][row] for row in chosen)
    assert some.class_names == ("x", "y")


def test_what_cannot_be_put_together() -> None:
    with pytest.raises(DataError, match="f: names no pictures; needed is at least one"):
        annotated("here", [], file="f")
    with pytest.raises(DataError, match=r"f: nothing is marked in any picture \(2 pictures\): mark something"):
        annotated("here", [marked("a"), marked("b")], file="f")
    for name in ("none", "None", ""):
        with pytest.raises(DataError, match=f"f: a box in b is labelled '{name}', which says that nothing is there"):
            annotated("here", [marked("a", "x"), marked("b", "x", name)], file="f")


def test_pieces_of_a_picture_are_put_together() -> None:
    pieces = [marked("b", "x"), marked("a", split="val"), marked("b", split="test"), marked("b", "y", "x", label="z")]
    b, a = gathered(("", piece) for piece in pieces)
    assert (b.path, b.names, b.label, b.split) == ("b", ("x", "y", "x"), "z", "test")
    assert b.boxes_px.tolist() == [[0, 0, 5, 5], [0, 0, 5, 5], [0, 10, 5, 15]]
    assert (a.path, len(a.boxes_px), a.split) == ("a", 0, "val")
    for what in ("label", "split"):
        twice = [
            ("line 1", marked("a", **{what: "x"})),
            ("line 2", marked("a")),
            ("line 3", marked("a", **{what: "y"})),
        ]
        with pytest.raises(DataError, match=f"line 3: the {what} of a is 'y', before 'x': keep one"):
            gathered(twice)


def test_of_some_classes_the_rest_is_nothing() -> None:
    marks = [
        MarkedPicture(path="a", boxes_px=np.float32([[0, 0, 1, 1], [2, 2, 3, 3]]), names=("x", "y")),
        MarkedPicture(path="b", boxes_px=np.float32([[0, 0, 1, 1]]), names=("y",), label="x"),
        MarkedPicture(path="c", label="z"),
    ]
    every = annotated("here", marks, file="marks.csv")
    only = every.only(["z", "x"])
    assert only.class_names == ("x", "z")
    assert [boxes.tolist() for boxes in only.boxes_px] == [[[0, 0, 1, 1]], [], []]
    assert [own.tolist() for own in only.classes] == [[0], [], []]
    assert only.labels.tolist() == [1, 1, 2]
    assert only.has_places
    assert not every.only(["z"]).has_places
    assert every.only(["y"]).labels.tolist() == [1, 1, 0]
    with pytest.raises(DataError, match=r"nothing is marked as 'X'.*Did you mean 'x'"):
        every.only(["X"])


@pytest.mark.parametrize("facts", [{"names": ("\ud800",)}, {"label": "a\udcff"}])
def test_a_label_that_is_no_text(facts: dict[str, Any]) -> None:
    """JSON may hold halves of letters, which no file that we write could."""
    boxes = as_array([(0, 0, 5, 5)] * len(facts.get("names", ())))
    with pytest.raises(DataError, match=r"f: a label in a is '.*\\ud.*', which is no text: give it another"):
        annotated("here", [MarkedPicture(path="a", boxes_px=boxes, **facts)], file="f")
