"""Findings: what many cells say of one thing is one finding, and only what is likely is an answer."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from foveate.errors import IncompatibleError, UsageError
from foveate.tasks.finding import Finding, FindingConfig
from foveate.tasks.merging import merged

TASK = Finding(FindingConfig(class_names=("none", "bee", "cat"), most_findings=4))


def cells(*things: tuple[float, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Things [1, f, 4 + 2] and mass [1, f] of (row, col, half height, half width, mass, class)."""
    rows = torch.tensor(things)
    return torch.cat([rows[:, :4], 6 * torch.eye(2)[rows[:, 5].long()]], 1)[None], rows[None, :, 4]


def test_cells_of_one_thing_are_one_as_likely_as_the_likeliest_and_others_stay_apart() -> None:
    """They are no witnesses of their own: all saw it in the same look."""
    found = merged(
        *cells((0.0, 0.00, 0.1, 0.1, 0.6, 0), (0.0, 0.05, 0.1, 0.1, 0.4, 0), (0.5, 0.5, 0.2, 0.1, 3.0, 1)), at_most=3
    )
    assert found.score[0].tolist() == pytest.approx([1 - 2.718281828**-3, 1 - 2.718281828**-0.6, 0.0])
    torch.testing.assert_close(found.boxes[0, 1], torch.tensor([0.0, 0.02, 0.1, 0.1]))
    assert found.classes[0, :2].argmax(1).tolist() == [1, 0]


@given(st.integers(0, 1 << 30), st.sampled_from([0.05, 0.5, 0.9, 1.0]))
def test_findings_that_are_too_unlikely_are_not_looked_for(seed: int, least: float) -> None:
    """All others are the same, and of each scene whatever is in the next."""
    rng = torch.Generator().manual_seed(seed)
    places = torch.rand((3, 20, 2), generator=rng) * 2 - 1
    things = torch.cat([places, torch.full((3, 20, 2), 0.1), torch.rand((3, 20, 2), generator=rng)], 2)
    mass = torch.rand((3, 20), generator=rng) ** 4 * torch.tensor([[3.0], [1.0], [0.02]])
    every, some = merged(things, mass, at_most=12), merged(things, mass, at_most=12, least=least)
    counts = every.score >= least
    torch.testing.assert_close(some.score, every.score * counts)
    torch.testing.assert_close(some.boxes * counts[..., None], every.boxes * counts[..., None])
    alone = merged(things[2:], mass[2:], at_most=12, least=least)
    torch.testing.assert_close(alone.score[0], some.score[2])
    torch.testing.assert_close(alone.boxes[0], some.boxes[2])


def test_answers_hold_what_is_likely_best_first() -> None:
    things, mass = cells((0.0, 0.0, 0.1, 0.1, 0.9, 1), (0.95, 0.5, 0.1, 0.2, 4.0, 0), (-0.5, 0.5, 0.1, 0.1, 0.1, 0))
    (answer,) = TASK.answers({"logits": torch.tensor([[0.0, 3.0, 1.0]]), "things": things, "mass": mass})
    assert answer["label"] == "bee"
    assert [one["label"] for one in answer["findings"]] == ["bee", "cat"]
    assert answer["findings"][0]["box"] == pytest.approx([0.85, 0.3, 1.0, 0.7]), "within the scene"
    assert answer["findings"][0]["score"] > answer["findings"][1]["score"] > 0.5


@pytest.mark.parametrize(
    ("mass", "logits", "label", "missed"),
    [
        (3.0, [4.0, 0.0, 0.0], "cat", False),  # found, whatever is made of it
        (3.0, [0.0, 9.0, 0.0], "bee", False),  # surer than what was found
        (0.1, [4.0, 0.0, 0.0], "none", True),
        (0.1, [0.0, 1.0, 0.0], "bee", False),
    ],
)
def test_the_label_is_what_was_found_where_the_logits_make_less_of_it(
    mass: float, logits: list[float], label: str, missed: bool
) -> None:
    things, known = cells((0.0, 0.0, 0.1, 0.1, mass, 1))
    prediction = {"logits": torch.tensor([logits]), "things": things, "mass": known}
    (answer,) = TASK.answers(prediction)
    assert answer["label"] == label
    assert sum(answer["probabilities"].values()) == pytest.approx(1.0, abs=1e-5)
    assert bool(TASK.missed(prediction, torch.tensor([2]))) is missed
    certainty = {name: float(value) for name, value in TASK.certainty(prediction).items()}
    assert certainty["presence"] >= certainty["finding"] - 1e-6
    assert certainty["confidence"] == pytest.approx(max(answer["probabilities"].values()), rel=1e-4)


