"""Which file is read, as what; and files that are none of these."""

from __future__ import annotations

import json
from math import inf, nan
from pathlib import Path

import pytest

from foveate.annotations import ANNOTATIONS
from foveate.annotations.reading import is_annotated, read_annotations
from foveate.errors import DataError, UsageError
from foveate.exports import save_found
from foveate.scenes.folders import find_pictures
from tests.support.findings import a_found

PLACES = "path,label,row,col\na.tif,boat,5,5\n"
LABELS = "path,label\na.tif,boat\nb.tif,tree\n"
COCO = json.dumps({"annotations": [], "categories": [], "images": []})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.tif", "b.tif"):
        (tmp_path / name).touch()
    return tmp_path


def test_annotations_go_before_labels(folder: Path) -> None:
    assert not is_annotated(folder)
    (folder / "labels.csv").write_text(PLACES.replace("boat", "labels"))
    assert read_annotations(folder).class_names == ("labels",)
    (folder / "annotations.csv").write_text(PLACES)
    assert read_annotations(folder).class_names == ("boat",)
    (folder / "annotations.jsonl").touch()
    with pytest.raises(DataError, match=r"has annotations.csv and annotations.jsonl: remove all but one, or name the"):
        read_annotations(folder)
    assert is_annotated(folder)
    assert read_annotations(folder / "annotations.csv").class_names == ("boat",)


def test_capitals_do_not_matter_in_the_suffix_of_a_file(folder: Path) -> None:
    (folder / "Mine.CSV").write_text(PLACES)
    assert is_annotated(folder / "Mine.CSV")
    assert read_annotations(folder / "Mine.CSV").class_names == ("boat",)


def test_folders_of_labelled_pictures_are_left_to_others(folder: Path) -> None:
    """What `foveate train FOLDER` classifies today, it classifies."""
    (folder / "labels.csv").write_text(LABELS)
    (folder / "labels.json").write_text('{"0": "boat", "1": "tree"}')
    assert not is_annotated(folder)
    assert not is_annotated(folder / "labels.csv")
    assert len(find_pictures(folder)) == 2
    (folder / "labels.json").unlink()
    made = read_annotations(folder)  # and who asks gets the labels
    assert (made.has_places, made.labels.tolist()) == (False, [1, 2])


@pytest.mark.parametrize(
    ("name", "text", "is_one"),
    [
        ("labels.json", COCO, True),
        ("labels.json", '{"type": "FeatureCollection", "features": []}', True),
        ("labels.json", "[]", False),
        ("labels.json", "", False),
        ("labels.geojson", "", True),  # what is wrong with it, reading says
        ("labels.coco.json", "", True),
        ("labels.csv", "", False),
        ("labels.csv", "path,label,top,left,bottom\na,b,1,1,1\n", False),
        ("labels.jsonl", '{"path": "a.tif"}\n{"path": "b.tif", "boxes": []}\n', True),
        ("labels.jsonl", "{", False),
        ("metadata.csv", PLACES, False),
        ("annotations.csv", "", True),  # nobody else would say what is wrong
        ("annotations.csv", PLACES.replace(",", ";"), True),
        ("annotations.csv", PLACES + "a.tif,boat,5,5,5\n", True),
        ("annotations.json", "{", True),
        ("annotations.csv", LABELS, False),
    ],
)
def test_whether_a_folder_marks_places(folder: Path, name: str, text: str, is_one: bool) -> None:
    (folder / name).write_text(text)
    assert is_annotated(folder) is is_one


def test_annotations_that_mark_nothing_are_left_to_who_has_classes(folder: Path) -> None:
    (folder / "annotations.json").write_text("{}")
    assert is_annotated(folder)
    (folder / "z.zarr").mkdir()  # a picture
    assert is_annotated(folder)
    (folder / "boat").mkdir()
    assert not is_annotated(folder)
    (folder / "boat").rmdir()
    (folder / "labels.csv").write_text(LABELS)
    assert not is_annotated(folder)


def test_whether_something_else_does(folder: Path) -> None:
    assert not is_annotated(folder / "gone")
    assert not is_annotated(folder / "gone.csv")
    assert not is_annotated(folder / "a.tif")
    (folder / "any.json").write_text("{}")
    assert is_annotated(folder / "any.json")  # it was chosen, so reading says what is wrong


@pytest.mark.parametrize("point_px", [0.0, -1.0, nan, inf])
def test_a_side_that_cannot_be(folder: Path, point_px: float) -> None:
    with pytest.raises(UsageError, match=f"point_px is {point_px}; it must be a number of pixels above 0"):
        read_annotations(folder, point_px=point_px)


def test_places_that_are_not_there(folder: Path) -> None:
    with pytest.raises(DataError, match=r"gone: there is no such file or folder"):
        read_annotations(folder / "gone")
    with pytest.raises(DataError, match=r"one of annotations.coco.json, .*, labels.jsonl"):
        read_annotations(folder)
    with pytest.raises(DataError, match=r"a.tif: ends in '.tif'; files of annotations end in .coco.json, .json"):
        read_annotations(folder / "a.tif")
    (folder / "notes").touch()
    with pytest.raises(DataError, match=r"notes: ends in 'no suffix'"):
        read_annotations(folder / "notes")


@pytest.mark.parametrize("name", ["x.json", "x.coco.json", "x.geojson"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\xfa", "is no UTF-8 text: save it as UTF-8"),
        (b"{", "is no JSON .*: save it again"),
        (b"", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "holds a list; needed is an object"),
        (b'"x"', "holds a str; needed is an object"),
    ],
)
def test_what_is_no_json(folder: Path, name: str, content: bytes, message: str) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_annotations(folder / name)
    assert str(caught.value).startswith(str(folder / name))


def test_json_that_is_neither(folder: Path) -> None:
    save_found(folder / "found.json", [a_found()])
    message = r"has foveate_found, found; .* of coco \(images, categories, annotations\) or geojson \(features\)"
    with pytest.raises(DataError, match=message):
        read_annotations(folder / "found.json")
    (folder / "found.json").write_text(json.dumps({str(number): "x" for number in range(1000)}))
    with pytest.raises(DataError, match=r"has 0, 1, 2, 3, 4, \.\.\.; needed"):
        read_annotations(folder / "found.json")
    (folder / "found.json").write_text("{}")
    with pytest.raises(DataError, match=r"has no members; needed"):
        read_annotations(folder / "found.json")


def test_the_beginning_may_be_marked_as_utf_8(folder: Path) -> None:
    (folder / "x.json").write_text("\ufeff" + COCO)
    with pytest.raises(DataError, match="names no pictures"):
        read_annotations(folder / "x.json")


@pytest.mark.parametrize("name", sorted(ANNOTATIONS))
def test_every_format_says_what_it_is(name: str) -> None:
    facts = ANNOTATIONS.facts(name)
    assert callable(ANNOTATIONS.get(name))
    assert facts["summary"]
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in facts["suffixes"])
