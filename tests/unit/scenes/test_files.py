"""Files find their reader by the facts of the registry: a type that another package registers is asked like our own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from foveate.answers import Answer, Failure
from foveate.cli.main import main
from foveate.errors import IncompatibleError, SceneError
from foveate.looker import load
from foveate.model_folder import save
from foveate.registry import Registry
from foveate.scenes import SCENES, files
from foveate.scenes.files import file_suffixes, open_files, reader_of
from foveate.scenes.memory import ArrayScenes
from foveate.scenes.pictures import PictureScenes
from foveate.system import PartSpec, SystemSpec, build

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 40, 60), np.uint8)


class Slides(ArrayScenes):
    """A throw-away type: numpy files under another name."""

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__([self.opened(path) for path in paths])

    @staticmethod
    def opened(path: str) -> Any:
        try:
            return np.load(path)
        except (OSError, ValueError) as error:
            raise SceneError(f"is no slide ({error})", path=path) from error


class Deep(Slides):
    """One that gives what the model wants."""

    @classmethod
    def for_model(cls, paths: Sequence[str], *, num_bands: int, value_range: tuple[float, float]) -> Deep:
        scenes = cls(paths)
        assert (num_bands, value_range) == (3, (0.0, 255.0))
        return scenes


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three more types, for one test."""
    monkeypatch.setattr(SCENES, "_entries", dict(SCENES._entries))
    SCENES.register("slides", Slides, source="file", suffixes=(".dcm",))
    SCENES.register("deep", Deep, source="file", suffixes=(".ome.tif", ".DEEP"))
    SCENES.register("stream", Slides, source="stream", suffixes=(".png",))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = {"num_outputs": 2, "glance_px": (16, 16), "focus_px": (8, 8), "state_grid": (3, 3), "max_looks": 2}
    spec = SystemSpec(
        model=PartSpec(name="glance_focus", config=config),
        policy=PartSpec(name="spatial"),
        critic=PartSpec(name="spatial_value"),
        task=PartSpec(name="classification", config={"class_names": ("cat", "dog")}),
    )
    return save(build(spec), tmp_path_factory.mktemp("run") / "model", provenance={"command": "test"})


def slide(path: Path, pixels: np.ndarray = PIXELS) -> Path:
    with path.open("wb") as file:
        np.save(file, pixels)
    return path


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("a.dcm", "slides"),
        ("folder.png/B.DCM", "slides"),
        ("a.deep", "deep"),
        ("a.ome.tif", "deep"),
        ("a.tif", "pictures"),
        ("a.png", "pictures"),
        ("upload", "pictures"),
        ("dcm", "pictures"),
    ],
)
def test_the_longest_suffix_decides_and_pictures_take_the_rest(name: str, reader: str) -> None:
    assert reader_of(name) == reader


def test_all_suffixes_are_known_in_small_letters() -> None:
    assert {".jpg", ".dcm", ".deep", ".ome.tif"} <= set(file_suffixes())


def test_a_type_gives_what_the_model_wants_or_what_it_has(tmp_path: Path) -> None:
    wanted: dict[str, Any] = {"num_bands": 3, "value_range": (0.0, 255.0)}
    for name, kind in (("a.dcm", Slides), ("a.deep", Deep)):
        path = str(slide(tmp_path / name))
        assert type(open_files(reader_of(path), [path], **wanted)) is kind
    Image.fromarray(PIXELS.transpose(1, 2, 0)).save(tmp_path / "a.png")
    grey = open_files("pictures", [str(tmp_path / "a.png")], num_bands=1, value_range=(0.0, 65535.0))
    assert isinstance(grey, PictureScenes)
    assert (grey.num_bands, grey.value_range) == (1, (0.0, 65535.0))


def test_foveate_look_reads_a_file_of_a_registered_type(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    slide(tmp_path / "in" / "a.dcm")
    assert main(["look", str(tmp_path / "in"), "--model", str(model), "--out", str(tmp_path / "out")]) == 0
    assert "a.dcm: " in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.json", "a.png"]
    (tmp_path / "bad.dcm").write_bytes(b"x" * 100)
    assert main(["look", str(tmp_path / "bad.dcm"), "--model", str(model), "--out", str(tmp_path / "out")]) == 1
    assert "bad.dcm: is no slide" in capsys.readouterr().err


def test_types_do_not_mix_in_a_batch_and_the_same_pixels_get_the_same_answer(model: Path, tmp_path: Path) -> None:
    slide(tmp_path / "a.dcm")
    slide(tmp_path / "a.deep")
    slide(tmp_path / "grey.dcm", PIXELS[:1])
    Image.fromarray(PIXELS.transpose(1, 2, 0)).save(tmp_path / "a.png")
    given = [*(tmp_path / name for name in ("a.dcm", "a.png", "a.deep")), PIXELS.transpose(1, 2, 0)]
    answers = list(load(model).look_many(given))
    assert all(isinstance(answer, Answer) for answer in answers)
    assert len({answer.answer["label"] for answer in answers if isinstance(answer, Answer)}) == 1
    (failure,) = load(model).look_many([tmp_path / "none.dcm"], on_error="give")
    assert isinstance(failure, Failure)
    with pytest.raises(IncompatibleError, match="1 bands, the model reads 3"):
        load(model).look(tmp_path / "grey.dcm")


def test_a_scene_that_is_a_folder_is_looked_at_like_a_file(model: Path, tmp_path: Path) -> None:
    class Tiles(Slides):
        """A folder of many files, or a place that no file system knows."""

        @staticmethod
        def opened(path: str) -> Any:
            return PIXELS

    SCENES.register("tiles", Tiles, source="file", suffixes=(".zarr",))
    (tmp_path / "a.zarr").mkdir()
    for place in (tmp_path / "a.zarr", "https://example.org/a.zarr"):
        assert isinstance(load(model).look(place), Answer)


def test_a_type_that_says_little_of_itself_disturbs_nobody() -> None:
    SCENES.register("bare", Slides)
    SCENES.register("nameless", Slides, source="file")
    assert reader_of("a.png") == "pictures"
    assert ".jpg" in file_suffixes()


def test_a_name_that_nobody_reads_says_who_could(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SCENES", Registry("scene type"))
    with pytest.raises(SceneError, match=r"a\.png: no scene type reads this file"):
        reader_of("a.png")
