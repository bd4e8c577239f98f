"""Every family looks at pictures that are never in memory: procedural giants, and tiled pyramids on disk."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from foveate.episode import Player
from foveate.noise import Noise
from foveate.rollout import rollout
from foveate.scenes.procedural import ProceduralConfig, ProceduralSet
from foveate.scenes.tiff import TiffScenes
from foveate.system import fresh_policy
from tests.conformance.parts import MODEL_CASES, seeded
from tests.support.giants import write_tiff

SIDE_PX = 50_000


@pytest.fixture(scope="module")
def pyramids(tmp_path_factory: pytest.TempPathFactory) -> TiffScenes:
    pytest.importorskip("tifffile")
    pixels = np.random.default_rng(0).integers(0, 256, (600, 800, 3), dtype=np.uint8)
    folder = tmp_path_factory.mktemp("pyramids")
    return TiffScenes([write_tiff(pixels, folder / f"{number}.tif", levels=3) for number in range(2)])


@pytest.mark.parametrize("name", MODEL_CASES)
def test_a_giant_is_read_where_it_is_looked_at(name: str) -> None:
    config = ProceduralConfig(size_px=(SIDE_PX, SIDE_PX), object_size_px=(500, 1500))
    scenes, _ = ProceduralSet(config).batch(np.arange(2), 0)
    _play(seeded(MODEL_CASES[name]), scenes)


@pytest.mark.parametrize("name", MODEL_CASES)
def test_a_pyramid_is_read_where_it_is_looked_at(name: str, pyramids: TiffScenes) -> None:
    _play(seeded(MODEL_CASES[name]), pyramids)


def _play(model: Any, scenes: Any) -> None:
    policy = fresh_policy("spatial", model.observation_shape)
    player = Player(model=model, policy=policy, max_looks=min(2, model.max_looks or 2))
    episode = rollout(scenes, player, noise=Noise(seed=0, scenes=np.arange(len(scenes))), explore=True)
    assert episode.num_looks.tolist() == [player.max_looks] * len(scenes)
