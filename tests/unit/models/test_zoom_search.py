"""The zooming search beside the contract: what it remembers, never looks at twice, and how deep it goes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from foveate.core import Look
from foveate.episode import Episode, Event, Player
from foveate.errors import UsageError
from foveate.geometry.viewpoint import contains
from foveate.models import create_model
from foveate.models.cells import CLOSER, cores
from foveate.models.frontier import Frontier
from foveate.noise import Noise
from foveate.rollout import rollout
from foveate.scenes.memory import ArrayScenes
from foveate.scenes.procedural import ProceduralConfig, ProceduralSet
from foveate.system import fresh_policy

SMALL = {"num_outputs": 2, "glimpse_px": (16, 16), "cells": (4, 4), "frontier_size": 64, "hidden_dim": 16}


def _model(**changes: object) -> torch.nn.Module:
    torch.manual_seed(0)
    return create_model("zoom_search", **{**SMALL, **changes}).eval()


def _scenes(*sizes_px: tuple[int, int]) -> ArrayScenes:
    rng = np.random.default_rng(0)
    return ArrayScenes([rng.integers(0, 256, (3, *size), dtype=np.uint8) for size in sizes_px])


@torch.no_grad()
def _play(model: torch.nn.Module, scenes: ArrayScenes, *, looks: int, k: int = 1, name: str = "spatial") -> Episode:
    settings = {"num_looks_per_step": k, "offset": 0.0} if name == "spatial" else {}
    policy = fresh_policy(name, model.observation_shape, **settings)
    noise = Noise(seed=0, scenes=np.arange(len(scenes)))
    return rollout(
        scenes, Player(model=model, policy=policy, max_looks=looks), noise=noise, explore=True, keep_events=True
    )


def _of_row(event: Event, row: int) -> np.ndarray:
    """Viewpoints ``[j, 4]`` of a scene's valid looks at one step."""
    who = event.rows[~event.leaving] == row
    return np.asarray(event.look.viewpoints)[who][np.asarray(event.look.valid)[who]]


@pytest.mark.parametrize("k", [1, 4])
def test_no_place_is_looked_at_twice_and_nothing_is_left_out(k: int) -> None:
    model, scenes = _model(frontier_size=2048), _scenes((96, 96), (64, 128))
    episode = _play(model, scenes, looks=1000, k=k)
    for row in range(2):
        looks = np.concatenate([_of_row(event, row) for event in episode.events if event.look is not None])
        assert len(np.unique(looks.round(5), axis=0)) == len(looks)
        height, width = scenes.sizes_px[row]
        finest = looks[np.maximum(looks[:, 2] * height, looks[:, 3] * width) / 16 < CLOSER]
        points = torch.rand(1, 500, 2, generator=torch.Generator().manual_seed(1)) * 2 - 1
        assert contains(torch.as_tensor(finest)[None], points).any(1).all(), "all of the scene was seen closely"
    assert episode.truncated.all(), "no candidate is left"


def test_a_scene_no_larger_than_a_glimpse_is_answered_from_the_overview() -> None:
    episode = _play(_model(), _scenes((16, 16), (12, 20)), looks=10)
    assert episode.num_looks.tolist() == [0, 0]
    assert episode.truncated.all()


def some(mass: list[float], **changes: torch.Tensor) -> Frontier:
    """Open cells anywhere."""
    m = len(mass)
    parts = {
        "boxes": torch.rand(1, m, 4), "windows": torch.rand(1, m, 4), "scales_px": torch.ones(1, m),
        "mass": torch.tensor([mass]), "looks": torch.rand(1, m, 3), "closer": torch.rand(1, m),
        "found": torch.rand(1, m, 0),
        "exists": torch.ones(1, m, dtype=torch.bool),
        "is_leaf": torch.zeros(1, m, dtype=torch.bool), "coverage": torch.zeros(1, m),
    }  # fmt: skip
    return Frontier(**{**parts, **changes})


@torch.no_grad()
def test_the_most_promising_cells_are_kept_and_those_seen_closely_go_first() -> None:
    known = Frontier.empty(1, 4, 3, like=torch.zeros(1)).joined(some([0.3, 5.0], coverage=torch.tensor([[0.0, 1.0]])))
    assert known.mass[0].tolist() == pytest.approx([0.3, 5.0, 0.0, 0.0])
    full = known.joined(some([0.1, 0.2, 0.4]))
    assert full.mass[0].tolist() == pytest.approx([0.3, 0.1, 0.2, 0.4]), "what was seen closely left, the order stayed"
    assert full.joined(some([0.15])).mass[0].tolist() == pytest.approx([0.3, 0.2, 0.4, 0.15])


