"""A readout of your own: class logits from the strongest token ever seen, per class."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from foveate.episode import Player
from foveate.models.auxiliary import CellClasses, PooledClasses
from foveate.models.readouts import READOUTS
from foveate.rollout import rollout
from foveate.scenes.memory import ArrayScenes
from foveate.system import PartSpec, SystemSpec, build


class StrongestReadout(nn.Module):
    def __init__(self, *, dim: int, num_outputs: int) -> None:
        super().__init__()
        self.evidence = nn.Linear(dim, num_outputs)
        self.summary_dim = num_outputs

    def start(self, num_rows: int, like: Tensor) -> Mapping[str, Tensor]:
        return {"best": like.new_full((num_rows, self.evidence.out_features), -10.0)}

    def write(
        self, memory: Mapping[str, Tensor], tokens: Tensor, points: Tensor, *, tokens_each: int
    ) -> Mapping[str, Tensor]:
        """Tokens of one or more glimpses, ``tokens_each`` of each; points [n, p, 2] are where they were seen."""
        return {"best": torch.maximum(memory["best"], self.evidence(tokens).amax(1))}  # tokens [n, p, d]

    def read(self, memory: Mapping[str, Tensor]) -> Tensor:
        return memory["best"]

    def summary(self, memory: Mapping[str, Tensor]) -> Tensor:
        return memory["best"]

    def auxiliary(self, kind: str, *, dim: int, grid: tuple[int, int]) -> nn.Module:
        return {"cells": CellClasses, "pooled": PooledClasses}[kind](dim=dim, num_outputs=self.evidence.out_features)

    def macs(self, num_tokens: int) -> dict[str, int]:
        return {"write": num_tokens * self.evidence.in_features * self.evidence.out_features, "read": 0}


READOUTS.register("strongest", StrongestReadout)

system = build(
    SystemSpec(
        model=PartSpec(name="glance_focus", config={"num_outputs": 4, "readout": {"name": "strongest"}}),
        policy=PartSpec(name="raster"),
        task=PartSpec(name="classification", config={"class_names": ("a", "b", "c", "d")}),
    )
).train(False)
with torch.no_grad():
    scenes = ArrayScenes(np.zeros((2, 3, 64, 64), np.uint8))
    episode = rollout(scenes, Player(model=system.model, policy=system.policy, max_looks=2))
assert episode.prediction.shape == (2, 4)
