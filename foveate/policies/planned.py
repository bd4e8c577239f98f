"""Looks at places that were decided beforehand, in their order: an exhaustive reader, a one-shot filter, a scan.

A plan belongs to one scene, so such a policy plays batches of one. It ends where its plan ends.
Shape letters: t places, k looks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from foveate.core import Look, Observation
from foveate.errors import UsageError
from foveate.geometry.viewpoint import WHOLE_SCENE


class Planned:
    """Looks at ``viewpoints`` ``[t, 4]``, ``num_looks_per_step`` at a time, of a scene that was looked at ``start``
    times before. Deciding is free."""

    def __init__(self, viewpoints: NDArray[np.float32], *, num_looks_per_step: int = 1, start: int = 0) -> None:
        if viewpoints.ndim != 2 or viewpoints.shape[1] != 4:
            raise UsageError(f"a plan is viewpoints [t, 4], not {list(viewpoints.shape)}")
        if num_looks_per_step < 1 or start < 0:
            raise UsageError(
                f"num_looks_per_step is {num_looks_per_step}, start {start}; they must be at least 1 and at least 0"
            )
        self.viewpoints, self.start = np.asarray(viewpoints, np.float32), start
        self.noise_shape = (num_looks_per_step, 1)

    def looks_left(self, observation: Observation) -> Any:
        """``[1]``: places of the plan that were not looked at yet."""
        left = len(self.viewpoints) + self.start - observation.num_looks
        return array_namespace(left).clip(left, min=0)

    def look(self, observation: Observation, noise: Any | None = None) -> Look:
        """The next places of the plan; UsageError for a batch of several scenes."""
        if len(observation.num_looks) != 1:
            raise UsageError(
                f"a plan is of one scene, and this batch has {len(observation.num_looks)}: play them singly"
            )
        xp, k = array_namespace(observation.candidates), self.noise_shape[0]
        first = int(observation.num_looks[0]) - self.start
        next_ones = self.viewpoints[first : first + k]
        spare = np.tile(np.asarray(WHOLE_SCENE, np.float32), (k - len(next_ones), 1))
        where = device(observation.candidates)
        viewpoints = xp.asarray(np.concatenate([next_ones, spare])[None], device=where)
        valid = xp.asarray((np.arange(k) < len(next_ones))[None], device=where)
        return Look(action={"center": viewpoints[..., :2]}, viewpoints=viewpoints, valid=valid)

    def macs(self, observation: Observation) -> int:
        return 0