def test_leaves_leave_room_for_what_can_still_be_looked_at_and_the_reverse() -> None:
    """A few close looks show more leaves than there is room for: with them alone the search would end at once."""
    known = Frontier.empty(1, 4, 3, like=torch.zeros(1)).joined(some([0.1, 0.2, 0.3]))
    leaves = some([5.0, 6.0, 7.0, 8.0, 9.0], is_leaf=torch.ones(1, 5, dtype=torch.bool))
    both = known.joined(leaves)
    assert both.mass[0].tolist() == pytest.approx([0.2, 0.3, 8.0, 9.0])
    assert both.joined(some([30.0, 40.0, 50.0])).mass[0].tolist() == pytest.approx([8.0, 9.0, 40.0, 50.0])
    alone = Frontier.empty(1, 4, 3, like=torch.zeros(1)).joined(leaves)
    assert alone.mass[0].tolist() == pytest.approx([6.0, 7.0, 8.0, 9.0]), "room that nobody needs is used"


@torch.no_grad()
def test_cells_add_up_to_the_heat_and_looking_closer_takes_it_over() -> None:
    model, scenes = _model(prior=0.05), _scenes((256, 256))
    state = model.open(scenes.read(np.array([[[0, 0, 1, 1.0]]]), (16, 16)).pixels, scenes.sizes_px)
    heat = torch.nn.functional.softplus(state.heat["heat"][0, 0]).sum()
    assert state.frontier.mass.sum() == pytest.approx(float(heat), rel=1e-5)
    corner = model.observe(state).candidates[:, [0]]
    look = Look(action={}, viewpoints=corner, valid=torch.ones(1, 1, dtype=torch.bool))
    after = model.update(state, scenes.read(look.viewpoints, (16, 16)).pixels, look)
    assert not after.frontier.is_evidence[0, 0]
    assert after.frontier.is_evidence.sum() == 8 + 9, "three rows and columns of the scene, and of its corner"


@torch.no_grad()
def test_what_a_closer_look_shows_of_a_neighbour_replaces_what_was_expected_there() -> None:
    """Else a thing on the border of two cells would be looked at twice."""
    one = torch.ones(1, 2)
    no = torch.zeros(1, 2, dtype=torch.bool)
    boxes = torch.tensor([[[-1, -1, 0, 0], [-1, 0, 0, 1.0]]])
    known = Frontier(
        boxes=boxes, windows=torch.zeros(1, 2, 4), scales_px=one, mass=torch.tensor([[0.4, 0.6]]),
        looks=torch.zeros(1, 2, 3), found=torch.zeros(1, 2, 0), closer=one, exists=~no, is_leaf=no,
        coverage=torch.zeros(1, 2),
    )  # fmt: skip
    window = torch.tensor([[[-0.5, -0.5, 0.5, 1.0]]])  # all of the one and a half of the other
    window[..., 1], window[..., 3] = -0.25, 0.75
    core = cores(window, context=1.5)
    nothing, scale, valid = torch.zeros(1, 1, 4, 6), torch.ones(1, 1), torch.ones(1, 1, dtype=torch.bool)
    assert known.revised(window, core, nothing, scale, valid).mass[0].tolist() == pytest.approx([0.0, 0.3])
    found = nothing.clone()
    found[0, 0, 1, 5] = 0.7  # beyond what the look answers for
    assert known.revised(window, core, found, scale, valid).mass[0].tolist() == pytest.approx([0.0, 1.0])
    farther = known.revised(window, core, found, 2 * scale, valid)
    assert farther.mass[0].tolist() == pytest.approx([0.4, 0.6])
    assert known.revised(window, core, found, scale, ~valid).mass[0].tolist() == pytest.approx([0.4, 0.6])
    own = nothing.clone()
    own[0, 0, 1, 4] = 0.7  # beyond the border, but the look answers for it
    assert known.revised(window, core, own, scale, valid).mass[0].tolist() == pytest.approx([0.0, 0.3])


