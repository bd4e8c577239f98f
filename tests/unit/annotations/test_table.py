"""CSV and JSONL, under the names that people give to columns; and what `foveate find` saved, corrected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foveate.annotations.annotated import Annotated
from foveate.annotations.reading import is_annotated, read_annotations
from foveate.errors import DataError
from foveate.exports import save_found
from tests.support.findings import BOAT, TREE, UTM, a_found


def write(folder: Path, text: str, *, name: str = "annotations.csv", pictures: str = "a.tif b.tif c.tif") -> Path:
    """The file; its pictures are there, and empty: nothing opens them."""
    for each in pictures.split():
        (folder / each).parent.mkdir(parents=True, exist_ok=True)
        (folder / each).touch()
    (folder / name).write_text(text)
    return folder / name


def plain(made: Annotated) -> dict[str, list[Any]]:
    """(name, box) of everything that is marked, by the pictures' names."""
    return {
        Path(path).name: [(made.class_names[kind], box) for kind, box in zip(kinds, boxes.tolist(), strict=True)]
        for path, kinds, boxes in zip(made.paths, made.classes, made.boxes_px, strict=True)
    }


def test_a_line_per_box(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "\ufeffPath,Label,split,top,left,bottom,right\n"
        "a.tif,boat,train,1,2,3,4\nb.tif,,VALID,,,,\na.tif, tree ,,5,6,7.5,8\nc.tif,none,,,,,\n",
    )
    for place in (tmp_path, file, str(file)):
        made = read_annotations(place)
        assert made.root == str(tmp_path)
        assert made.paths == tuple(str(tmp_path / name) for name in ("a.tif", "b.tif", "c.tif"))
        assert plain(made) == {"a.tif": [("boat", [1, 2, 3, 4]), ("tree", [5, 6, 7.5, 8])], "b.tif": [], "c.tif": []}
        assert made.labels.tolist() == [1, 0, 0]
        assert made.splits == ("train", "val", "")
        assert made.has_places
        assert is_annotated(place)


@pytest.mark.parametrize(
    ("columns", "values", "box"),
    [
        ("path,label,top,left,bottom,right", "a.tif,x,1,2,3,4", [1, 2, 3, 4]),
        ("file_name,class,top_px,left_px,bottom_px,right_px", "a.tif,x,0,0,3,4", [0, 0, 3, 4]),
        ("picture,category,boxes", 'a.tif,x,"[[1, 2, 3, 4]]"', [1, 2, 3, 4]),
        ("image,label,row,col", "a.tif,x,20,3", [15, 0, 25, 8]),
        ("path,label,row_px,col_px", "a.tif,x,20,30.5", [15, 25.5, 25, 35.5]),
        ("path,label,x_px,y_px", "a.tif,x,30,20", [15, 25, 25, 35]),
        ("path,label,x,y,row,col", "a.tif,x,9,9,20,30", [15, 25, 25, 35]),
        ("path,label,top,left,bottom,right,row,col", "a.tif,x,1,2,3,4,20,30", [1, 2, 3, 4]),
        ("path,label,top,left,bottom,right,row,col", "a.tif,x,,,,,20,30", [15, 25, 25, 35]),
    ],
)
def test_the_names_of_columns(tmp_path: Path, columns: str, values: str, box: list[float]) -> None:
    file = write(tmp_path, f"{columns}\n{values}\n")
    assert is_annotated(file)
    assert plain(read_annotations(file, point_px=10)) == {"a.tif": [("x", box)]}


def test_jsonl(tmp_path: Path) -> None:
    lines = [
        {"path": "b.tif"},
        {"path": "a.tif", "label": 3, "boxes": [[0, 0, 5, 5], [1, 2, 3, 4]]},
        {"path": "a.tif", "label": 12, "top": 0, "left": 0, "bottom": 2, "right": 2},
        {"path": "a.tif", "label": 0, "row": 0, "col": 0},
        {"path": "c.tif", "label": 12, "boxes": []},
    ]
    write(tmp_path, "\n".join(map(json.dumps, lines)) + "\n\n", name="labels.jsonl")
    made = read_annotations(tmp_path)
    assert is_annotated(tmp_path)
    assert made.class_names == ("0", "3", "12")
    assert plain(made) == {
        "b.tif": [],
        "a.tif": [("3", [0, 0, 5, 5]), ("3", [1, 2, 3, 4]), ("12", [0, 0, 2, 2]), ("0", [0, 0, 16, 16])],
        "c.tif": [],
    }
    assert made.labels.tolist() == [0, 2, 3]


