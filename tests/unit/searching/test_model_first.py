"""A model searches first, and what it expects of the tiles, or found in them, is their order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import foveate
from foveate.core import Observation
from foveate.errors import IncompatibleError, UsageError
from foveate.geometry.viewpoint import from_boxes_px
from foveate.looker import Looker
from foveate.model_folder import save
from foveate.policies.promise import promise
from foveate.scenes.memory import ArrayScenes
from foveate.searching.model_first import expected_in, model_first
from foveate.searching.tiling import Tiles
from foveate.system import PartSpec, SystemSpec, build

SIZE_PX, LOOKS = (192, 256), 8
TILES = Tiles.of(SIZE_PX, tile_px=(64, 64), overlap=0)  # 3 x 4
BUSY = {"tile_px": (64, 64), "overlap": 0.0}


def looker(name: str = "zoom_search", *, task: str = "finding", **settings: Any) -> Looker:
    torch.manual_seed(3)
    own: dict[str, Any] = {"glimpse_px": (16, 16), "cells": (4, 4), "hidden_dim": 16}
    own |= {"finds": True} if task == "finding" else {}
    at_once = 4 if name == "zoom_search" else 1
    system = build(
        SystemSpec(
            model=PartSpec(name=name, config={**(own if name == "zoom_search" else {}), **settings}),
            policy=PartSpec(name="spatial", config={"num_looks_per_step": at_once, "offset": 0.0}),
            task=PartSpec(name=task, config={"class_names": ("none", "a")}),
        )
    )
    for parameter in system.model.parameters():  # fresh heads answer alike, whatever they see
        torch.nn.init.normal_(parameter, std=0.3)
    return Looker(system)


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (*SIZE_PX, 3), np.uint8)


def observation(boxes_px: list[tuple[float, ...]], relevance: list[float]) -> Observation:
    windows = from_boxes_px(np.array([boxes_px], np.float64), np.array([SIZE_PX])).astype(np.float32)
    nothing = np.zeros((1, len(boxes_px)), np.float32)
    return Observation(
        candidates=windows, features=nothing[..., None], mask=np.ones(nothing.shape, bool), coverage=nothing,
        summary=nothing, num_looks=np.zeros(1, np.int64), sizes_px=np.array([SIZE_PX]),
        relevance=np.array([relevance], np.float32),
    )  # fmt: skip


def test_a_candidate_counts_wherever_it_lies_in_a_tile() -> None:
    """The middle of a tile, which is all that promise() asks for, may be far from it."""
    corner = observation([(64, 64, 80, 80)], [3.0])  # the first corner of tile (1, 1)
    assert not promise(corner, TILES.viewpoints(range(12)).astype(np.float32)).any()  # type: ignore[arg-type]
    expected = expected_in(TILES, corner, None)
    assert expected[5] == pytest.approx(3.0)
    assert np.delete(expected, 5) == pytest.approx(0)


def test_one_over_several_tiles_is_shared_out() -> None:
    wide = observation([(32, 32, 96, 96)], [8.0])
    expected = expected_in(TILES, wide, None)
    assert expected[[0, 1, 4, 5]] == pytest.approx(2.0)
    assert expected.sum() == pytest.approx(8.0)
    aside = observation([(0, 0, 80, 80)], [8.0])
    assert expected_in(TILES, aside, None)[0] == pytest.approx(8 * 0.8**2)
    assert expected_in(TILES, aside, None, core_frac=0.5)[0] == pytest.approx(8.0), "all of it lies in the middle"


def test_what_was_found_is_added_and_what_was_refuted_is_not() -> None:
    box = from_boxes_px(np.array([[(130.0, 10.0, 140.0, 30.0)]]), np.array([SIZE_PX])).astype(np.float32)
    things = torch.cat([torch.as_tensor(box[0]), torch.zeros(1, 1)], 1).repeat(2, 1)[None]
    prediction = {"logits": torch.zeros(1, 2), "things": things, "mass": torch.tensor([[0.7, 0.0]])}
    expected = expected_in(TILES, observation([(0, 0, 64, 64)], [0.5]), prediction)
    assert expected[8] == pytest.approx(0.7)
    assert expected[0] == pytest.approx(0.5)
    assert np.delete(expected, [0, 8]) == pytest.approx(0)
    assert not expected_in(TILES, observation([(0, 0, 9, 9)], [0.0]), prediction)[:8].any()


def test_a_model_without_candidates_left_expects_what_it_found_alone() -> None:
    none = observation([(0, 0, 9, 9)], [1.0])
    empty = none.__class__(**{**vars(none), "mask": np.zeros((1, 1), bool)})
    assert not expected_in(TILES, empty, None).any()


@pytest.mark.parametrize("task", ["finding", "spotting"])
def test_the_model_looks_first_and_that_is_told_apart(task: str) -> None:
    model = looker(task=task)
    seen = foveate.search(picture(), lambda tile: None, "3 tiles", frontier=model, model_looks=LOOKS, **BUSY)
    assert seen.looked == 3
    assert seen.frontier_cost.looks == len(seen.frontier_looks_px) == LOOKS
    assert seen.frontier_cost.macs > 0
    assert seen.frontier == model.name
    scene = foveate.Scene(ArrayScenes(picture().transpose(2, 0, 1)[None]), name="a", reader="array")
    expected = model_first(model, scene, TILES, given=scene, looks=LOOKS, seed=0).of_tiles
    assert len(np.unique(expected)) > 6
    best = np.argsort(-expected, kind="stable")[:3]
    assert [each.box_px for each in seen.tiles] == [TILES.box(number) for number in best.tolist()]


def test_a_folder_will_do_and_no_looks_at_all(tmp_path: Path) -> None:
    model = looker()
    save(model.system, tmp_path / "model", provenance={"command": "test", "seed": 0, "data": "made up"})
    file = tmp_path / "picture.png"
    Image.fromarray(picture()).save(file)
    asked: dict[str, Any] = {"model_looks": 0, **BUSY}
    one = foveate.search(file, lambda tile: None, "5 tiles", frontier=tmp_path / "model", **asked)
    other = foveate.search(picture(), lambda tile: None, "5 tiles", frontier=str(tmp_path / "model"), **asked)
    assert one.tiles == other.tiles
    assert one.frontier_cost.looks == 0
    assert one.read_bytes == file.stat().st_size
    assert one.frontier == str(tmp_path / "model")


def test_a_model_of_other_bands_opens_the_picture_in_its_own_way(tmp_path: Path) -> None:
    grey = looker(num_bands=1, mean=(0.45,), std=(0.25,))
    file = tmp_path / "picture.png"
    Image.fromarray(picture()).save(file)
    asked: dict[str, Any] = {"frontier": grey, "model_looks": 4, **BUSY}
    by_path = foveate.search(file, np.shape, "2 tiles", **asked)
    by_scene = foveate.search(foveate.Scene.open(file), np.shape, "2 tiles", **asked)
    by_array = foveate.search(picture(), np.shape, "2 tiles", **asked)
    assert by_path.tiles == by_scene.tiles == by_array.tiles
    assert by_path.tiles[0].result == (64, 64, 3), "the callback still sees colour"
    held = foveate.Scene(ArrayScenes(picture().transpose(2, 0, 1)[None]), name="held", reader="array")
    with pytest.raises(IncompatibleError, match="held has 3 bands"):
        foveate.search(held, np.shape, "2 tiles", **asked)


def test_looks_are_as_many_as_the_family_takes() -> None:
    few = looker("glance_focus", task="spotting", max_looks=3, relevance="gradcam")
    seen = foveate.search(picture(), lambda tile: None, "3 tiles", frontier=few, **BUSY)
    assert seen.frontier_cost.looks == 3
    assert seen.looked == 3
    at_once = foveate.search(picture(), lambda tile: None, "3 tiles", frontier=looker(), model_looks=1, **BUSY)
    assert at_once.frontier_cost.looks == 4, "and no fewer than its policy takes at once"


def test_what_cannot_order_tiles_is_refused() -> None:
    blind = looker("glance_focus", task="spotting", max_looks=3)
    with pytest.raises(IncompatibleError, match="does not say where more is to be expected"):
        foveate.search(picture(), lambda tile: None, frontier=blind, **BUSY)
    for wrong in (-1, 1.5):
        with pytest.raises(UsageError, match="model_looks is"):
            foveate.search(picture(), lambda tile: None, frontier=looker(), model_looks=wrong, **BUSY)  # type: ignore[arg-type]
