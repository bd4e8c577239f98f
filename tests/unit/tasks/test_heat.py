"""Heat is where the middles of targets are, and nowhere else."""

from __future__ import annotations

import torch

from foveate.tasks.classification import ClassificationConfig
from foveate.tasks.heat import heat_loss, heat_of
from foveate.tasks.spotting import Spotting

BOXES = torch.tensor([[[-0.9, -0.9, -0.8, -0.8], [0.2, 0.6, 0.4, 0.8], [0.0, 0.0, 0.1, 0.1]]])
WINDOWS = torch.tensor([[[0, 0, 1, 1], [0.5, 0.5, 0.5, 0.5], [-0.5, 0.5, 0.5, 0.5], [0, 0, 0, 0]]])
COUNTS = torch.tensor([[True, True, False]])


def test_it_is_where_the_middles_are() -> None:
    found = heat_of(WINDOWS, BOXES, COUNTS, reach=torch.zeros(1, 4), grid=(4, 2))
    assert found.shape == (1, 4, 4, 2)
    assert found[0, 0].nonzero().tolist() == [[0, 0], [2, 1]]
    assert found[0, 1].nonzero().tolist() == [[1, 1]]
    assert not found[0, 2:].any(), "nothing that counts, and no look"


def test_places_that_reach_half_way_answer_for_a_middle_four_at_a_time() -> None:
    """Wherever it is, so that what they say adds up to the same; at the border of the look there are fewer."""
    windows, counts = torch.tensor([[[0.0, 0.0, 1.0, 1.0]]]), torch.ones(1, 1, dtype=torch.bool)
    for middle in ((0.1, -0.2), (0.0, 0.0), (0.25, 0.3), (-0.75, 0.7)):
        boxes = torch.tensor([[[*middle, *middle]]])
        heat = heat_of(windows, boxes, counts, reach=torch.full((1, 1), 0.5), grid=(8, 8))
        assert heat.sum() == 4
        rows, cols = heat[0, 0].nonzero().T
        assert (rows.max() - rows.min(), cols.max() - cols.min()) == (1, 1)
        at = (torch.tensor(middle) + 1) * 4  # in places
        centers = torch.stack([rows, cols], 1) + 0.5
        assert ((centers - at).abs() <= 1).all()
    corner = torch.tensor([[[-0.99, -0.99, -0.99, -0.99]]])
    assert heat_of(windows, corner, counts, reach=torch.full((1, 1), 0.5), grid=(8, 8)).nonzero().tolist() == [[0] * 4]
    beyond = torch.tensor([[[-1.05, 0.1, -1.05, 0.1]]])
    assert heat_of(windows, beyond, counts, reach=torch.full((1, 1), 0.5), grid=(8, 8)).sum() == 2
    assert heat_of(windows, beyond, counts, reach=torch.zeros(1, 1), grid=(8, 8)).sum() == 0


def test_the_loss_is_least_where_it_is_known_and_reads_valid_looks_only() -> None:
    truth = heat_of(WINDOWS, BOXES, COUNTS, reach=torch.zeros(1, 4), grid=(4, 2))
    valid = torch.tensor([[True, True, True, False]])
    known = {"heat": 40 * truth - 20, "windows": WINDOWS, "valid": valid, "weight": torch.ones(1, 4),
             "reach": torch.zeros(1, 4)}  # fmt: skip
    assert heat_loss(known, BOXES, COUNTS).item() < 1e-6
    wrong = {**known, "heat": -known["heat"]}
    assert heat_loss(wrong, BOXES, COUNTS).item() > 10
    elsewhere = {**known, "heat": known["heat"] + 40 * (~valid)[..., None, None]}
    assert torch.equal(heat_loss(elsewhere, BOXES, COUNTS), heat_loss(known, BOXES, COUNTS))
    assert heat_loss({**known, "valid": torch.zeros_like(valid)}, BOXES, COUNTS).tolist() == [0.0]


def test_spotting_teaches_heat_from_boxes_or_points_and_not_from_labels() -> None:
    task = Spotting(ClassificationConfig(class_names=("none", "a")))
    heat = {"heat": torch.zeros(2, 1, 4, 4), "windows": torch.tensor([[[0, 0, 1, 1.0]]]).repeat(2, 1, 1),
            "valid": torch.ones(2, 1, dtype=torch.bool), "weight": torch.ones(2, 1),
            "reach": torch.zeros(2, 1)}  # fmt: skip
    labels, place = torch.tensor([0, 1]), torch.tensor([[[0.0, 0.0]], [[0.3, -0.2]]])
    assert task.loss(heat, labels).tolist() == [0, 0]
    point = {"label": labels, "place": place}
    box = torch.cat([place - 0.1, place + 0.1], -1)
    boxed = {**point, "boxes": box, "is_target": labels[:, None] > 0}
    torch.testing.assert_close(task.loss(heat, point), task.loss(heat, boxed))
    hot = {**heat, "heat": heat["heat"].clone()}
    hot["heat"][1, 0, 2, 1] = 3.0
    assert task.loss(hot, point)[1] < task.loss(heat, point)[1]


def test_heat_learned_from_chosen_scenes_is_that_of_scenes_at_large() -> None:
    """Scenes that hold ten times as many targets: the best heat is then ten times smaller in odds than what is seen."""
    windows = torch.tensor([[[0, 0, 1, 1.0]]]).repeat(40, 1, 1)
    boxes = torch.tensor([[[-0.6, -0.6, -0.4, -0.4]]]).repeat(40, 1, 1)
    holds = (torch.arange(40) < 20)[:, None]  # half of what was drawn; odds 1
    heat = torch.zeros((), requires_grad=True)
    optimizer = torch.optim.LBFGS([heat], lr=0.5, max_iter=100)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        shown = heat.expand(40, 1, 1, 1)
        given = {"heat": shown, "windows": windows, "valid": torch.ones(40, 1), "weight": torch.ones(40, 1),
                 "reach": torch.zeros(40, 1)}  # fmt: skip
        loss = heat_loss(given, boxes, holds, gain=torch.full((40,), 10.0)).mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert abs(heat.exp().item() - 0.1) < 1e-3
