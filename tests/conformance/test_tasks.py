"""Every task keeps the contract: the right answer scores best, metrics are shares, certainty grows with sharpness."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from foveate.registry import resolve
from foveate.rows import take
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
    answer: Callable[[Tensor], Any] = lambda logits: logits
    """The prediction of such logits."""


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


def _found() -> Example:
    label = torch.tensor([0, 2, 1, 2, 0])
    boxes = torch.tensor([[-0.4, -0.4, 0.0, 0.0], [0.2, 0.2, 0.6, 0.8]]).expand(N, 2, 4)
    is_target = (label > 0)[:, None] & torch.tensor([True, False])
    target = {"label": label, "place": boxes[:, :1, :2], "boxes": boxes, "is_target": is_target,
              "classes": label[:, None] * is_target}  # fmt: skip
    centers, half = (boxes[..., :2] + boxes[..., 2:]) / 2, (boxes[..., 2:] - boxes[..., :2]) / 2
    kinds = torch.eye(3)[label][:, None, 1:].expand(N, 2, 2)
    found = {"things": torch.cat([centers, half, kinds], -1), "mass": 5.0 * is_target}
    return Example(
        settings={"class_names": ("none", "bee", "cat")}, target=target, right=torch.eye(3)[label],
        bounded=("correct", "recall", "precision"), answer=lambda logits: {"logits": logits, **found},
    )  # fmt: skip


def _segmented() -> Example:
    target = (torch.arange(64).reshape(1, 8, 8) * torch.arange(1, N + 1)[:, None, None]) // 7 % 3
    right = torch.nn.functional.one_hot(target, 3).movedim(-1, 1).float()
    target[:, :2] = 255  # nobody says
    bounded = ("pixel_accuracy", "mean_class_accuracy", "mean_iou")
    return Example(settings={"class_names": ("sky", "sea", "sand")}, target=target, right=right, bounded=bounded)


def _reconstructed() -> Example:
    right = torch.randn(N, 1, 8, 8, generator=torch.Generator().manual_seed(2)).sign()

    def answer(logits: Tensor) -> dict[str, Tensor]:
        doubt = torch.nn.functional.avg_pool2d(logits.float().abs(), 4)[:, 0]
        return {"pixels": (torch.tanh(logits) + 1) / 2, "log_error": -0.5 * doubt}

    return Example(settings={}, target=255 * (right + 1) / 2, right=right, bounded=("explained",), answer=answer)


EXAMPLES = {
    "classification": _classes,
    "reconstruction": _reconstructed,
    "finding": _found,
    "search": _places,
    "segmentation": _segmented,
    "spotting": _spotted,
}


@pytest.fixture(params=TASKS.names())
def case(request: pytest.FixtureRequest) -> tuple[Any, Example]:
    name = request.param
    assert name in EXAMPLES, f"the task {name!r} is new: add an example of a right answer to EXAMPLES"
    example = EXAMPLES[name]()
    config = resolve(TASKS.facts(name)["config"])(**example.settings)
    return TASKS.get(name)(config), example


def _others(example: Example) -> list[Any]:
    """Answers that are worse: of another scene, of nobody, random, right but less sure."""
    noise = torch.randn(example.right.shape, generator=torch.Generator().manual_seed(0))
    logits = [20 * example.right.roll(1, 0), 0 * example.right, 3 * noise, 2 * example.right]
    return [example.answer(one) for one in logits]


def test_the_right_answer_scores_best(case: tuple[Any, Example]) -> None:
    task, example = case
    best = task.score(example.answer(20 * example.right), example.target)
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
    best = task.metrics(example.answer(20 * example.right), example.target)
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
    before, surer = None, {"confidence", "entropy", "margin"}
    for sharpness in (0.0, 1.0, 3.0, 6.0, 12.0):
        sure = task.certainty(example.answer(sharpness * example.right))
        assert surer <= set(sure) <= surer | {"presence", "finding"}
        assert all(fact.shape == (N,) and not fact.requires_grad for fact in sure.values())
        assert ((sure["confidence"] >= 0) & (sure["confidence"] <= 1 + 1e-5)).all()
        assert (sure["entropy"] <= 1e-6).all()
        assert before is None or all((sure[key] > before[key]).all() for key in surer)
        before = sure


def test_rows_are_nobody_elses_business(case: tuple[Any, Example]) -> None:
    task, example = case
    prediction, rows = _others(example)[2], torch.tensor([3, 0])
    part, target = take(prediction, rows), take(example.target, rows)
    torch.testing.assert_close(task.loss(part, target), task.loss(prediction, example.target)[rows])
    for name, values in task.metrics(prediction, example.target).items():
        torch.testing.assert_close(task.metrics(part, target)[name], values[rows])
    for name, values in task.certainty(prediction).items():
        torch.testing.assert_close(task.certainty(part)[name], values[rows])


@pytest.mark.parametrize("scale", [0.0, 3.0, 1e4])
def test_the_loss_is_finite_and_differentiable(case: tuple[Any, Example], scale: float) -> None:
    task, example = case
    for wrong in (example.right, example.right.roll(1, 0)):
        logits = (scale * wrong).requires_grad_()
        loss = task.loss(example.answer(logits), example.target)
        assert loss.shape == (N,)
        assert loss.isfinite().all()
        loss.sum().backward()
        assert logits.grad is not None
        assert logits.grad.isfinite().all()


def test_half_precision_answers_are_judged_in_full(case: tuple[Any, Example]) -> None:
    task, example = case
    rough = example.answer((3 * example.right).bfloat16())
    assert task.loss(rough, example.target).dtype == torch.float32
    assert all(value.dtype == torch.float32 for value in task.certainty(rough).values())
    task.metrics(rough, example.target)


def test_answers_are_plain_values(case: tuple[Any, Example]) -> None:
    task, example = case
    answers = task.answers(example.answer(20 * example.right))
    assert len(answers) == N
    assert json.loads(json.dumps(list(answers))) == [json.loads(json.dumps(answer)) for answer in answers]
