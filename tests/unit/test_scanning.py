"""What a search did not settle is read on: every tile, most promising first, and the answer is that of reading all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from foveate.cost import Ledger
from foveate.episode import Episode, Player
from foveate.errors import IncompatibleError, UsageError
from foveate.geometry.viewpoint import contains
from foveate.looker import Looker
from foveate.policies.promise import most_promising_first, promise
from foveate.rollout import rollout
from foveate.scanning import scan, tiles_of
from foveate.scenes.memory import ArrayScenes
from foveate.stopping.risk import DEFER_ALL, RiskPoint
from foveate.system import PartSpec, System, SystemSpec, build

SIZE_PX, LOOKS = (192, 256), 8


def system(name: str = "zoom_search", **settings: Any) -> System:
    torch.manual_seed(3)
    model = (
        {"glimpse_px": (16, 16), "cells": (4, 4), "hidden_dim": 16, **settings} if name == "zoom_search" else settings
    )
    built = build(
        SystemSpec(
            model=PartSpec(name=name, config=model),
            policy=PartSpec(name="spatial", config={"num_looks_per_step": 4, "offset": 0.0}),
            task=PartSpec(name="spotting", config={"class_names": ("none", "a")}),
        )
    ).train(False)
    for parameter in built.model.parameters():  # fresh heads answer alike, whatever they see
        torch.nn.init.normal_(parameter, std=0.3)
    return built


def picture(seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 255, (*SIZE_PX, 3), np.uint8)


def searched(parts: System) -> tuple[ArrayScenes, Episode]:
    scenes = ArrayScenes(picture().transpose(2, 0, 1)[None])
    with torch.no_grad():
        return scenes, rollout(scenes, Player(model=parts.model, policy=parts.policy, max_looks=LOOKS), keep_state=True)


def scanned(parts: System, sure: float | None, **more: Any) -> Episode:
    scenes, before = searched(parts)
    with torch.no_grad():
        return scan(parts, scenes, before.state, ledger=Ledger(scenes.sizes_px), sure=sure, **more)


def test_a_scan_sees_every_place_as_closely_as_can_be_whatever_was_searched_before() -> None:
    parts = system(frontier_size=4096)
    episode = scanned(parts, None)
    looks = episode.viewpoints[0][episode.valid[0]]
    assert len(looks) == len(tiles_of(parts.model, SIZE_PX)) == int(episode.ledger.looks[0])
    points = np.random.default_rng(1).uniform(-1, 1, (1, 500, 2)).astype(np.float32)
    assert contains(looks[None], points).any(1).all()
    assert episode.truncated.all()
    frontier = searched(parts)[1].state.frontier
    assert frontier.is_open.any(), "the search had not seen all"


def test_the_answer_does_not_depend_on_how_many_tiles_are_read_at_once() -> None:
    parts = system(frontier_size=4096)
    one, many = scanned(parts, None, tiles_per_step=5), scanned(parts, None, tiles_per_step=64)
    torch.testing.assert_close(one.prediction, many.prediction, atol=1e-4, rtol=1e-3)


def test_tiles_come_in_the_order_of_what_they_promise() -> None:
    parts = system()
    observation = parts.model.observe(searched(parts)[1].state)
    tiles = tiles_of(parts.model, SIZE_PX)
    ordered = most_promising_first(observation, tiles)
    promised = promise(observation, ordered)
    assert (np.diff(promised) <= 0).all()
    assert promised[0] > 0
    assert sorted(map(tuple, ordered.tolist())) == sorted(map(tuple, tiles.tolist()))
    assert not promise(replace(observation, relevance=None), tiles).any()


def test_it_ends_as_soon_as_something_is_found_for_sure() -> None:
    parts = system()
    everything = scanned(parts, None)
    presence = float(torch.softmax(everything.prediction, 1)[0, 1])
    assert scanned(parts, 1.1).num_looks.tolist() == everything.num_looks.tolist(), "that nothing is there, last of all"
    at_once = scanned(parts, 0.0)
    assert at_once.stopped.all()
    assert at_once.num_looks.tolist() == [LOOKS]
    assert 0 < presence < 1


def test_a_deferred_picture_is_read_on_and_what_it_took_is_added_up() -> None:
    looker = Looker(system())
    said = looker.look(picture(), max_looks=LOOKS, defer_below=1.0)
    assert said.outcome == "deferred"
    scan_too = looker.look(picture(), max_looks=LOOKS, defer_below=1.0, on_defer="scan")
    assert scan_too.outcome == "truncated"
    assert scan_too.is_scanned
    assert "scanned to the end" in str(scan_too)
    assert scan_too.num_looks == scan_too.cost.looks == said.num_looks + len(tiles_of(looker.system.model, SIZE_PX))
    assert scan_too.cost.macs > said.cost.macs
    assert scan_too.looks[: said.num_looks] == said.looks
    settled = looker.look(picture(), max_looks=LOOKS, defer_below=0.0, on_defer="scan")
    assert not settled.is_scanned
    assert settled.outcome == "truncated"


def test_a_calibrated_risk_is_followed_for_its_own_search_and_for_no_other() -> None:
    asked = {"budget": None, "limit": None, "stop_rule": None, "max_looks": LOOKS}
    risk = RiskPoint(threshold=DEFER_ALL, risk=0.02, confidence=0.95, num_positives=149, errors=0,
                     expected_deferred=1.0, search=asked)  # fmt: skip
    looker = Looker(system(), risk=risk)
    assert looker.look(picture()).outcome == "deferred", "without asking anything it is the search of the calibration"
    assert looker.look(picture(), on_defer="scan").is_scanned
    other = looker.look(picture(), max_looks=4)
    assert other.outcome == "truncated"
    with pytest.raises(UsageError, match=r"calibrated for another search: max_looks 8.*--risk"):
        looker.look(picture(), max_looks=4, on_defer="scan")
    with pytest.raises(UsageError, match="nothing says which pictures"):
        Looker(system()).look(picture(), max_looks=4, on_defer="scan")
    with pytest.raises(UsageError, match="'say' and 'scan'"):
        looker.look(picture(), on_defer="ask")


def test_a_policy_of_several_looks_at_once_is_warmed_up() -> None:
    Looker(system()).warm_up()


def test_families_without_room_for_all_tiles_are_refused() -> None:
    with pytest.raises(IncompatibleError, match="takes 3 looks"):
        tiles_of(system("glance_focus", max_looks=3).model, SIZE_PX)
