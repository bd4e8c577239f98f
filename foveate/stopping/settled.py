"""What ends a scan before everything was read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveate.core import Step


@dataclass(frozen=True, kw_only=True)
class FoundForSure:
    """Stops a row once something was found for sure. That nothing is there is never sure before all was read: so a scan
    misses nothing that reading everything would find."""

    threshold: float
    """Of the certainty called ``presence``; a task that does not say it is scanned to the end."""
    needs = frozenset({"certainty"})

    def __call__(self, step: Step) -> NDArray[np.bool_]:
        assert step.certainty is not None
        presence = step.certainty.get("presence")
        return np.zeros(len(step.num_looks), bool) if presence is None else np.asarray(presence >= self.threshold)
