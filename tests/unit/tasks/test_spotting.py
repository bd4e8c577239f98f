"""Spotting learns classes from labels alone, and places only where somebody says them."""

from __future__ import annotations

import torch

from foveate.tasks.classification import ClassificationConfig
from foveate.tasks.spotting import Spotting

TASK = Spotting(ClassificationConfig(class_names=("none", "a", "b")))
LABELS, PLACE = torch.tensor([0, 2]), torch.zeros(2, 1, 2)


def test_labels_alone_are_worth_as_much_as_labels_with_places() -> None:
    logits = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))
    said = {"label": LABELS, "place": PLACE}
    assert torch.equal(TASK.loss(logits, LABELS), TASK.loss(logits, said))
    assert torch.equal(TASK.score(logits, LABELS), TASK.score(logits, said))
    assert torch.equal(TASK.metrics(logits, LABELS)["correct"], TASK.metrics(logits, said)["correct"])


def test_places_that_nobody_says_are_not_taught() -> None:
    places = torch.zeros(2, 1, 4, 4)
    assert TASK.loss(places, LABELS).tolist() == [0, 0]
    assert TASK.loss(places, {"label": LABELS, "place": PLACE}).gt(0).tolist() == [False, True]


def test_answers_learned_from_chosen_scenes_are_those_for_scenes_at_large() -> None:
    logits = torch.tensor([[0.0, -1.0, 0.5], [0.0, 1.0, 0.0]])
    said = {"label": LABELS, "place": PLACE, "label_gain": torch.tensor([4.0, 0.5])}
    shifted = logits + torch.tensor([[0.0, 1.0, 1.0]]) * said["label_gain"].log()[:, None]
    assert torch.allclose(TASK.loss(logits, said), TASK.loss(shifted, LABELS))
    assert torch.equal(TASK.metrics(logits, said)["correct"], TASK.metrics(logits, LABELS)["correct"])
