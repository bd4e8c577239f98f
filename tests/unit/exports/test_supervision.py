"""What other people's tools read; against the real package where it is installed."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foveate.errors import UsageError
from foveate.exports.supervision import Detections
from tests.support.findings import TREE, a_found

INDEXES: list[Any] = [0, -1, np.int64(1), slice(1), slice(None, None, -1), [1, 0], [], [False, True], np.array([1])]
INDEXES.append(np.array([True, False]))


@pytest.fixture
def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "supervision", None)


@pytest.fixture
def package() -> Any:
    with warnings.catch_warnings():  # it says that OpenCV is missing, and what it will remove
        warnings.simplefilter("ignore")
        return pytest.importorskip("supervision", reason="no dependency of ours")


def _same(ours: Any, theirs: Any) -> None:
    for name in ("xyxy", "confidence", "class_id"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), strict=True)
    assert ours.mask is theirs.mask is ours.tracker_id is theirs.tracker_id is None
    assert ours.metadata == theirs.metadata
    np.testing.assert_array_equal(ours.data["class_name"], theirs.data["class_name"], strict=True)


@pytest.mark.usefixtures("no_package")
def test_without_the_package() -> None:
    found = a_found().to_supervision()
    assert isinstance(found, Detections)
    assert len(found) == 2
    np.testing.assert_array_equal(found.xyxy, np.array([[0, 40, 10, 60], [20, 10, 50, 30]], np.float32), strict=True)
    np.testing.assert_array_equal(found.confidence, np.array([0.875, 0.5], np.float32), strict=True)
    np.testing.assert_array_equal(found.class_id, np.array([0, 1], np.int64), strict=True)
    assert found["class_name"].tolist() == found.data["class_name"].tolist() == ["boat", "tree"]
    assert found["colour"] is None
    assert (found.mask, found.tracker_id, found.metadata) == (None, None, {})


@pytest.mark.usefixtures("no_package")
def test_one_after_another() -> None:
    first, second = a_found().to_supervision()
    xyxy, mask, confidence, class_id, tracker_id, data = second
    assert (xyxy.tolist(), confidence, class_id, data) == ([20, 10, 50, 30], 0.5, 1, {"class_name": "tree"})
    assert mask is tracker_id is None
    assert first[-1] == {"class_name": "boat"}


@pytest.mark.usefixtures("no_package")
@pytest.mark.parametrize("index", INDEXES, ids=str)
def test_some_of_them(index: Any) -> None:
    found = a_found().to_supervision()
    some, rows = found[index], np.atleast_1d(np.arange(2)[index]).tolist()
    assert isinstance(some, Detections)
    assert some.xyxy.tolist() == [found.xyxy[row].tolist() for row in rows]
    assert some["class_name"].tolist() == [found["class_name"][row] for row in rows]
    if len(some):
        some.xyxy[:] = 0
        some.metadata["seen"] = True
        assert found.xyxy.any(axis=1).all()  # a copy
        assert not found.metadata


@pytest.mark.usefixtures("no_package")
def test_nothing_found() -> None:
    found = a_found(findings=()).to_supervision(class_names=["tree"])
    assert (found.xyxy.shape, found.confidence.shape, found.class_id.shape) == ((0, 4), (0,), (0,))
    assert list(found) == []
    assert len(found[0]) == len(found[:1]) == 0


@pytest.mark.usefixtures("no_package")
def test_numbers_are_those_of_the_names_given() -> None:
    names = ("tree", "car", "boat")
    assert a_found().to_supervision(names).class_id.tolist() == [2, 0]
    assert a_found(findings=(TREE,)).to_supervision(class_names=names).class_id.tolist() == [0]
    with pytest.raises(UsageError, match=r"'boat' was found, but is none of class_names\. Did you mean 'boats'\?"):
        a_found().to_supervision(["tree", "boats"])


def test_a_package_that_is_broken_says_so_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "supervision.py").write_text("import a_library_that_is_not_here")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "supervision", raising=False)
    with pytest.raises(ModuleNotFoundError, match="a_library_that_is_not_here"):
        a_found().to_supervision()


def test_with_the_package_it_is_the_real_class(package: Any) -> None:
    assert isinstance(a_found().to_supervision(), package.Detections)
    assert isinstance(a_found(findings=()).to_supervision(), package.Detections)


def test_ours_is_like_the_real_one(package: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = a_found().to_supervision()
    empty = a_found(findings=()).to_supervision()
    monkeypatch.setitem(sys.modules, "supervision", None)
    ours = a_found().to_supervision()
    for index in INDEXES:
        _same(ours[index], theirs[index])
    _same(a_found(findings=()).to_supervision()[0], empty[0])
    for mine, real in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine[0], real[0], strict=True)
        assert mine[1:] == real[1:]


def test_the_real_annotator_draws_ours(package: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = a_found().to_supervision()
    monkeypatch.setitem(sys.modules, "supervision", None)
    ours = a_found().to_supervision()
    drawn = [package.BoxAnnotator().annotate(np.zeros((100, 200, 3), np.uint8), each) for each in (ours, theirs)]
    np.testing.assert_array_equal(*drawn)
    assert drawn[0].any()
