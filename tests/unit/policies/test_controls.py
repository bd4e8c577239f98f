"""The controls look where they say, whatever array library the candidates come in."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch

from foveate.core import Observation
from foveate.errors import UsageError
from foveate.geometry.viewpoint import clamp_inside, contains, grid_centers
from foveate.noise import uniforms
from foveate.policies import POLICIES
from foveate.policies.cam import Cam, CamConfig
from foveate.policies.cam_gmm import CamGmm, CamGmmConfig
from foveate.policies.random_looks import GaussianRandom, GaussianRandomConfig, Random, RandomConfig, normal_quantile
from foveate.policies.scans import (
    CentreCorners,
    CentreCornersConfig,
    CoarseToFine,
    CoarseToFineConfig,
    Raster,
    RasterConfig,
)
from foveate.rows import as_numpy
from tests.conformance.parts import POLICY_CASES, assert_close, observation

CONTROLS = [name for name in POLICIES.names() if POLICIES.facts(name).get("control")]


def _seen(n: int, half: tuple[float, float] = (0.25, 0.4), *, relevance: Any = None) -> Observation:
    """Rows at looks 0, 1, 2 ... of a family with a 9 x 9 grid of candidates of one size."""
    centers = grid_centers((9, 9), torch.zeros(1)).expand(n, 81, 2)
    return Observation(
        candidates=clamp_inside(torch.cat([centers, torch.tensor(half).expand(n, 81, 2)], -1)),
        features=torch.zeros(n, 81, 3),
        mask=torch.ones(n, 81, dtype=torch.bool),
        coverage=torch.zeros(n, 81),
        summary=torch.zeros(n, 3),
        num_looks=torch.arange(n),
        sizes_px=torch.full((n, 2), 100),
        relevance=relevance,
    )


def _places(policy: Any, seen: Observation, noise: Any = None) -> np.ndarray:
    return as_numpy(policy.look(seen, noise).viewpoints)[:, 0].round(4)


@pytest.mark.parametrize("name", CONTROLS)
def test_numpy_and_torch_agree(name: str) -> None:
    policy, seen = POLICY_CASES[name](), observation()
    arrays = {f.name: getattr(seen, f.name) for f in fields(seen) if isinstance(getattr(seen, f.name), torch.Tensor)}
    bare = replace(seen, **{key: value.numpy() for key, value in arrays.items()})
    for noise in (None, uniforms(0, np.arange(6), shape=policy.noise_shape)):
        look = policy.look(bare, noise)
        assert isinstance(look.viewpoints, np.ndarray)
        assert_close(look.viewpoints, as_numpy(policy.look(seen, noise).viewpoints), atol=1e-6)


def test_random_reaches_every_legal_position_evenly_and_stands_in_the_middle_without_noise() -> None:
    noise = uniforms(0, np.arange(4000), shape=(1, 2))
    seen = replace(_seen(1).select(np.zeros(4000, np.int64)), num_looks=torch.zeros(4000, dtype=torch.int64))
    places = _places(Random(RandomConfig()), seen, noise)[:, :2] / (0.75, 0.6)
    assert np.abs(np.sort(places, 0) - np.linspace(-1, 1, 4000)[:, None]).max() < 0.07
    assert _places(Random(RandomConfig()), seen)[0].tolist() == pytest.approx([0, 0, 0.25, 0.4])
    cloud = _places(GaussianRandom(GaussianRandomConfig(sigma=0.3)), seen, noise)
    assert cloud[:, :2].std(0) == pytest.approx([0.3, 0.29], abs=0.02)  # the second is cut at 0.6
    with pytest.raises(UsageError, match="above 0"):
        GaussianRandomConfig(sigma=0)


def test_the_normal_quantile_is_right() -> None:
    uniform = torch.tensor([1e-9, 0.01, 0.3, 0.5, 0.7, 0.99, 1.0], dtype=torch.float64)
    assert (normal_quantile(uniform)[:-1] - torch.special.ndtri(uniform[:-1])).abs().max() < 5e-4
    assert normal_quantile(uniform).isfinite().all()


def test_centre_then_corners_then_edges_then_again() -> None:
    places = _places(CentreCorners(CentreCornersConfig()), _seen(10))
    assert places[:2, :2].tolist() == pytest.approx(np.array([[0, 0], [-0.75, -0.6]]))
    assert (np.abs(places[1:5, :2]) == np.float32([0.75, 0.6])).all()
    assert ((places[5:9, :2] == 0).sum(1) == 1).all()
    assert places[9].tolist() == places[0].tolist()


@pytest.mark.parametrize("half", [(0.25, 0.4), (1.0, 0.5), (1 / 3, 0.2), (2.0, 2.0)])
def test_raster_covers_everything_without_overlap_in_reading_order(half: tuple[float, float]) -> None:
    tiles = int(np.prod(np.ceil(np.round(1 / np.array(half), 3))))
    places = _places(Raster(RasterConfig()), _seen(tiles + 1, half))
    points = grid_centers((40, 40), torch.zeros(1))[None]
    assert contains(torch.as_tensor(places[:tiles])[None], points).any(1).all()
    assert places[tiles].tolist() == places[0].tolist()
    order = places[:tiles, :2].round(3).tolist()
    assert order == sorted(order)
    assert len({tuple(place) for place in order}) == tiles


def test_coarse_to_fine_walks_the_quadtree() -> None:
    places = _places(CoarseToFine(CoarseToFineConfig(zoom=True, num_levels=3)), _seen(22))
    assert places[0].tolist() == [0, 0, 1, 1]
    assert places[1:5].tolist() == [[r, c, 0.5, 0.5] for r in (-0.5, 0.5) for c in (-0.5, 0.5)]
    assert places[5].tolist() == [-0.75, -0.75, 0.25, 0.25]
    assert places[20].tolist() == [0.75, 0.75, 0.25, 0.25]
    assert places[21].tolist() == places[0].tolist()
    native = _places(CoarseToFine(CoarseToFineConfig()), _seen(5))
    assert (native[:, 2:] == np.float32([0.25, 0.4])).all()
    later = _places(CoarseToFine(CoarseToFineConfig(zoom=True, num_levels=3, first_level=2)), _seen(21))
    assert later[:20].tolist() == places[1:21].tolist()
    assert later[20].tolist() == places[1].tolist()


def _blobs(n: int) -> torch.Tensor:
    """Three blobs of weight 1, 2, 3 at known places, ``[n, 81]``."""
    centers = grid_centers((9, 9), torch.zeros(1))
    relevance = torch.zeros(81)
    for weight, place in ((1.0, (-0.6, 0.6)), (2.0, (0.6, 0.6)), (3.0, (0.0, -0.5))):
        distance = (centers - torch.tensor(place)).square().sum(-1)
        relevance += weight * torch.exp(-distance / 0.03)
    return relevance.expand(n, 81)


def test_cam_takes_the_most_relevant_place_not_yet_covered_or_draws_in_proportion() -> None:
    seen = _seen(1, (0.3, 0.3), relevance=_blobs(1))
    policy, found = Cam(CamConfig()), []
    for _ in range(3):
        look = policy.look(seen)
        found.append(look.viewpoints[0, 0, :2])
        covered = contains(look.viewpoints, seen.candidates[..., :2]).sum(1)
        seen = replace(seen, coverage=seen.coverage + covered)
    for place, expected in zip(found, [(0.0, -0.5), (0.6, 0.6), (-0.6, 0.6)], strict=True):
        assert (place - torch.tensor(expected)).abs().max() < 0.25
    many = _seen(1, relevance=_blobs(1)).select(np.zeros(4000, np.int64))
    drawn = policy.look(many, uniforms(1, np.arange(4000), shape=(1, 1))).action["candidate"][:, 0]
    share = torch.bincount(drawn, minlength=81) / 4000
    assert (share - _blobs(1)[0] / _blobs(1)[0].sum()).abs().max() < 0.03


def test_a_map_of_zeros_is_looked_at_evenly() -> None:
    many = _seen(1, relevance=torch.zeros(1, 81)).select(np.zeros(4000, np.int64))
    drawn = Cam(CamConfig()).look(many, uniforms(1, np.arange(4000), shape=(1, 1))).action["candidate"][:, 0]
    assert torch.bincount(drawn, minlength=81).min() > 20
    assert np.isfinite(_places(CamGmm(CamGmmConfig()), many.select(np.arange(4)))).all()


def test_the_mixture_finds_the_blobs_heaviest_first() -> None:
    seen = _seen(4, (0.1, 0.1), relevance=_blobs(4))
    places = _places(CamGmm(CamGmmConfig(num_components=3)), seen)
    expected = np.array([(0.0, -0.5), (0.6, 0.6), (-0.6, 0.6), (0.0, -0.5)])
    assert np.abs(places[:, :2] - expected).max() < 0.05
