"""A stop rule with its thresholds: what decides in the loop who goes on looking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveate.core import Step, StopRule


@dataclass(frozen=True, kw_only=True)
class Stopper:
    """A stop rule with its thresholds: the row stops when its appetite does not exceed the threshold of its step."""

    rule: StopRule
    thresholds: NDArray[np.float64]  # [T], or [1] when shared by all steps; beyond the last, the last one holds
    max_looks: int | None = None
    """Looks of the longest episode that the thresholds were solved on, where every row stops: a family without a
    maximum of its own would otherwise look for ever once a threshold says "never stop"."""

    @property
    def needs(self) -> frozenset[str]:
        return self.rule.needs

    def __call__(self, step: Step) -> NDArray[np.bool_]:
        depth = np.minimum(step.num_looks, len(self.thresholds) - 1)
        enough = np.asarray(self.rule.signal(step)) <= self.thresholds[depth]
        return enough if self.max_looks is None else enough | (step.num_looks >= self.max_looks)
