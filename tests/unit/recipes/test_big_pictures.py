"""A folder of marked pictures as a run: what is chosen from the marks, and what cannot be learned from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveate.cli.data import recipe_name, recipe_of
from foveate.errors import DataError, UsageError
from foveate.recipes.big_pictures import big_pictures
from foveate.training.trainer import play

SIDE = 320


def write(folder: Path, *, count: int = 12, side: float = 8, file: str = "labels.jsonl", **more: object) -> Path:
    """Every other picture holds a thing of ``side`` px, of two classes by turns."""
    rng = np.random.default_rng(0)
    lines = []
    for at in range(count):
        Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)).save(folder / f"{at:02}.png")
        box = {"top": 0, "left": 4, "bottom": side, "right": 4 + side, "label": "ab"[at // 2 % 2]}
        lines.append({"path": f"{at:02}.png", **(box if at % 2 == 0 else {"label": "", "top": None}), **more})
    (folder / file).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_a_folder_of_marked_pictures_is_found_by_what_lies_there(tmp_path: Path) -> None:
    write(tmp_path)
    assert recipe_name(str(tmp_path)) == recipe_name(str(tmp_path / "labels.jsonl")) == "big_pictures"
    recipe = recipe_of(str(tmp_path), steps=1)
    assert recipe.name == "big_pictures"
    assert recipe.system.task.config["class_names"] == ("none", "a", "b")
    whole, windows = recipe.test.batch(np.arange(1), 0), recipe.source.batch(np.arange(4), 0)
    assert "heat_gain" in windows.target
    assert "heat_gain" not in whole.target
    told = "\n".join(recipe.notes)  # type: ignore[attr-defined]
    for part in ("12 in", "6 with something in them (a, b)", "6 things marked", "to calibrate", "median 8"):
        assert part in told
    counts = [len(getattr(recipe, part).marked) for part in ("source", "calibration", "test")]
    assert sum(counts) == 12
    shown = [set(getattr(recipe, part).marked.paths) for part in ("source", "calibration", "test")]
    assert not shown[0] & shown[1] | shown[0] & shown[2] | shown[1] & shown[2]


@pytest.mark.parametrize(("side", "finest", "context"), [(8, 1.0, 4 / 3), (40, 1.0, 2.0), (90, 2 * 90 / 128, 2.0)])
def test_the_closest_looks_show_things_whole(tmp_path: Path, side: float, finest: float, context: float) -> None:
    config = big_pictures(write(tmp_path, side=side), steps=1).system.model.config
    assert config["finest_px"] == pytest.approx(finest)
    assert config["context"] == pytest.approx(context)
    chosen = big_pictures(tmp_path, steps=1, finest_px=1.5).system.model.config
    assert chosen["finest_px"] == 1.5


def test_of_some_classes_alone(tmp_path: Path) -> None:
    recipe = big_pictures(write(tmp_path), steps=1, classes=("b",))
    assert recipe.system.task.config["class_names"] == ("none", "b")
    with pytest.raises(DataError, match="nothing is marked as 'c'"):
        big_pictures(tmp_path, steps=1, classes=("c",))


def test_pictures_of_other_bands_are_said_before_training(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    write(tmp_path)
    tifffile.imwrite(
        tmp_path / "00.tif", np.zeros((SIDE, SIDE, 5), np.uint8), photometric="minisblack", planarconfig="contig"
    )
    marks = tmp_path / "labels.jsonl"
    marks.write_text(marks.read_text().replace("00.png", "00.tif"))
    told = "\n".join(big_pictures(tmp_path, steps=1).notes)
    assert "beware     1 picture passed over, for instance" in told
    assert "00.tif: it has 5 bands, wanted are 3" in told


def test_labels_of_whole_pictures_are_taken_with_a_warning(tmp_path: Path) -> None:
    write(tmp_path)
    lines = [f"{at:02}.png,{'ship' if at % 2 else 'none'}" for at in range(12)]
    (tmp_path / "annotations.csv").write_text("\n".join(["path,label", *lines]))
    recipe = big_pictures(tmp_path, steps=1)
    assert recipe.source.batch(np.arange(3), 0).target.ndim == 1
    assert "beware     nothing says where" in "\n".join(recipe.notes)
    assert recipe_name(str(tmp_path)) == "picture_folder"  # labels alone: whoever wants a search, names it


def test_a_folder_that_cannot_be_learned_from(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="says nowhere what is marked"):
        big_pictures(tmp_path, steps=1)
    write(tmp_path, count=2)
    with pytest.raises(DataError, match="of 2 pictures none is left"):
        big_pictures(tmp_path, steps=1)
    write(tmp_path, split="test")
    with pytest.raises(DataError, match="none is left to train with"):
        big_pictures(tmp_path, steps=1)
    write(tmp_path)
    for name, value in (
        ("looks", 0), ("glimpse_px", 0), ("window_px", 0), ("point_px", 0.0), ("finest_px", 0.0), ("bands", 0),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=name):
            big_pictures(tmp_path, steps=1, **{name: value}).build()  # type: ignore[arg-type]


def test_of_pictures_that_an_overview_shows_in_full_nothing_is_learned(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(DataError, match=r"no picture to train with has a side of 321 px or more.* --set glimpse_px"):
        big_pictures(tmp_path, steps=1, glimpse_px=214)
    assert big_pictures(tmp_path, steps=1, glimpse_px=213).source


def test_many_classes_of_one_picture_each_cannot_be_split(tmp_path: Path) -> None:
    write(tmp_path)
    lines = [f"{at:02}.png,{at},5,5" for at in range(12)]
    (tmp_path / "annotations.csv").write_text("\n".join(["path,label,row,col", *lines]))
    with pytest.raises(DataError, match="three different ones of one class"):
        big_pictures(tmp_path, steps=1)


@pytest.mark.parametrize("bands", [1, 3, 4])
def test_pictures_of_any_number_of_bands_are_read_and_learned_from(tmp_path: Path, bands: int) -> None:
    """As the page says it: --set bands=4 --set value_range=0,65535."""
    tifffile = pytest.importorskip("tifffile")
    lines = ["path,label,row,col"]
    for at in range(9):
        pixels = np.random.default_rng(at).integers(0, 65536, (SIDE, SIDE, bands), np.uint16)
        layout = {"planarconfig": "contig"} if bands > 1 else {}
        tifffile.imwrite(tmp_path / f"{at}.tif", pixels, photometric="minisblack", **layout)
        lines.append(f"{at}.tif,ship,40,40")
    (tmp_path / "annotations.csv").write_text("\n".join(lines))
    recipe = big_pictures(tmp_path, steps=1, glimpse_px=32, window_px=64, bands=bands, value_range=(0.0, 65535.0))
    batch = recipe.source.batch(np.arange(4), 0)
    episode = play(recipe.build(), batch, num_looks=8, noise=None)
    assert len(episode.events[-1].state.num_looks) == 4
