"""Readers are compared on equal terms: same overview, honest costs, thresholds of their own, pairs of scenes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from foveate.comparing import READERS
from foveate.comparing.file_tiles import FileTiles
from foveate.comparing.judging import Facts, area, balanced, difference, says, thresholds
from foveate.comparing.study import Study
from foveate.comparing.tracks import Track, track
from foveate.errors import DataError
from foveate.geometry.viewpoint import from_boxes_px
from foveate.policies.saliency import salience_at, salient_places
from foveate.scanning import tiles_of
from foveate.scenes.memory import ArrayScenes
from foveate.system import PartSpec, System, SystemSpec, build
from foveate.training.sources import Batch

SIZE_PX, LOOKS = (160, 192), 12


@pytest.fixture(scope="module")
def system() -> System:
    torch.manual_seed(3)
    model = {"glimpse_px": (16, 16), "cells": (4, 4), "hidden_dim": 16, "frontier_size": 2048}
    built = build(
        SystemSpec(
            model=PartSpec(name="zoom_search", config=model),
            policy=PartSpec(name="spatial", config={"num_looks_per_step": 4, "offset": 0.0}),
            task=PartSpec(name="spotting", config={"class_names": ("none", "a", "b")}),
        )
    ).train(False)
    for parameter in built.model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return built


def scene() -> ArrayScenes:
    return ArrayScenes(np.random.default_rng(0).integers(0, 255, (1, 3, *SIZE_PX), np.uint8))


@pytest.fixture(scope="module")
def tracks(system: System) -> dict[str, Track]:
    boxes = np.float32([[-0.5, -0.5, -0.4, -0.4], [0.3, 0.7, 0.4, 0.8]])
    return track(system, scene(), tuple(READERS), number=0, max_looks=LOOKS, boxes=boxes)


@pytest.mark.parametrize("name", READERS.names())
def test_all_start_from_one_overview_and_costs_only_grow(name: str, tracks: dict[str, Track]) -> None:
    one, first = tracks[name], tracks["search"]
    assert one.looks[0] == 0
    assert one.presence[0] == first.presence[0]
    assert one.seconds[0] == first.seconds[0] > 0
    assert one.macs[0] == first.macs[0] > 0
    for values in (one.looks, one.macs, one.seconds, one.found, one.read_bytes, one.decoded_px):
        assert (np.diff(values) >= 0).all()
    assert ((one.presence >= 0) & (one.presence <= 1)).all()
    assert set(one.kind.tolist()) <= {1, 2}
    assert len(one.views) == one.looks[-1]


def test_only_who_reads_everything_passes_the_number_of_looks_and_finds_everything(
    system: System, tracks: dict[str, Track]
) -> None:
    for name, one in tracks.items():
        if READERS.facts(name).get("reads_all"):
            assert one.looks[-1] == len(tiles_of(system.model, SIZE_PX))
            assert one.found[-1] == 2
        else:
            assert one.looks[-1] == LOOKS
    assert tracks["exhaustive"].macs[-1] > 5 * tracks["search"].macs[-1]
    np.testing.assert_array_equal(tracks["raster"].views, tracks["exhaustive"].views[:LOOKS])


def test_random_tiles_are_those_of_the_scene(system: System) -> None:
    one, other = (track(system, scene(), ("random",), number=i, max_looks=LOOKS)["random"] for i in (1, 2))
    again = track(system, scene(), ("random",), number=1, max_looks=LOOKS)["random"]
    np.testing.assert_array_equal(one.views, again.views)
    assert not np.array_equal(one.views, other.views)


def test_a_track_is_read_at_the_last_step_within_a_number_of_looks(tracks: dict[str, Track]) -> None:
    facts = tracks["search"].at([0, 3, 4, 11, 99])
    assert facts["looks"].tolist() == [0, 0, 4, 8, 12]
    assert facts["presence"].tolist() == [tracks["search"].presence[i] for i in (0, 0, 1, 2, 3)]


def test_file_tiles_are_those_that_a_pyramid_of_tiles_would_decode() -> None:
    tiles = FileTiles((128, 128), np.array([[2048, 4096]]))
    tiles.add(np.float32([[0, 0, 1, 1]]))  # 2048 px high in 128: level 4, of 128 x 256 px
    assert (tiles.num_full, tiles.num_all) == (0, 1)
    tiles.add(from_boxes_px(np.array([[[200, 200, 328, 328], [256, 256, 384, 384]]]), tiles.size_px)[0])
    assert (tiles.num_full, tiles.num_all) == (4, 5), "four tiles; the other look reads one of them again"
    tiles.add(from_boxes_px(np.array([[[0, 0, 256, 256]]]), tiles.size_px)[0])
    assert (tiles.num_full, tiles.num_all) == (4, 6), "half as close: the next level"
    assert tiles.num_in_file == 8 * 16


def facts(presence: Any, finding: Any = None) -> Facts:
    values = np.asarray(presence, np.float64)
    found, zeros = values if finding is None else np.asarray(finding, np.float64), np.zeros_like(values)
    return Facts(looks=zeros, presence=values, finding=found, kind=zeros + 2, found=zeros, macs=zeros, read_bytes=zeros,
                 decoded_px=zeros, full_tiles=zeros, file_tiles=zeros, full_small_tiles=zeros,
                 file_small_tiles=zeros, seconds=zeros)  # fmt: skip


def test_thresholds_part_what_can_be_parted() -> None:
    has_target = np.array([True, True, False, False])
    known = facts([[0.9, 0.1], [0.6, 0.9], [0.5, 0.2], [0.1, 0.8]])
    cuts = thresholds(known, has_target)
    assert cuts.sign == ["presence", "presence"], "findings do as well, and no better"
    assert cuts.least[0] == pytest.approx(0.55)
    right = (says(known, cuts) > 0) == has_target[:, None]
    assert balanced(right, has_target).tolist() == [1.0, 0.75]
    assert says(known, cuts)[0, 0] == 2
    with pytest.raises(DataError, match="scenes without one"):
        thresholds(known, np.ones(4, bool))


def test_of_two_signs_the_better_one_is_asked_after_each_number_of_looks() -> None:
    has_target = np.array([True, True, False, False])
    known = facts([[0.9, 0.1], [0.6, 0.9], [0.5, 0.2], [0.1, 0.8]], [[0.1, 0.7], [0.6, 0.8], [0.5, 0.2], [0.1, 0.3]])
    cuts = thresholds(known, has_target)
    assert cuts.sign == ["presence", "finding"]
    assert cuts.least == pytest.approx([0.55, 0.5])
    assert ((says(known, cuts) > 0) == has_target[:, None]).all()


def test_differences_are_of_pairs_and_know_when_there_is_none() -> None:
    rng = np.random.default_rng(0)
    has_target, easy = np.arange(600) % 2 == 0, rng.random(600) < 0.9
    mean, low, high = difference(easy, easy, has_target)
    assert mean == low == high == 0.0
    worse = easy & (rng.random(600) < 0.9)
    mean, low, high = difference(easy, worse, has_target)
    assert 0.06 < mean < 0.12
    assert 0 < low < mean < high < 0.15


def test_groups_of_scenes_weigh_alike_in_a_difference_however_many_they_are() -> None:
    gain, groups = np.array([1.0, 1.0, 1.0, 0.0]), np.array([0, 0, 0, 1])
    assert difference(gain, np.zeros(4), groups) == (0.5, 0.5, 0.5)
    mean, low, high = difference(gain, np.zeros(4), np.zeros(4))
    assert mean == 0.75
    assert low < 0.75 < high


def test_area_is_the_mean_over_looks() -> None:
    right = np.array([[False, True, True], [False, False, True]])
    assert area(right, [0, 10, 20]).tolist() == [0.75, 0.25]
    assert area(right, [0, 2, 20]).tolist() == pytest.approx([0.95, 0.45])
    assert area(right[:, :1], [5]).tolist() == [0.0, 0.0]


def test_what_stands_out_is_salient() -> None:
    rng = np.random.default_rng(0)
    hits = []
    for _ in range(10):
        picture = rng.normal(0.4, 0.04, (3, 64, 80)).astype(np.float32)
        row, col = rng.integers(8, 56), rng.integers(8, 72)
        picture[:, row - 2 : row + 2, col - 2 : col + 2] += 0.3
        peak = np.unravel_index(salient_places(picture).argmax(), (64, 80))
        hits.append(abs(peak[0] - row) <= 4 and abs(peak[1] - col) <= 4)
    assert np.mean(hits) >= 0.9
    assert salient_places(np.zeros((1, 16, 16), np.float32)).max() == 0.0
    tiles = np.float32([[-0.5, 0, 0.5, 1.0], [0.5, 0, 0.5, 1.0]])
    bright = np.zeros((1, 32, 32), np.float32)
    bright[:, 20:22, 5:7] = 1.0
    above, below = salience_at(bright, tiles)
    assert below > above


class Torn:
    """Five scenes, of which some cannot be read."""

    fingerprint = "torn"

    def __init__(self, *broken: int) -> None:
        self.broken = {f"{number}.png": "is broken" for number in broken}
        self.asked: list[int] = []

    def __len__(self) -> int:
        return 5

    def batch(self, indices: np.ndarray, epoch_seed: int) -> Batch:
        number = int(indices[0])
        self.asked.append(number)
        if f"{number}.png" in self.broken:
            raise DataError("none of 1 pictures could be read")
        return Batch(scenes=scene(), target=torch.tensor([number % 2]), indices=indices)


def test_scenes_that_cannot_be_read_are_left_out_also_when_it_goes_on(system: System, tmp_path: Path) -> None:
    study, kept = Study(system=system, readers=("search",), looks=(0, 4)), tmp_path / "part.jsonl"
    first = study.part(Torn(1, 4), 3, kept=kept, done=lambda: None)
    assert first.label.tolist() == [0, 0]
    source = Torn(1, 4)
    whole = study.part(source, 5, kept=kept, done=lambda: None)
    assert whole.label.tolist() == [0, 0, 1]
    assert source.asked == [3, 4], "the others are known, or known to be broken"
    mistaken = Torn(0)
    mistaken.broken = {}
    mistaken.batch = lambda *_, **__: (_ for _ in ()).throw(DataError("another mistake"))  # type: ignore[method-assign]
    with pytest.raises(DataError, match="another mistake"):
        study.part(mistaken, 5, kept=None, done=lambda: None)
