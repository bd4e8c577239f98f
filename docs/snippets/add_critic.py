"""A critic of your own: what further looking is worth, linear in the summary of what was seen."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from foveate.core import Observation
from foveate.critics import CRITICS
from foveate.episode import Player
from foveate.rollout import rollout
from foveate.scenes.memory import ArrayScenes
from foveate.system import PartSpec, SystemSpec, build


@dataclass(frozen=True, kw_only=True)
class LinearValueConfig:
    summary_dim: int
    """Filled in from the model by its name, like feature_dim, grid and num_steps."""


class LinearValue(nn.Module):
    def __init__(self, config: LinearValueConfig) -> None:
        super().__init__()
        self.value_of = nn.Linear(config.summary_dim, 1)

    def value(self, observation: Observation) -> Tensor:
        with torch.autocast(observation.summary.device.type, enabled=False):  # float32 under mixed precision too
            return self.value_of(observation.summary.float())[:, 0]

    def macs(self, observation: Observation) -> int:
        return self.value_of.in_features


CRITICS.register("linear_value", LinearValue, config=f"{__name__}:LinearValueConfig", summary="linear")

system = build(
    SystemSpec(
        model=PartSpec(name="glance_focus", config={"num_outputs": 2, "max_looks": 2}),
        policy=PartSpec(name="raster"),
        critic=PartSpec(name="linear_value"),
        task=PartSpec(name="classification", config={"class_names": ("no", "yes")}),
    )
).train(False)
player = Player(model=system.model, policy=system.policy, critic=system.critic, ask=frozenset({"value"}))
with torch.no_grad():
    episode = rollout(ArrayScenes(np.zeros((2, 3, 80, 80), np.uint8)), player, keep_events=True)
assert [event.step.value.shape for event in episode.events] == [(2,), (2,), (2,)]  # V(s_0), V(s_1), V(s_2)