def test_half_a_cell_is_not_superseded_by_what_answers_for_the_other_half() -> None:
    """What no look answers for stays to be looked at; a look at the middle of a much larger cell stands for it."""
    cell = torch.tensor([[[-0.5, -0.5, 0.5, 0.5]]])
    known = replace(some([1.0]), boxes=cell)
    scale, valid = torch.ones(1, 1), torch.ones(1, 1, dtype=torch.bool)

    def superseded(*core: float) -> bool:
        return bool(known.superseded(torch.tensor([[core]]), scale, valid).coverage[0, 0] > 0)

    assert superseded(-0.5, -0.5, 0.5, 0.5)
    assert superseded(-1.0, -0.4, 0.5, 0.6)
    assert not superseded(-0.5, -0.95, 0.5, 0.05), "the middle, but half of it"
    assert not superseded(-0.5, 0.1, 0.5, 1.0), "without the middle"
    assert not superseded(-0.3, -0.3, 0.3, 0.3), "the middle, of a larger cell"
    assert superseded(-0.05, -0.05, 0.05, 0.05)
    assert not superseded(-0.98, -0.05, 0.02, 0.05), "along one axis half of it"


def test_cells_that_a_better_one_will_show_wait_for_it() -> None:
    """The cells of two looks may overlap: in one step both would be looked at."""
    boxes = torch.tensor([[[-0.5, -0.5, 0.5, 0.5], [-0.45, -0.5, 0.55, 0.5], [0.1, -0.5, 1.0, 0.5]]])
    known = some([0.2, 0.3, 0.1], boxes=boxes)
    assert known.outdone(boxes)[0].tolist() == [True, False, False], "the last is half beyond"
    assert known.outdone(boxes * 0.5)[0].tolist() == [False] * 3, "looks at the others answer for less"
    alike = replace(known, mass=torch.full((1, 3), 0.2))
    assert alike.outdone(boxes)[0].tolist() == [False, True, False]
    finer = replace(known, scales_px=torch.tensor([[1.0, 2.0, 1.0]]))
    assert not finer.outdone(boxes).any(), "what is shown less closely is no substitute"
    done = replace(known, coverage=torch.tensor([[0.0, 1.0, 0.0]]))
    assert not done.outdone(boxes).any(), "nobody will look at that one"


@pytest.mark.parametrize("name", ["raster", "coarse_to_fine", "random"])
def test_looks_of_other_policies_are_evidence_too(name: str) -> None:
    episode = _play(_model(frontier_size=512), _scenes((128, 96)), looks=6, name=name)
    known = episode.events[-1].state.frontier
    assert 7 * 4 <= known.exists.sum() <= 7 * 16


def test_a_closer_look_supersedes_what_it_shows_whole_and_a_smaller_one_does_not() -> None:
    model, scenes = _model(), _scenes((128, 128))
    state = model.open(scenes.read(np.array([[[0, 0, 1, 1.0]]]), (16, 16)).pixels, scenes.sizes_px)
    for extent, expected in ((0.4, 1), (0.1, 0)):
        view = torch.tensor([[[-1 + extent, -1 + extent, extent, extent]]])
        look = Look(action={}, viewpoints=view, valid=torch.ones(1, 1, dtype=torch.bool))
        after = model.update(state, scenes.read(view, (16, 16)).pixels, look)
        assert (after.frontier.coverage > 0).sum() == expected


@torch.no_grad()
def test_ten_gigapixels_cost_no_more_than_one_megapixel() -> None:
    """Looks get deeper by a few, not more; the table stays as it is."""
    depths = {}
    for side in (1024, 131_072):  # both a power of two: all steps are alike
        thing_px = (side // 40, side // 20)
        made = ProceduralSet(ProceduralConfig(size_px=(side, side), object_size_px=thing_px))
        scenes, _ = made.batch(np.arange(2), 0)
        model = _model(frontier_size=64)
        policy = fresh_policy("spatial", model.observation_shape, offset=0.0, relevance_gain=0.0)
        with torch.no_grad():
            policy.outer.weight.zero_()
            policy.inner.weight.zero_()
        episode = rollout(scenes, Player(model=model, policy=policy, max_looks=12), keep_events=True)
        extents = [float(event.look.viewpoints[..., 2].min()) for event in episode.events if event.look is not None]
        depths[side] = min(extents)
        assert episode.events[-1].state.frontier.mass.shape == (2, 64)
    assert depths[131_072] <= depths[1024] * (1 + 1e-6), "but for the rounding of viewpoints"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"context": 0.5}, "context"),
        ({"cells": (2, 2)}, "context"),
        ({"finest_px": 0.0}, "finest_px"),
        ({"prior": 1.0}, "prior"),
        ({"frontier_size": 0}, "frontier_size"),
        ({"reach": 0.6}, "reach"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        _model(**settings)
