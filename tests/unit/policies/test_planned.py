"""Plans are played in their order and end; an episode can be gone on with where another ended."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from foveate.cost import Ledger
from foveate.episode import Episode, Player
from foveate.errors import UsageError
from foveate.geometry.tiles import tile_viewpoints
from foveate.models import create_model
from foveate.policies.planned import Planned
from foveate.rollout import rollout
from foveate.scenes.memory import ArrayScenes
from tests.conformance.parts import seeded

SIZE_PX = (96, 112)


def model() -> Any:
    settings = {"glimpse_px": (16, 16), "cells": (4, 4), "frontier_size": 512, "hidden_dim": 16}
    return seeded(lambda: create_model("zoom_search", num_outputs=2, **settings)).eval()


def scenes(count: int = 1) -> ArrayScenes:
    rng = np.random.default_rng(0)
    return ArrayScenes([rng.integers(0, 255, (3, *SIZE_PX), np.uint8) for _ in range(count)])


def played(plan: Planned, **more: Any) -> Episode:
    with torch.no_grad():
        return rollout(scenes(), Player(model=model(), policy=plan), keep_events=True, **more)


def test_a_plan_is_looked_at_in_its_order_and_ends_the_episode() -> None:
    tiles = tile_viewpoints(SIZE_PX, window_px=(16, 16), core_frac=0.5)
    episode = played(Planned(tiles, num_looks_per_step=10))
    assert episode.num_looks.tolist() == [len(tiles)]
    assert episode.truncated.all()
    np.testing.assert_array_equal(episode.viewpoints[0][episode.valid[0]], tiles)
    frontier = episode.events[-1].state.frontier
    assert not frontier.is_open.any(), "nothing is left that a closer look could show"
    assert int(episode.ledger.looks[0]) == len(tiles)


def test_an_episode_goes_on_where_another_ended() -> None:
    tiles = tile_viewpoints(SIZE_PX, window_px=(16, 16), core_frac=0.5)
    whole = played(Planned(tiles, num_looks_per_step=7))
    ledger = Ledger(scenes().sizes_px)
    first = played(Planned(tiles[:14], num_looks_per_step=7), ledger=ledger)
    rest = played(Planned(tiles[14:], num_looks_per_step=7, start=14), ledger=ledger, state=first.events[-1].state)
    assert rest.num_looks.tolist() == whole.num_looks.tolist()
    torch.testing.assert_close(rest.prediction, whole.prediction)
    spent = {name: float(amount[0]) for name, amount in ledger.spent(np.array([0])).items()}
    once = {name: float(amount[0]) for name, amount in whole.ledger.spent(np.array([0])).items()}
    answers = model().price().predict_macs  # both parts gave one
    assert spent == {**once, "macs": once["macs"] + answers}


def test_an_empty_plan_is_the_overview_alone() -> None:
    assert played(Planned(np.zeros((0, 4), np.float32))).num_looks.tolist() == [0]


def test_what_is_no_plan_is_refused() -> None:
    with pytest.raises(UsageError, match="viewpoints"):
        Planned(np.zeros((3, 2), np.float32))
    with pytest.raises(UsageError, match="num_looks_per_step"):
        Planned(np.zeros((3, 4), np.float32), num_looks_per_step=0)
    plan = Planned(np.float32([[0, 0, 1, 1]]))
    with pytest.raises(UsageError, match="one scene"):
        rollout(scenes(2), Player(model=model(), policy=plan))
