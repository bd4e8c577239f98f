"""A policy of your own: looks along a spiral from the centre outwards."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from foveate.core import Look, Observation
from foveate.episode import Player
from foveate.policies import POLICIES
from foveate.policies.legal import look_at, native_half_extents
from foveate.rollout import rollout
from foveate.scenes.memory import ArrayScenes
from foveate.system import PartSpec, SystemSpec, build


@dataclass(frozen=True, kw_only=True)
class SpiralConfig:
    turns: float = 0.3
    """Turns per look."""


class Spiral:
    noise_shape = (1, 1)  # one look per step; its noise is not used

    def __init__(self, config: SpiralConfig) -> None:
        self.config = config

    def look(self, observation: Observation, noise=None) -> Look:
        half = native_half_extents(observation)  # [n, 2] of a look at native resolution
        step = observation.num_looks.float()[:, None]
        angle = 2 * math.pi * self.config.turns * step
        radius = 1 - torch.exp(-step / 4)
        return look_at(radius * torch.cat([angle.sin(), angle.cos()], dim=1), half)  # shifted inside the scene

    def macs(self, observation: Observation) -> int:
        return 0


POLICIES.register("spiral", Spiral, config=f"{__name__}:SpiralConfig", learned=False, summary="a spiral")

system = build(
    SystemSpec(
        model=PartSpec(name="glance_focus", config={"num_outputs": 2, "max_looks": 3}),
        policy=PartSpec(name="spiral", config={"turns": 0.2}),
        task=PartSpec(name="classification", config={"class_names": ("no", "yes")}),
    )
).train(False)
scenes = ArrayScenes(np.zeros((2, 3, 100, 160), np.uint8))
with torch.no_grad():
    episode = rollout(scenes, Player(model=system.model, policy=system.policy))
assert episode.num_looks.tolist() == [3, 3]
assert np.allclose(episode.viewpoints[0, 0, 0], [0, 0, 28 / 100, 28 / 160])  # the first look: the centre