def test_recall_and_precision() -> None:
    things, mass = cells((0.0, 0.0, 0.1, 0.1, 4.0, 0), (0.5, 0.5, 0.1, 0.1, 4.0, 0), (-0.5, 0.5, 0.1, 0.1, 0.1, 0))
    boxes = torch.tensor([[[-0.1, -0.1, 0.1, 0.1], [-0.6, 0.4, -0.4, 0.6], [0.4, 0.4, 0.6, 0.6]]])
    target = {
        "label": torch.tensor([1]), "boxes": boxes, "is_target": torch.tensor([[True, True, False]]),
        "classes": torch.tensor([[1, 1, 0]]), "place": torch.zeros(1, 1, 2),
    }  # fmt: skip
    prediction = {"logits": torch.tensor([[0.0, 3.0, 1.0]]), "things": things, "mass": mass}
    found = {name: value.item() for name, value in TASK.metrics(prediction, target).items()}
    assert found == {"correct": 1.0, "recall": 0.5, "precision": 0.5}
    nothing = {**prediction, "mass": 0 * mass}
    assert TASK.metrics(nothing, target)["precision"].item() == 1.0
    assert TASK.metrics(nothing, {**target, "is_target": torch.zeros(1, 3, dtype=torch.bool)})["recall"].item() == 1.0


def test_size_and_class_are_learned_where_the_middles_are() -> None:
    windows = torch.tensor([[[0.0, 0.0, 0.5, 0.5]]])
    target = {
        "label": torch.tensor([2]), "boxes": torch.tensor([[[0.05, 0.05, 0.2, 0.2], [-0.9, -0.9, -0.8, -0.8]]]),
        "is_target": torch.ones(1, 2, dtype=torch.bool), "classes": torch.tensor([[2, 1]]),
        "place": torch.zeros(1, 1, 2),
    }  # fmt: skip
    said = torch.zeros(1, 1, 4, 4, 4, requires_grad=True)
    prediction = {"heat": torch.zeros(1, 1, 4, 4), "said": said, "windows": windows, "valid": torch.ones(1, 1),
                  "weight": torch.ones(1, 1), "reach": torch.zeros(1, 1)}  # fmt: skip
    for _ in range(200):
        (slope,) = torch.autograd.grad(TASK.loss(prediction, target).sum(), said)
        said = (said - 0.3 * slope).detach().requires_grad_()
        prediction["said"] = said
    assert said[0, 0, 2, 2, :2].tolist() == pytest.approx([-2.737] * 2, abs=0.02)  # log2 of 0.15 / (2 * 0.5)
    assert said[0, 0, 2, 2, 3] > said[0, 0, 2, 2, 2] + 3
    assert torch.equal(said[0, 0, :2], torch.zeros(2, 4, 4))


def test_labels_alone_teach_the_label_and_nothing_of_places() -> None:
    prediction = {"heat": torch.zeros(1, 1, 4, 4), "said": torch.zeros(1, 1, 4, 4, 4), "windows": torch.ones(1, 1, 4),
                  "valid": torch.ones(1, 1), "weight": torch.ones(1, 1), "reach": torch.zeros(1, 1)}  # fmt: skip
    assert TASK.loss(prediction, torch.tensor([1])).tolist() == [0.0]


def test_a_model_that_finds_nothing_is_refused_with_the_remedy() -> None:
    with pytest.raises(IncompatibleError, match="finds=True"):
        TASK.certainty(torch.zeros(1, 3))  # type: ignore[arg-type]
    with pytest.raises(IncompatibleError, match="finds=True"):
        TASK.loss(torch.zeros(1, 3), torch.tensor([1]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "words"), [({"min_score": 0.0}, "min_score"), ({"most_findings": 0}, "most_find")]
)
def test_settings_that_make_no_sense(settings: dict[str, float], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        FindingConfig(class_names=("none", "a"), **settings)  # type: ignore[arg-type]
