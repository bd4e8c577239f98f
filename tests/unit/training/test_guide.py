"""Looks that targets ask for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from foveate.core import Look, Observation, ObservationShape
from foveate.errors import IncompatibleError
from foveate.geometry.viewpoint import contains
from foveate.recipes.big_scene import big_scene
from foveate.training.guide import AT_THINGS, CLOSEST, Guide
from foveate.training.trainer import Trainer

SIDES_PX, GLIMPSE_PX, NUM_LOOKS = (1024, 4096), 64, 400
SHAPE = ObservationShape(
    feature_dim=4, summary_dim=4, grid=None, num_steps=1, zoom=True, has_relevance=True,
    closest_px=(float(GLIMPSE_PX), float(GLIMPSE_PX)),
)  # fmt: skip


def _target(is_thing: list[list[bool]]) -> dict[str, Tensor]:
    """Small boxes all over, some in corners."""
    things = torch.tensor(is_thing)
    middles = torch.rand((*things.shape, 2), generator=torch.Generator().manual_seed(3)) * 2 - 1
    middles[:, 0] = 0.99
    return {"boxes": torch.cat([middles - 0.01, middles + 0.01], -1), "is_thing": things}


def _looked(target: dict[str, Tensor], *, num_looks: int = NUM_LOOKS) -> Look:
    n = len(target["boxes"])
    seen = Observation(
        candidates=torch.zeros(n, 1, 4), features=torch.zeros(n, 1, 4), mask=torch.ones(n, 1, dtype=torch.bool),
        coverage=torch.zeros(n, 1), summary=torch.zeros(n, 4), num_looks=torch.zeros(n, dtype=torch.int64),
        sizes_px=torch.tensor([[SIDES_PX[i % 2]] * 2 for i in range(n)]),
    )  # fmt: skip
    guide = Guide(target, SHAPE, num_looks_per_step=num_looks)
    return guide.look(seen, np.random.default_rng(0).random((n, *guide.noise_shape)))


def test_most_looks_are_at_things_and_as_close_as_can_be() -> None:
    target = _target([[True, True, False, True], [True, True, True, False]])
    look = _looked(target)
    views = torch.as_tensor(look.viewpoints)
    closest = torch.tensor([[GLIMPSE_PX / side] for side in SIDES_PX])
    is_closest = (views[..., 2] - closest).abs() < 1e-6
    assert (views[..., 2:] >= closest[..., None] - 1e-6).all()
    assert is_closest.float().mean() == pytest.approx(CLOSEST, abs=0.06)
    assert len(views[..., 2][~is_closest].unique()) > NUM_LOOKS / 4  # the rest from all distances
    assert (views[..., :2].abs() + views[..., 2:] <= 1 + 1e-6).all()
    shown = contains(views, (target["boxes"][..., :2] + target["boxes"][..., 2:]) / 2)
    at_things = (torch.as_tensor(shown) & target["is_thing"][:, None]).any(2)[is_closest].float().mean()
    assert at_things == pytest.approx(AT_THINGS, abs=0.06)


def test_every_thing_is_looked_at_and_nothing_else() -> None:
    target = _target([[True, False, True, False]] * 2)
    views = torch.as_tensor(_looked(target).viewpoints)
    shown = torch.as_tensor(contains(views, (target["boxes"][..., :2] + target["boxes"][..., 2:]) / 2))
    is_closest = views[..., 2] < 0.1
    share = (shown & is_closest[..., None]).float().sum(1) / is_closest.sum(1, keepdim=True)
    assert (share[:, [0, 2]] > 0.25).all()
    assert (share[:, [1, 3]] < 0.05).all()


def test_scenes_without_things_are_looked_at_anywhere() -> None:
    views = torch.as_tensor(_looked(_target([[False] * 4])).viewpoints)
    centers = views[0, views[0, :, 2] < 0.1, :2]
    assert (torch.histc(centers, 4, -1, 1) > len(centers) / 3).all()


@pytest.mark.parametrize(
    ("target", "shape", "expected"),
    [
        (torch.zeros(2), SHAPE, "need scenes whose targets say boxes"),
        ({"label": torch.zeros(2)}, SHAPE, "need scenes whose targets say boxes"),
        (_target([[True] * 4]), ObservationShape(feature_dim=4, summary_dim=4, grid=(2, 2), num_steps=1), "that zooms"),
    ],
)
def test_what_cannot_be_guided_is_refused(target: object, shape: ObservationShape, expected: str) -> None:
    with pytest.raises(IncompatibleError, match=expected):
        Guide(target, shape, num_looks_per_step=8)


def test_the_agent_waits_until_looks_are_its_own() -> None:
    recipe = big_scene(side_px=512, steps=4).with_train(batch_size=2, num_looks=8, opening_frac=0.0, guided_frac=0.5)
    torch.manual_seed(0)
    system = recipe.build()
    run = Trainer(system, recipe.source, recipe.train)
    stages = []
    for run.step in range(4):
        stage = run.curriculum.at(run.step, progress=run.progress)
        stages.append((type(stage.policy_of(recipe.source.batch(np.arange(1), 0).target)).__name__, stage.agent_learns))
    assert stages == [("Guide", False)] * 2 + [("Spatial", True)] * 2
