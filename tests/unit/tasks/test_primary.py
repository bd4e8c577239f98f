"""The metric that everything is judged by: a share of every scene, refused where it is made and not after training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from foveate.errors import IncompatibleError
from foveate.evaluation.record import record
from foveate.evaluation.run import accuracy_by_looks, evaluate
from foveate.system import System
from foveate.tasks.classification import Classification
from foveate.tasks.primary import primary
from tests.unit.training.tiny import Bars, tiny_system, trainer

MESSAGE = r"'correct' of Classification gave -?\d.*a share in \[0, 1\].*tolerance"
MEASURED: dict[str, Callable[[System], Any]] = {
    "evaluate": lambda system: evaluate(system, Bars(6), num_scenes=6, max_looks=1),
    "accuracy_by_looks": lambda system: accuracy_by_looks(system, Bars(6), num_scenes=6, max_looks=1),
    "record": lambda system: record(system, Bars(6), num_scenes=6, num_looks=1),
    "train": lambda system: trainer(held_out=Bars(9), system=system).run(),
}


def test_shares_are_given_as_they_are() -> None:
    task, values = tiny_system().task, torch.tensor([0.0, 0.5, 1.0000001])
    assert primary(task, {"correct": values}) is values


@pytest.mark.parametrize("value", [1.5, -0.2])
def test_what_is_no_share_is_refused_with_the_remedy(value: float) -> None:
    with pytest.raises(IncompatibleError, match=MESSAGE):
        primary(tiny_system().task, {"correct": torch.tensor([0.5, value])})
    with pytest.raises(IncompatibleError, match="gave nan"):
        primary(tiny_system().task, {"correct": torch.tensor([torch.nan])})


def test_a_metric_that_is_not_measured_is_named() -> None:
    with pytest.raises(IncompatibleError, match=r"'correct', which it does not measure; its metrics: near"):
        primary(tiny_system().task, {"near": torch.zeros(1)})


@pytest.mark.parametrize("asked", MEASURED)
def test_it_is_refused_wherever_it_is_measured_and_while_training(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Classification.metrics

    def in_points(*arguments: Any) -> Any:
        return {name: 100 * values + 2 for name, values in metrics(*arguments).items()}

    monkeypatch.setattr(Classification, "metrics", in_points)
    with pytest.raises(IncompatibleError, match=MESSAGE):
        MEASURED[asked](tiny_system())
