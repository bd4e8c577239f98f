"""Numbers from names: pinned, because goldens rest on them."""

import numpy as np
import torch

from foveate.models.seeded import seeded_parameter, seeded_uniform


def test_the_stream_is_pinned() -> None:
    expected = [-0.8648219, -0.13687432, 0.35130632, -0.7948153]
    assert np.allclose(seeded_uniform("a name", (2, 2)).ravel(), expected, atol=1e-7)


def test_numbers_are_uniform_and_names_are_independent() -> None:
    a, b = seeded_uniform("a", (100_000,)), seeded_uniform("b", (100_000,))
    assert a.min() >= -1
    assert a.max() < 1
    # Three standard errors of 100,000 draws.
    assert abs(a.mean()) < 0.006
    assert abs(a.var() - 1 / 3) < 0.003
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.01
    assert abs(np.corrcoef(a[1:], a[:-1])[0, 1]) < 0.01


def test_nothing_is_trivial() -> None:
    assert torch.std(seeded_parameter("x.norm.weight", (500,))) > 0.1
    assert torch.std(seeded_parameter("x.norm.bias", (500,))) > 0.05
    matrix = seeded_parameter("x.fc.weight", (200, 300))
    assert abs((matrix @ torch.ones(300)).std().item() - 1) < 0.15
