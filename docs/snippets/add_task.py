"""A task of your own: how many things are there? Right means: off by at most one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from foveate.system import PartSpec, SystemSpec, build
from foveate.tasks import TASKS
from foveate.tasks.certainty import categorical_certainty


@dataclass(frozen=True, kw_only=True)
class CountingConfig:
    most: int
    """Counts are 0 to this."""


class Counting:
    primary_metric = "within_one"  # what budgets maximise

    def __init__(self, config: CountingConfig) -> None:
        self.config = config

    @property
    def num_outputs(self) -> int:
        return self.config.most + 1

    def loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        return nn.functional.cross_entropy(prediction.float(), target, reduction="none")

    def score(self, prediction: Tensor, target: Tensor) -> Tensor:
        return -self.loss(prediction, target)  # its increase is the reward of a look

    def certainty(self, prediction: Tensor) -> Mapping[str, Tensor]:
        return categorical_certainty(prediction)

    def metrics(self, prediction: Tensor, target: Tensor) -> Mapping[str, Tensor]:
        off = (prediction.argmax(1) - target).abs().float()
        return {"within_one": (off <= 1).float(), "off": off}

    def answers(self, prediction: Tensor) -> Sequence[Mapping[str, Any]]:
        return [{"count": count} for count in prediction.argmax(1).tolist()]


TASKS.register("counting", Counting, config=f"{__name__}:CountingConfig", summary="how many?")

system = build(
    SystemSpec(
        model=PartSpec(name="glance_focus", config={"num_outputs": 10}),
        policy=PartSpec(name="spatial"),
        task=PartSpec(name="counting", config={"most": 9}),
    )
)
sure = 20 * torch.eye(10)[[3, 7]]
assert system.task.answers(sure) == [{"count": 3}, {"count": 7}]
assert system.task.metrics(sure, torch.tensor([4, 2]))["within_one"].tolist() == [1.0, 0.0]
