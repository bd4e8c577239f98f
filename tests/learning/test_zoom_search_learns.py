"""A zooming search soon finds what random looks miss: things of a thousandth of a scene."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from foveate.episode import Player
from foveate.geometry.viewpoint import contains
from foveate.noise import Noise
from foveate.recipes.big_scene import big_scene
from foveate.rollout import rollout
from foveate.scenes.procedural import ProceduralSet
from foveate.system import System, build, fresh_policy
from foveate.training.procedural_source import ProceduralSource
from foveate.training.sources import Batch
from foveate.training.trainer import Trainer

SIDE_PX, NUM_LOOKS = 1024, 4


@pytest.mark.slow
@pytest.mark.learning
def test_learned_looks_come_close_to_what_random_looks_miss() -> None:
    recipe = big_scene(side_px=SIDE_PX, steps=150).with_train(
        batch_size=24, opening_scenes=0, num_looks=NUM_LOOKS, lr=3e-3, opening_frac=0.85
    )
    plain = replace(recipe.source.procedural.config, num_objects=(3, 6), num_distractors=(0, 0))
    model = replace(recipe.system.model, config={**recipe.system.model.config, "taught_looks": 2})
    policy = replace(recipe.system.policy, config={**recipe.system.policy.config, "num_looks_per_step": 2})
    torch.manual_seed(0)
    system = build(replace(recipe.system, model=model, policy=policy))
    Trainer(system, ProceduralSource(ProceduralSet(plain, split="train")), recipe.train).run()
    one = replace(plain, num_objects=(1, 1), none_frac=0.0)
    batch = ProceduralSource(ProceduralSet(one, split="test")).batch(np.arange(64), 0)
    learned = _share_seen_closely(system, system.policy, batch)
    random = _share_seen_closely(system, fresh_policy("random", system.model.observation_shape), batch)
    assert learned > 0.4
    assert learned > random + 0.3


@torch.no_grad()
def _share_seen_closely(system: System, policy: object, batch: Batch) -> float:
    """Of scenes with one target: those where a look of at least half of full resolution shows its middle."""
    player = Player(model=system.model, policy=policy, max_looks=NUM_LOOKS)
    noise = Noise(seed=0, scenes=batch.indices)
    explores = policy is not system.policy
    episode = rollout(batch.scenes, player, noise=noise, explore=explores, keep_events=True)
    looks = torch.cat([torch.as_tensor(event.look.viewpoints) for event in episode.events if event.look], dim=1)
    closely = looks[..., 2] * SIDE_PX / 64 <= 2.0
    middles = batch.target["boxes"][:, :1].unflatten(2, (2, 2)).mean(2)
    return float((contains(looks, middles)[..., 0] & closely).any(1).float().mean())
