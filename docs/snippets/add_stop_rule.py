"""A stop rule of your own, calibrated: goes on while the answer is doubtful *and* the critic expects a gain."""

import numpy as np
import torch

from foveate.core import Step
from foveate.evaluation.record import record
from foveate.scenes.memory import ArrayScenes
from foveate.stopping import STOP_RULES
from foveate.stopping.budgets import BudgetTable
from foveate.stopping.rules import rule
from foveate.system import PartSpec, SystemSpec, build
from foveate.training.sources import Batch


@rule("value", "certainty")  # what it reads; the loop computes nothing else
def hopeful_doubt(step: Step) -> np.ndarray:
    return np.minimum(1 - step.certainty["confidence"], step.value)  # the appetite for more


STOP_RULES.register("hopeful_doubt", hopeful_doubt, needs=("value", "certainty", "scene_noise"), control=False)


class Noisy:
    """Forty labelled pictures, held out."""

    fingerprint = "noise-40"

    def __len__(self) -> int:
        return 40

    def batch(self, indices: np.ndarray, epoch_seed: int) -> Batch:
        pixels = np.random.default_rng(0).integers(0, 256, (40, 3, 96, 96), dtype=np.uint8)[indices]
        return Batch(scenes=ArrayScenes(pixels), target=torch.from_numpy(indices % 2), indices=indices)


torch.manual_seed(0)
system = build(
    SystemSpec(
        model=PartSpec(name="glance_focus", config={"num_outputs": 2}),
        policy=PartSpec(name="spatial"),
        critic=PartSpec(name="spatial_value"),
        task=PartSpec(name="classification", config={"class_names": ("no", "yes")}),
    )
)
traces = record(system, Noisy(), num_scenes=40, num_looks=3, with_ms=False)  # the only time that the network runs
table = BudgetTable.build(traces, rules=["hopeful_doubt", "count"])
stop = table.stopper("1.5 looks")
outcome = traces.evaluate(stop.rule, stop.thresholds)
assert abs(outcome.cost - 1.5) < 0.1  # as near as forty scenes allow
