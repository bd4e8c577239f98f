"""Windows of marked pictures, as training gets them: marks follow what a window does, broken files stop nothing."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from foveate.annotations.annotated import Annotated, MarkedPicture, annotated
from foveate.errors import DataError, UsageError
from foveate.scenes.splits import sampled_hash
from foveate.training.marked_source import MarkedSource, PixelKind
from foveate.training.window_draw import WindowDraw

KIND = PixelKind()
SIDES = (300, 400)
DOT = (255, 0, 0)
PLACES = {"a.png": [(60, 80), (200, 310)], "b.png": [(120, 40)], "c.png": []}  # middles of 10 px squares


def write(folder: Path) -> Annotated:
    """Grey pictures with a red square wherever something is marked."""
    marks = []
    for name, middles in PLACES.items():
        pixels = np.full((*SIDES, 3), 128, np.uint8)
        for row, col in middles:
            pixels[row - 5 : row + 5, col - 5 : col + 5] = DOT
        Image.fromarray(pixels).save(folder / name)
        boxes = np.array([[r - 5, c - 5, r + 5, c + 5] for r, c in middles], np.float32).reshape(-1, 4)
        marks.append(MarkedPicture(path=str(folder / name), boxes_px=boxes, names=("dot", "spot")[: len(middles)]))
    return annotated(folder, marks, file="marks.csv")


def test_whole_pictures_have_their_own_marks(tmp_path: Path) -> None:
    source = MarkedSource(write(tmp_path), kind=KIND)
    assert len(source) == 3
    batch = source.batch(np.arange(3), 0)
    assert batch.scenes.sizes_px.tolist() == [list(SIDES)] * 3
    target = batch.target
    assert target["label"].tolist() == [1, 1, 0]
    assert target["is_target"].tolist() == [[True, True], [True, False], [False, False]]
    assert target["classes"].tolist() == [[1, 2], [1, 0], [0, 0]]
    middles = target["boxes"].unflatten(2, (2, 2)).mean(2)
    torch.testing.assert_close(middles[1, 0], torch.tensor([120 / 150 - 1, 40 / 200 - 1]))
    assert "heat_gain" not in target


def test_marks_are_where_windows_show_them(tmp_path: Path) -> None:
    """Read back under every box, also of mirrored windows: it is red there, all over."""
    source = MarkedSource(write(tmp_path), kind=KIND, windows=WindowDraw(least_px=60, flip=True))
    seen = 0
    for epoch in range(4):
        batch = source.batch(np.arange(60), epoch)
        target = batch.target
        boxes = target["boxes"].clamp(-1, 1)
        inside = target["is_target"] & (boxes == target["boxes"]).all(2)
        views = torch.cat([(boxes[..., :2] + boxes[..., 2:]) / 2, (boxes[..., 2:] - boxes[..., :2]) / 2 * 0.8], 2)
        pixels = batch.scenes.read(views.numpy(), (4, 4), inside.numpy()).pixels
        shown = pixels[inside.numpy()]
        assert (shown[:, 0] > 200).all()
        assert (shown[:, 1] < 60).all()
        seen += len(shown)
        of_windows = target["label"] > 0
        assert torch.equal(of_windows, target["is_target"].any(1))
        assert torch.equal(of_windows, target["present"])
        assert (target["heat_gain"] >= 0.99).all()
        assert (target["label_gain"] > 0).all()
    assert seen > 60


def test_a_batch_is_a_function_of_its_keys(tmp_path: Path) -> None:
    source = MarkedSource(write(tmp_path), kind=KIND, windows=WindowDraw(least_px=60))
    first, again = (source.batch(np.array([7, 8, 9]), 5) for _ in range(2))
    assert torch.equal(first.target["boxes"], again.target["boxes"])
    other = source.batch(np.array([9]), 5)
    assert torch.equal(other.target["boxes"][0], first.target["boxes"][2])
    assert len(source) >= 4096


def test_a_file_that_is_broken_is_passed_over_and_named(tmp_path: Path) -> None:
    marked = write(tmp_path)
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])  # its header is whole
    (tmp_path / "b.png").write_text("no picture")
    source = MarkedSource(marked, kind=KIND)
    assert len(source) == 2
    batch = source.batch(np.arange(2), 0)
    assert len(batch.scenes) == 1
    assert batch.indices.tolist() == [1]
    assert sorted(Path(path).name for path in source.broken) == ["a.png", "b.png"]
    (tmp_path / "c.png").unlink()
    (tmp_path / "a.png").unlink()
    with pytest.raises(DataError, match="none of 3 pictures can be opened"):
        MarkedSource(marked, kind=KIND)


@pytest.mark.parametrize(("num_bands", "read"), [(3, ["b.png", "c.png"]), (4, ["a.tif"])])
def test_pictures_of_other_bands_are_passed_over_and_named(tmp_path: Path, num_bands: int, read: list[str]) -> None:
    tifffile = pytest.importorskip("tifffile")
    marked = write(tmp_path)
    with_infrared = np.zeros((*SIDES, 4), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", with_infrared, photometric="rgb", extrasamples=["unspecified"])
    paths = (str(tmp_path / "a.tif"), *marked.paths[1:])
    source = MarkedSource(replace(marked, paths=paths), kind=PixelKind(num_bands=num_bands))
    assert [Path(path).name for path in paths if path not in source.broken] == read
    assert len(source) == len(read)
    assert all("bands" in why for why in source.broken.values())


def test_what_is_learned_from_decides_the_fingerprint(tmp_path: Path) -> None:
    marked = write(tmp_path)
    base = MarkedSource(marked, kind=KIND).fingerprint
    assert MarkedSource(marked, kind=KIND).fingerprint == base
    assert MarkedSource(marked, kind=KIND, windows=WindowDraw()).fingerprint != base
    assert MarkedSource(marked.select([0, 2]), kind=KIND).fingerprint != base
    moved = MarkedPicture(path=marked.paths[1], boxes_px=marked.boxes_px[1] + 1, names=("dot",))
    rest = [MarkedPicture(path=path) for path in marked.paths if path != moved.path]
    assert MarkedSource(annotated(tmp_path, [moved, *rest], file="x"), kind=KIND).fingerprint != base


def test_labels_alone_are_targets_of_whole_pictures_only(tmp_path: Path) -> None:
    marked = write(tmp_path)
    labels = [MarkedPicture(path=path, label=label) for path, label in zip(marked.paths, ("x", "y", ""), strict=True)]
    known = annotated(tmp_path, labels, file="labels.csv")
    source = MarkedSource(known, kind=KIND)
    assert source.batch(np.array([1, 2]), 0).target.tolist() == [2, 0]
    with pytest.raises(UsageError, match="nothing is marked"):
        MarkedSource(known, kind=KIND, windows=WindowDraw())


@pytest.mark.parametrize("box", [(400, 10, 420, 30), (10, 390, 20, 420), (0, 0, 1e30, 1e30)])
def test_a_box_outside_of_its_picture_is_refused(tmp_path: Path, box: tuple[float, ...]) -> None:
    """No window would ever show it; and the picture would count as one with something in it."""
    path = write(tmp_path).paths[0]
    boxes = np.array([(290, 10, 308, 30), box], np.float32)  # the first sticks out a little
    marked = annotated(tmp_path, [MarkedPicture(path=path, boxes_px=boxes, names=("dot", "dot"))], file="x")
    message = rf"a.png: is 300 x 400 px, and the middle of the box \(top {box[0]:g}, .* lies outside: mend"
    with pytest.raises(DataError, match=message):
        MarkedSource(marked, kind=KIND)


def test_names_of_files_need_not_be_text(tmp_path: Path) -> None:
    marked = write(tmp_path)
    strange = Path(marked.paths[0]).rename(tmp_path / os.fsdecode(b"\xff.png"))
    marked = annotated(tmp_path, [MarkedPicture(path=str(strange), label="dot")], file="x")
    source = MarkedSource(marked, kind=KIND)
    assert source.fingerprint.startswith("marked-1-")
    assert len(sampled_hash(os.fsdecode(b"\xff"))) == 64


@pytest.mark.parametrize("span", [(255.0, 0.0), (5.0, 5.0)])
def test_a_range_has_two_ends(span: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match=rf"value_range is {span[0]:g}, {span[1]:g}; the first must be less"):
        PixelKind(value_range=span)


def test_a_file_that_may_not_be_read_is_one_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is passed over later, by who opens it; here it must not end a run."""
    path = write(tmp_path).paths[0]
    before = sampled_hash(path)

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    assert sampled_hash(path) == hashlib.sha256(path.encode()).hexdigest() != before
