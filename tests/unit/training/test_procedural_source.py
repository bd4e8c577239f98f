"""Procedural scenes as a source of training batches."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch

from foveate.geometry.viewpoint import whole_scene
from foveate.recipes.big_scene import big_scene
from foveate.scenes.procedural import ProceduralConfig, ProceduralSet
from foveate.training.procedural_source import ProceduralSource, clues
from foveate.training.sources import label_and_place
from foveate.training.trainer import Trainer

SCENES = ProceduralSet(ProceduralConfig(size_px=(2048, 1024), object_size_px=(20, 40)))


def test_batches_are_pure_functions_of_their_keys() -> None:
    source = ProceduralSource(SCENES)
    batch = source.batch(np.arange(6), 3)
    again = source.batch(np.array([4, 1]), 3)
    glance = batch.scenes.read(whole_scene(6), (32, 16)).pixels
    np.testing.assert_array_equal(again.scenes.read(whole_scene(2), (32, 16)).pixels, glance[[4, 1]])
    for name, value in batch.target.items():
        assert torch.equal(again.target[name], value[[4, 1]])


def test_streams_share_no_scene() -> None:
    one, other = (ProceduralSource(SCENES, stream=stream) for stream in (0, 1))
    assert one.fingerprint != other.fingerprint
    assert not torch.equal(one.batch(np.arange(9), 0).target["boxes"], other.batch(np.arange(9), 0).target["boxes"])


def test_clues_agree_with_each_other() -> None:
    target = ProceduralSource(SCENES, clues).batch(np.arange(64), 0).target
    assert torch.equal(target["present"], target["label"] > 0)
    assert torch.equal(target["present"], target["is_target"].any(1))
    assert torch.equal(target["classes"] > 0, target["is_target"])
    assert torch.equal(target["classes"][:, 0], target["label"])
    frame = target["boxes"][target["is_thing"]]
    size = torch.tensor([2048.0, 1024.0, 2048.0, 1024.0])
    torch.testing.assert_close((frame + 1) / 2 * size, target["boxes_px"][target["is_thing"]], rtol=0, atol=1e-2)
    assert not target["boxes"][~target["is_thing"]].any()


def test_the_targets_of_other_tasks_fit() -> None:
    target = ProceduralSource(SCENES, label_and_place).batch(np.arange(8), 0).target
    assert set(target) == {"label", "place"}
    assert target["place"].shape == (8, 1, 2)


@pytest.mark.parametrize("amp", ["off", "bf16"])
def test_scenes_in_which_nothing_is_left_to_look_at_are_trained_on_too(amp: Literal["off", "bf16"]) -> None:
    """Some run out of candidates before the others."""
    recipe = big_scene(side_px=512, steps=2, amp=amp).with_train(batch_size=3, num_looks=160, opening_frac=0.0)
    torch.manual_seed(0)
    system = recipe.build()
    rows = Trainer(system, recipe.source, recipe.train).run().metrics
    told = {name: value for name, value in rows[-1].items() if name.startswith(("train/", "losses/"))}
    assert len(told) > 5
    assert np.isfinite(list(told.values())).all()
    assert all(bool(torch.isfinite(one).all()) for part in system.modules().values() for one in part.parameters())
