"""The Gaussian policy: its frame, its density, its independence of other rows."""

import math

import pytest
import torch

from foveate.config import to_plain
from foveate.core import Observation
from foveate.errors import UsageError
from foveate.geometry.viewpoint import grid_centers, to_boxes_px
from foveate.policies.gaussian import Gaussian, GaussianConfig, corner_to_viewpoints

GRID, SIZE_PX, GLIMPSE_PX = (3, 4), (90, 120), (30, 24)


def _policy() -> Gaussian:
    torch.manual_seed(0)
    policy = Gaussian(GaussianConfig(feature_dim=6, grid=GRID, num_steps=3, squeeze_dim=4, hidden_dims=(8,)))
    with torch.no_grad():
        policy.net.out.weight.mul_(10)  # means far from the middle
    return policy


def _observation(n: int) -> Observation:
    half = torch.tensor([GLIMPSE_PX[0] / SIZE_PX[0], GLIMPSE_PX[1] / SIZE_PX[1]])
    centers = grid_centers(GRID, half) * (1 - half)
    candidates = torch.cat([centers, half.expand(12, 2)], 1).expand(n, 12, 4)
    features = torch.randn(n, 12, 6, generator=torch.Generator().manual_seed(1))
    return Observation(
        candidates=candidates,
        features=features,
        mask=torch.ones(n, 12, dtype=torch.bool),
        coverage=torch.zeros(n, 12),
        summary=features.mean(1),
        num_looks=torch.arange(n) % 3,
        sizes_px=torch.tensor(SIZE_PX).expand(n, 2),
        grid=GRID,
    )


def test_a_saved_config_has_the_fields_that_it_always_had() -> None:
    config = GaussianConfig(feature_dim=6, grid=GRID, num_steps=3)
    assert to_plain(config) == {
        "feature_dim": 6, "grid": GRID, "num_steps": 3, "kernel": 3, "squeeze_dim": 128, "hidden_dims": (1024, 512),
        "sigma": 0.25, "final_sigma": 0.1,
    }  # fmt: skip
    with pytest.raises(UsageError, match="kernel is 2"):
        GaussianConfig(feature_dim=6, grid=GRID, num_steps=3, kernel=2)


def test_action_is_the_corner_in_units_of_the_free_range() -> None:
    half = torch.tensor([30 / 90, 24 / 120])
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, 1.0]])
    boxes = to_boxes_px(corner_to_viewpoints(corners, half)[None], torch.tensor([SIZE_PX]))[0]
    assert boxes.tolist() == [[0, 0, 30, 24], [60, 0, 90, 24], [30, 96, 60, 120]]


def test_without_noise_the_look_is_the_mean_and_noise_one_half_is_the_mean_too() -> None:
    policy, seen = _policy(), _observation(6)
    mean = policy.look(seen)
    torch.testing.assert_close(mean.action["corner"][:, 0], policy.mean(seen))
    half = policy.look(seen, torch.full((6, 1, 2), 0.5))
    torch.testing.assert_close(half.viewpoints, mean.viewpoints)


def test_raw_draws_are_scored_and_only_viewpoints_are_clamped() -> None:
    policy, seen = _policy(), _observation(6)
    policy.sigma = 0.6
    noise = torch.tensor([1e-9, 1 - 1e-9]).expand(6, 1, 2)  # far out on both sides
    look = policy.look(seen, noise)
    assert (look.action["corner"][..., 0] < 0).all()
    assert (look.action["corner"][..., 1] > 1).all()
    reach = look.viewpoints[..., :2].abs() + look.viewpoints[..., 2:]
    assert (reach <= 1 + 1e-6).all()
    assert look.behaviour is not None
    score = policy.score(seen, look.action, look.behaviour)
    expected = torch.distributions.Normal(policy.mean(seen), 0.6).log_prob(look.action["corner"][:, 0]).sum(1)
    torch.testing.assert_close(score.log_prob, expected)
    torch.testing.assert_close(look.log_prob, expected)
    assert score.entropy[0].item() == pytest.approx(math.log(2 * math.pi * math.e * 0.6**2))


def test_old_draws_are_scored_under_their_own_sigma() -> None:
    policy, seen = _policy(), _observation(6)
    look = policy.look(seen, torch.rand(6, 1, 2))
    policy.sigma = 0.1
    assert look.behaviour is not None
    torch.testing.assert_close(policy.score(seen, look.action, look.behaviour).log_prob, look.log_prob)


def test_noise_at_the_ends_of_the_unit_interval_stays_finite() -> None:
    look = _policy().look(_observation(6), torch.tensor([0.0, 1.0]).expand(6, 1, 2))
    assert torch.isfinite(look.action["corner"]).all()


def test_score_trains_the_mean() -> None:
    policy, seen = _policy(), _observation(6)
    look = policy.look(seen, torch.rand(6, 1, 2))
    assert not look.viewpoints.requires_grad
    assert look.behaviour is not None
    policy.score(seen, look.action, look.behaviour).log_prob.sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in policy.parameters())


def test_a_row_does_not_depend_on_its_batch() -> None:
    policy, seen, noise = _policy(), _observation(6), torch.rand(6, 1, 2)
    rows = torch.tensor([4, 1])
    part = policy.look(seen.select(rows), noise[rows])
    # Matrix products of another batch size may sum in another order: float32 rounding only.
    torch.testing.assert_close(part.viewpoints, policy.look(seen, noise).viewpoints[rows], atol=1e-6, rtol=1e-5)


def test_sigma_must_be_positive() -> None:
    with pytest.raises(UsageError, match="above 0"):
        GaussianConfig(feature_dim=1, grid=(1, 1), num_steps=1, sigma=0.0)
