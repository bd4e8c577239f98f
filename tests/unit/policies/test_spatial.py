"""The spatial policy: draws follow the heatmap, k looks without replacement, and what once went wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from foveate.geometry.viewpoint import grid_centers
from foveate.noise import uniforms
from foveate.rows import take
from tests.conformance.parts import POLICY_CASES, observation, seeded

DRAWS = 20_000


def test_candidates_are_drawn_as_often_as_the_heatmap_says() -> None:
    policy = seeded(POLICY_CASES["spatial"], jitter=0.3)
    one = take(observation(ragged=True), np.array([5]))
    many = take(one, np.zeros(DRAWS, np.int64))
    drawn = policy.look(many, uniforms(0, np.arange(DRAWS), shape=policy.noise_shape)).action["candidate"][:, 0]
    p = policy.logits_and_offsets(one)[0].softmax(1)[0]
    share = torch.bincount(drawn, minlength=len(p)) / DRAWS
    assert (share - p).abs().max() < 4.5 * 0.5 / DRAWS**0.5
    assert not share[~one.mask[0]].any()


def test_pairs_are_drawn_as_their_joint_log_probability_says() -> None:
    """Second choices are drawn from what the first left: the sum over all ordered pairs of p(a) p(b | a) is 1."""
    policy = seeded(lambda: POLICY_CASES["spatial-4"](), jitter=0.3)
    one = take(observation(ragged=True), np.array([2]))  # three candidates, k = 4
    many = take(one, np.zeros(DRAWS, np.int64))
    look = policy.look(many, uniforms(0, np.arange(DRAWS), shape=policy.noise_shape))
    assert look.valid.float().mean(0).tolist() == [1, 1, 1, 0]  # once, the fourth was valid again
    p = policy.logits_and_offsets(one)[0].softmax(1)[0].detach()
    first, second = look.action["candidate"][:, 0], look.action["candidate"][:, 1]
    for a in one.mask[0].nonzero()[:, 0]:
        for b in one.mask[0].nonzero()[:, 0]:
            expected = p[a] * p[b] / (1 - p[a]) if a != b else 0.0
            assert abs(((first == a) & (second == b)).float().mean() - expected) < 4.5 * 0.5 / DRAWS**0.5


def test_noise_next_to_one_stays_finite_and_ragged_rows_have_finite_gradients() -> None:
    policy = seeded(POLICY_CASES["spatial-4"], jitter=0.3)
    seen = observation(ragged=True)
    look = policy.look(seen, np.full((6, 4, 3), 1 - 2.0**-53))
    assert look.log_prob.isfinite().all()
    policy.score(seen, look.action, look.behaviour).log_prob.sum().backward()
    used = [parameter.grad for parameter in policy.parameters() if parameter.grad is not None]
    assert len(used) >= 8
    assert all(gradient.isfinite().all() for gradient in used)


def test_a_thing_between_cells_is_looked_at_in_its_middle() -> None:
    """Looks at cell centres once missed a third of things of a fixation's size: chance rarely finds a good offset."""
    policy = seeded(POLICY_CASES["spatial"], jitter=0.0)
    one = take(observation(), np.array([0]))
    rows, cols = one.grid
    share = torch.zeros(1, rows, cols)
    share[0, 1, 2], share[0, 2, 2] = 0.7, 0.3  # bilinear weights of a thing 0.3 rows below the cell (1, 2)
    seen = replace(one, relevance=share.flatten(1), coverage=torch.zeros(1, rows * cols))
    offset = policy.logits_and_offsets(seen)[1][0, cols + 2] * policy.config.offset
    assert torch.allclose(offset, torch.tensor([0.3, 0.0]), atol=1e-3)
    beside = replace(seen, relevance=seen.relevance.clone())
    beside.relevance[0, 3 * cols + 2] = 0.9  # another thing, below: neither cell is drawn to what is more relevant
    assert torch.allclose(
        policy.logits_and_offsets(beside)[1][0, 2 * cols + 2, 0] * policy.config.offset, torch.tensor(0.0), atol=1e-3
    )
    center = grid_centers(one.grid, one.candidates)[cols + 2] + torch.tensor([0.3 * 2 / rows, 0.0])
    assert torch.allclose(policy.look(seen).viewpoints[0, 0, :2], center, atol=2e-3)
