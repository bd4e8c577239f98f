"""Every task keeps the contract: the right answer scores best, metrics are shares, certainty grows with sharpness."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from foveate.core import take
from foveate.tasks import TASKS

N = 5


@dataclass(frozen=True, kw_only=True)
class Example:
    """A task, targets of N scenes, and logits that are right, about as peaked as wanted."""

    settings: dict[str, Any]
    target: Any
    right: Tensor  # one-hot like: multiplied by a sharpness, these are logits
    bounded: tuple[str, ...]
    """Metrics that are shares; others are in units of their own, and 0 is best."""


def _places() -> Example:
    rows, cols = (
        torch.tensor([[1, 6], [0, 3], [4, 4], [7, 7], [2, 5]]),
        torch.tensor([[2, 2], [7, 0], [4, 1], [0, 7], [3, 3]]),
    )
    right = torch.zeros(N, 2, 8, 8)
    index = torch.arange(N)[:, None], torch.arange(2)[None], rows, cols
    right[index] = 1.0
    target = torch.stack([(2 * rows + 1) / 8 - 1, (2 * cols + 1) / 8 - 1], -1).float()
    return Example(
        settings={"target_names": ("cup", "key")}, target=target, right=right, bounded=("found", "found_each")
    )


def _classes() -> Example:
    label = torch.tensor([0, 2, 1, 2, 0])
    names = ("ant", "bee", "cat")
    return Example(settings={"class_names": names}, target=label, right=torch.eye(3)[label], bounded=("correct",))


def _spotted() -> Example:
    label = torch.tensor([0, 2, 1, 2, 0])
    target = {"label": label, "place": torch.zeros(N, 1, 2)}
    names = ("none", "bee", "cat")
    return Example(settings={"class_names": names}, target=target, right=torch.eye(3)[label], bounded=("correct",))


EXAMPLES = {"classification": _classes, "search": _places, "spotting": _spotted}


@pytest.fixture(params=TASKS.names())
def case(request: pytest.FixtureRequest) -> tuple[Any, Example]:
    name = request.param
    assert name in EXAMPLES, f"the task {name!r} is new: add an example of a right answer to EXAMPLES"
    example = EXAMPLES[name]()
    module, _, attribute = TASKS.facts(name)["config"].partition(":")
    config = getattr(importlib.import_module(module), attribute)(**example.settings)
    return TASKS.get(name)(config), example


def _others(example: Example) -> list[Tensor]:
    """Answers that are worse: of another scene, of nobody, random, right but less sure."""
    noise = torch.randn(example.right.shape, generator=torch.Generator().manual_seed(0))
    return [20 * example.right.roll(1, 0), 0 * example.right, 3 * noise, 2 * example.right]


def test_the_right_answer_scores_best(case: tuple[Any, Example]) -> None:
    task, example = case
    best = task.score(20 * example.right, example.target)
    assert best.shape == (N,)
    for other in _others(example):
        score = task.score(other, example.target)
        assert (score <= best + 1e-6).all()
        assert score.mean() < best.mean()


def test_it_says_how_many_outputs_it_needs(case: tuple[Any, Example]) -> None:
    task, example = case
    assert task.num_outputs == example.right.shape[1]


def test_metrics_are_shares_and_one_for_the_right_answer(case: tuple[Any, Example]) -> None:
    task, example = case
    best = task.metrics(20 * example.right, example.target)
    assert task.primary_metric in best
    for name in best:
        if name in example.bounded:
            assert best[name].tolist() == [1.0] * N
        for other in _others(example):
            values = task.metrics(other, example.target)[name]
            assert values.shape == (N,)
            assert values.dtype == torch.float32
            assert (values >= 0).all()
            assert name not in example.bounded or (values <= 1).all()
    assert task.primary_metric in example.bounded


def test_sharper_answers_are_surer_and_confidence_is_a_probability(case: tuple[Any, Example]) -> None:
    task, example = case
    before = None
    for sharpness in (0.0, 1.0, 3.0, 6.0, 12.0):
        sure = task.certainty(sharpness * example.right)
        assert set(sure) == {"confidence", "entropy", "margin"}
        assert all(fact.shape == (N,) and not fact.requires_grad for fact in sure.values())
        assert ((sure["confidence"] >= 0) & (sure["confidence"] <= 1 + 1e-5)).all()
        assert (sure["entropy"] <= 1e-6).all()
        assert before is None or all((sure[key] > before[key]).all() for key in sure)
        before = sure


def test_rows_are_nobody_elses_business(case: tuple[Any, Example]) -> None:
    task, example = case
    prediction, rows = _others(example)[2], torch.tensor([3, 0])
    part, target = prediction[rows], take(example.target, rows)
    torch.testing.assert_close(task.loss(part, target), task.loss(prediction, example.target)[rows])
    for name, values in task.metrics(prediction, example.target).items():
        torch.testing.assert_close(task.metrics(part, target)[name], values[rows])
    for name, values in task.certainty(prediction).items():
        torch.testing.assert_close(task.certainty(part)[name], values[rows])


@pytest.mark.parametrize("scale", [0.0, 3.0, 1e4])
def test_the_loss_is_finite_and_differentiable(case: tuple[Any, Example], scale: float) -> None:
    task, example = case
    for wrong in (example.right, example.right.roll(1, 0)):
        prediction = (scale * wrong).requires_grad_()
        loss = task.loss(prediction, example.target)
        assert loss.shape == (N,)
        assert loss.isfinite().all()
        loss.sum().backward()
        assert prediction.grad is not None
        assert prediction.grad.isfinite().all()


def test_half_precision_answers_are_judged_in_full(case: tuple[Any, Example]) -> None:
    task, example = case
    rough = (3 * example.right).bfloat16()
    assert task.loss(rough, example.target).dtype == torch.float32
    assert all(value.dtype == torch.float32 for value in task.certainty(rough).values())
    task.metrics(rough, example.target)


def test_answers_are_plain_values(case: tuple[Any, Example]) -> None:
    task, example = case
    answers = task.answers(20 * example.right)
    assert len(answers) == N
    assert json.loads(json.dumps(list(answers))) == [json.loads(json.dumps(answer)) for answer in answers]
