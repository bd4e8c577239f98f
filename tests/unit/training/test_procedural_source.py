"""Procedural scenes as a source of training batches."""

from __future__ import annotations

import numpy as np
import torch

from foveate.geometry.viewpoint import whole_scene
from foveate.scenes.procedural import ProceduralConfig, ProceduralSet
from foveate.training.procedural_source import ProceduralSource, clues
from foveate.training.sources import label_and_place

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