def test_plain_x_and_y_are_no_place_in_the_picture(tmp_path: Path) -> None:
    file = write(tmp_path, "path,label,x,y\na.tif,boat,500000,5600000\nb.tif,none,,\n")
    made = read_annotations(file)
    assert not is_annotated(file)
    assert (made.has_places, made.labels.tolist()) == (False, [1, 0])


def test_a_label_of_the_whole_picture_goes_before_those_of_boxes(tmp_path: Path) -> None:
    write(tmp_path, "path,label,row,col\na.tif,boat,1,1\na.tif,harbour,,\nb.tif,boat,2,2\n")
    made = read_annotations(tmp_path)
    assert [made.class_names[label - 1] for label in made.labels] == ["harbour", "boat"]


@pytest.mark.parametrize("ending", ["found.csv", "annotations.csv"])
def test_what_was_found_is_corrected_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    """Pictures were given as a folder, from the folder above; the table lies there or beside the pictures."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "harbour", "", name="notes.txt")
    file = Path(ending) if ending == "found.csv" else Path("harbour", ending)
    save_found(
        file, [a_found(), a_found(picture="harbour/b.tif", geo_transform=UTM, crs="EPSG:32633", findings=(TREE,))]
    )
    made = read_annotations(file)
    top, left, bottom, right = BOAT.box_px
    tree = ("tree", list(TREE.box_px))
    assert plain(made) == {"a.tif": [("boat", [top, left, bottom, right]), tree], "b.tif": [tree]}
    text = file.read_text().replace("tree", "bush", 1) + "harbour/c.tif,,,,,,,,,\r\n"
    file.write_text(text.replace("boat", "ship"))
    made = read_annotations(file)
    assert made.class_names == ("bush", "ship", "tree")
    assert {name: len(marks) for name, marks in plain(made).items()} == {"a.tif": 2, "b.tif": 1, "c.tif": 0}
    assert made.labels.tolist() == [1, 3, 0]
    assert {Path(path).parent for path in made.paths} == {file.parent if file.parent.name else Path("harbour")}


def test_one_picture_has_one_path_however_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write(tmp_path / "real", "", name="notes.txt")
    names = ["a.tif", "./a.tif", "../real/a.tif", str(tmp_path / "real" / "a.tif"), str(tmp_path / "link" / "a.tif")]
    lines = "".join(f"{name},x,{row},9\n" for row, name in enumerate(names))
    file = write(tmp_path / "link", f"path,label,row,col\n{lines}https://a.b/c.tif,x,1,1\n")
    made = read_annotations(file)
    assert made.paths == (str(tmp_path / "link" / "a.tif"), "https://a.b/c.tif")
    assert len(made.boxes_px[0]) == 5


def test_a_linked_picture_keeps_its_name(tmp_path: Path) -> None:
    for folder in ("blobs", "set"):
        (tmp_path / folder).mkdir()
    (tmp_path / "blobs" / "0123").touch()
    (tmp_path / "set" / "a.tif").symlink_to(tmp_path / "blobs" / "0123")
    file = write(tmp_path / "set", "path,label,row,col\na.tif,x,1,1\n", pictures="")
    assert read_annotations(file).paths == (str(tmp_path / "set" / "a.tif"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no pictures"),
        ("path,label,row,col\n", "names no pictures"),
        ("name,label\na.tif,x\n", "line 2: has no path; its columns are name, label"),
        ("path,label\na.tif,x,y\n", "line 2: has more values than"),
        ("path,label,row,col\na.tif,x,1,1\nb.tif,,2,2\n", "line 3: marks a place but has no label"),
        ("path,row,col\na.tif,1,1\n", "line 2: marks a place but has no label"),
        ("path,label,top,left,bottom,right\na.tif,x,1,2,3,\n", "line 2: of the box, right is not given; a place is"),
        ("path,label,row,col\na.tif,x,1,\n", "line 2: of the point, col is not given"),
        ("path,label,row,col\na.tif,x,1,b\n", "line 2: could not convert string to float: 'b'; a place is"),
        ("path,label,row,col\na.tif,x,1,-1\n", r"line 2: the point \(row 1, col -1\) is negative"),
        ("path,label,row,col\na.tif,x,1,nan\n", r"line 2: the point .* not finite"),
        ("path,label,top,left,bottom,right\na.tif,x,1,2,1,5\n", "line 2: the box .* is empty"),
        ("path,label,top,left,bottom,right\na.tif,x,-1,2,1,5\n", "line 2: the box .* is empty, negative"),
        ("path,label,top,left,bottom,right\na.tif,x,1,2,inf,5\n", "line 2: the box .* not finite"),
        ("path,label,boxes\na.tif,x,nonsense\n", "line 2: Expecting value"),
        ('path,label,boxes\na.tif,x,"[1, 2, 3]"\n', "line 2: cannot reshape"),
        ("path,label,row,col,split\na.tif,x,1,1,dev\n", "line 2: the split is 'dev'; allowed are train, val and test"),
        (
            "path,label,row,col,split\na.tif,x,1,1,val\na.tif,x,3,3,test\n",
            "line 3: the split of .*a.tif is 'test', before",
        ),
        ("path,label\na.tif,x\na.tif,y\n", "line 3: the label of .*a.tif is 'y', before 'x'"),
        ("path,label,row,col\na.tif,,,\nb.tif,none,,\n", r"nothing is marked in any picture \(2 pictures\)"),
        ("path,label,row,col\na.tif,None,1,1\n", "a box in .*a.tif is labelled 'None'"),
        (
            "path,label,row,col\na.tif,x,1,1\n" + "".join(f"lost{at}.tif,x,1,1\n" for at in range(7)),
            r"7 of 8 pictures are not there: .*lost0\.tif, .*lost4\.tif, \.\.\.; names are taken relative",
        ),
        ("path,label,row,col\nlost.tif,x,1,1\na.tif,x,1,1\n", r"1 of 2 pictures are not there: \S*lost\.tif; names"),
    ],
)
def test_mistakes_in_a_csv(tmp_path: Path, text: str, message: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(DataError, match=message) as caught:
        read_annotations(tmp_path)
    assert str(caught.value).startswith(str(file))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "line 1: is no JSON"),
        (b"[" * 100_000, "line 1: is no JSON"),
        (b'{"path": 1' + b"0" * 5000 + b"}", "line 1: is no JSON .*digits"),
        (b"[1]", "line 1: is no object"),
        (b"\xff\xfe\xfa", "is no UTF-8 text"),
        (b'{"path": "a.tif", "label": "x", "row": [1], "col": 2}', "line 1: could not convert"),
        (b'{"path": "a.tif", "label": "x", "boxes": 5}', "line 1: cannot reshape"),
    ],
)
def test_mistakes_in_a_jsonl(tmp_path: Path, content: bytes, message: str) -> None:
    write(tmp_path, "", name="annotations.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_annotations(tmp_path)


@pytest.mark.parametrize("kind", ["jsonl", "csv", "coco"])
def test_what_make_scene_writes_is_read(tmp_path: Path, kind: str) -> None:
    from foveate.scenes.made_labels import write_labels

    things = [
        {"class": "boat", "is_target": True, "box_px": [1.0, 2.0, 3.0, 4.0]},
        {"class": "look-alike", "is_target": False, "box_px": [5.0, 6.0, 7.0, 9.0]},
    ]
    made = [
        {"file": "a.tif", "present": True, "label": "boat", "things": things},
        {"file": "b.tif", "present": False, "label": None, "things": things[1:]},
    ]
    for name in ("a.tif", "b.tif"):
        (tmp_path / name).touch()
    write_labels(tmp_path, made, kind=kind, class_names=("boat",), size_px=(64, 64))  # type: ignore[arg-type]
    assert is_annotated(tmp_path)
    found = read_annotations(tmp_path)
    boat, other = ("boat", [1, 2, 3, 4]), ("look-alike", [5, 6, 7, 9])
    assert plain(found) == {"a.tif": [boat, other], "b.tif": [other]}
    only = found.only(["boat"])
    assert plain(only) == {"a.tif": [boat], "b.tif": []}
    assert (only.labels.tolist(), only.class_names) == ([1, 0], ("boat",))


@pytest.mark.parametrize(
    ("things", "told"),
    [("3", "no list of objects"), ('[{"label": "x"}]', "has no box"), ('[{"box": [1, 2, 3, 4]}]', "has no label"),
     ('[{"label": "x", "box": [1, 2, 3]}]', "a place is"), ('[{"label": "x", "box": [3, 2, 1, 4]}]', "is empty")],
)  # fmt: skip
def test_things_that_are_none(tmp_path: Path, things: str, told: str) -> None:
    file = write(tmp_path, f'{{"path": "a.tif", "things": {things}}}\n', name="labels.jsonl")
    with pytest.raises(DataError, match=f"line 1: .*{told}"):
        read_annotations(file)
