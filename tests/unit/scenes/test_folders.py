"""Folders of labelled pictures: every layout is found, every mistake is named."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveate.errors import DataError
from foveate.scenes.folders import find_pictures, natural_key


def picture(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (6, 7, 3), np.uint8)
    Image.fromarray(noise).save(path)
    return path


def relative(paths: tuple[str, ...], root: Path) -> list[str]:
    return [Path(path).relative_to(root).as_posix() for path in paths]


def test_a_folder_per_class(tmp_path: Path) -> None:
    for i, name in enumerate(["class10/a.png", "class2/b.JPG", "class2/deep/c.png", "Zebra/d.webp", "ant/e.png"]):
        picture(tmp_path / name, i)
    (tmp_path / "class2" / "notes.txt").write_text("x")
    (tmp_path / "class2" / ".hidden.png").write_text("x")
    (tmp_path / ".git").mkdir()
    (tmp_path / "empty").mkdir()
    picture(tmp_path / "loose.png")
    folder = find_pictures(tmp_path)
    assert folder.class_names == ("ant", "class2", "class10", "Zebra")
    expected = ["ant/e.png", "class2/b.JPG", "class2/deep/c.png", "class10/a.png", "Zebra/d.webp"]
    assert relative(folder.paths, tmp_path) == expected
    assert folder.labels.tolist() == [0, 1, 1, 2, 3]
    assert folder.splits is None
    assert folder.boxes_px is None
    assert folder.ignored == {
        "files that are no pictures": 1,
        "hidden files": 1,
        "class folders without pictures": 1,
        "pictures outside a class folder": 1,
    }


@pytest.mark.parametrize("names", [("train", "val", "test"), ("Training", "valid"), ("train",)])
def test_splits(tmp_path: Path, names: tuple[str, ...]) -> None:
    for i, split in enumerate(names):
        for label in ("cat", "dog"):
            picture(tmp_path / split / label / f"{i}.png", i)
    folder = find_pictures(tmp_path)
    assert folder.class_names == ("cat", "dog")
    assert folder.splits is not None
    assert set(folder.splits) == {"train", "val", "test"} if len(names) == 3 else set(folder.splits) <= {"train", "val"}
    assert len(folder) == 2 * len(names)


def test_one_class_may_be_called_test(tmp_path: Path) -> None:
    picture(tmp_path / "test" / "a.png")
    picture(tmp_path / "other" / "a.png")
    assert find_pictures(tmp_path).class_names == ("other", "test")


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    picture(tmp_path / "data" / "cat" / "a.png")
    picture(tmp_path / "data" / "dog" / "a.png")
    picture(tmp_path / "elsewhere" / "b.png")
    (tmp_path / "data" / "cat" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "cat" / "loop").symlink_to(tmp_path / "data" / "cat")
    assert len(find_pictures(tmp_path / "data")) == 3


def test_csv(tmp_path: Path) -> None:
    for name in ("x/a.png", "x/b.png", "c.png"):
        picture(tmp_path / name)
    (tmp_path / "labels.csv").write_text(
        '\ufeffPath,Label,split,boxes\nx/b.png, cat,train,"[[1,2,3,4],[0,0,2,2]]"\nx/a.png,dog,VAL,\nc.png,cat,,[]\n'
    )
    folder = find_pictures(tmp_path)
    assert relative(folder.paths, tmp_path) == ["x/b.png", "x/a.png", "c.png"]
    assert folder.labels.tolist() == [0, 1, 0]
    assert folder.splits == ("train", "val", "")
    assert folder.boxes_px is not None
    assert [box.tolist() for box in folder.boxes_px] == [[[1, 2, 3, 4], [0, 0, 2, 2]], [], []]


def test_csv_with_a_line_per_box(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png")
    file = tmp_path / "boxes.csv"
    file.write_text("file_name,label,top,left,bottom,right\na.png,1,0,0,2,2\na.png,1,3,3,5,6\nb.png,2,,,,\n")
    folder = find_pictures(file)
    assert folder.boxes_px is not None
    assert [len(boxes) for boxes in folder.boxes_px] == [2, 0]
    assert folder.class_names == ("1", "2")


def test_a_box_in_a_corner_of_a_jsonl_is_a_box(tmp_path: Path) -> None:
    """Its edges are the number 0, which is not nothing."""
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png")
    rows = [
        {"path": "a.png", "label": 1, "top": 0, "left": 0, "bottom": 2, "right": 2},
        {"path": "b.png", "label": 2, "top": None, "left": None, "bottom": None, "right": None},
    ]
    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    boxes_px = find_pictures(tmp_path).boxes_px
    assert boxes_px is not None
    assert [boxes.tolist() for boxes in boxes_px] == [[[0, 0, 2, 2]], []]


def test_jsonl(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png")
    rows = [{"path": "a.png", "label": 3}, {"path": str(tmp_path / "b.png"), "label": 12}]
    (tmp_path / "metadata.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    folder = find_pictures(tmp_path)
    assert folder.class_names == ("3", "12")
    assert folder.boxes_px is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no pictures"),
        ("path,label\n", "names no pictures"),
        ("file,label\na.png,1\n", "line 2: has no path; its columns are file, label"),
        ("path,label\na.png,\n", "line 2: has no label"),
        ("path,label\na.png,1\ngone.png,2\nlost.png,2\n", r"2 of 3 pictures are not there: .*gone\.png, .*lost\.png"),
        ("path,label\na.png,1\na.png,2\n", "line 3: .* named again as '2'"),
        ("path,label\na.png,1\na.png,1\n", "line 3: .* named twice"),
        ("path,label\na.png,1\nb.png,1\n", "of one class, '1'"),
        ("path,label,split\na.png,1,dev\n", "allowed are train, val and test"),
        ("path,label,boxes\na.png,1,nonsense\n", r"line 2: .* a box is \[top, left"),
        ('path,label,boxes\na.png,1,"[[3,3,1,1]]"\n', "is empty, negative"),
        ("path,label\na.png,1,2\n", "more values than"),
    ],
)
def test_mistakes_in_a_csv(tmp_path: Path, text: str, message: str) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png")
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        find_pictures(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"{", "line 1: is no JSON"), (b"[1]", "line 1: is no object"), (b"\xff\xfe\xfa", "is no UTF-8 text")],
)
def test_mistakes_in_a_jsonl(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "labels.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=message):
        find_pictures(tmp_path)


def test_folders_that_cannot_be_learned_from(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such folder"):
        find_pictures(tmp_path / "gone")
    with pytest.raises(DataError, match="has no pictures"):
        find_pictures(tmp_path)
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "notes.txt").write_text("x")
    with pytest.raises(DataError, match="passed over: 1 files that are no pictures"):
        find_pictures(tmp_path)
    loose = picture(tmp_path / "loose.png")
    with pytest.raises(DataError, match="1 pictures but no class folders: make one sub-folder per class"):
        find_pictures(tmp_path)
    with pytest.raises(DataError, match="it is a file"):
        find_pictures(loose)
    picture(tmp_path / "cat" / "a.png")
    with pytest.raises(DataError, match="of one class, 'cat'; needed are two or more"):
        find_pictures(tmp_path)


def test_select(tmp_path: Path) -> None:
    for name in ("a/1.png", "a/2.png", "b/3.png"):
        picture(tmp_path / name)
    folder = find_pictures(tmp_path)
    for rows in ([2, 0], np.array([True, False, True])):
        part = folder.select(rows)
        assert len(part) == 2
        assert part.class_names == folder.class_names
        assert part.paths == tuple(folder.paths[i] for i in np.arange(3)[rows])
    assert len(folder.select([])) == 0


def test_natural_order() -> None:
    assert sorted(["b", "a10", "A2", "a1", "10", "9", "²"], key=natural_key) == ["9", "10", "a1", "A2", "a10", "b", "²"]


def test_a_pipe_named_like_a_picture_is_found_but_not_opened(tmp_path: Path) -> None:
    picture(tmp_path / "a" / "1.png")
    (tmp_path / "b").mkdir()
    os.mkfifo(tmp_path / "b" / "2.png")
    assert len(find_pictures(tmp_path)) == 2
