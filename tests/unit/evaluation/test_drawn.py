"""A system whose policy draws its looks is calibrated, measured, probed and asked with draws, the same every time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from foveate.evaluation import record as recording
from foveate.evaluation.run import accuracy_by_looks, evaluate
from foveate.looker import Looker
from foveate.policies.random_looks import Random
from foveate.system import fresh_policy
from foveate.training.probe import Probe
from tests.unit.training.tiny import Bars, tiny_config, tiny_system


@pytest.fixture
def noises(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The noise of every look that the random policy takes from here on."""
    seen: list[Any] = []
    look = Random.look

    def watched(self: Random, observation: Any, noise: Any | None = None) -> Any:
        seen.append(noise)
        return look(self, observation, noise)

    monkeypatch.setattr(Random, "look", watched)
    return seen


def picture() -> Any:
    return np.random.default_rng(0).integers(0, 256, (48, 64), dtype=np.uint8)


def test_only_a_policy_that_says_so_is_drawn() -> None:
    assert tiny_system(policy="random").is_drawn
    assert not any(tiny_system(policy=name).is_drawn for name in ("spatial", "raster"))


@pytest.mark.parametrize("command", ["evaluate", "accuracy_by_looks", "record", "probe", "look", "watch"])
def test_its_looks_are_drawn_wherever_it_is_asked(command: str, noises: list[Any]) -> None:
    system = tiny_system(policy="random")
    if command == "evaluate":
        evaluate(system, Bars(6), num_scenes=6, max_looks=2)
    elif command == "accuracy_by_looks":
        accuracy_by_looks(system, Bars(6), num_scenes=6, max_looks=2)
    elif command == "record":
        recording.record(system, Bars(6), num_scenes=6, num_looks=2)
    elif command == "probe":
        metrics = Probe(Bars(6), tiny_config(), torch.device("cpu"))(system)
        assert metrics["eval/gap"] == 0  # the control is the very same policy
    elif command == "look":
        Looker(system).look(picture(), max_looks=2)
    else:
        list(Looker(system).watch(picture(), max_looks=2))
    assert noises
    assert all(noise is not None for noise in noises)


def test_draws_are_the_same_every_time_and_not_the_centre() -> None:
    looker = Looker(tiny_system(policy="random"))
    once, again = (looker.look(picture(), max_looks=3).looks for _ in range(2))
    assert once == again
    assert len(set(once)) == 3


def test_another_policy_is_drawn_only_where_asked(noises: list[Any]) -> None:
    learned = tiny_system()
    random = fresh_policy("random", learned.model.observation_shape)
    evaluate(learned, Bars(6), num_scenes=6, max_looks=1, policy=random)
    assert noises.pop() is None
    evaluate(learned, Bars(6), num_scenes=6, max_looks=1, policy=random, explore=True)
    assert noises.pop() is not None
