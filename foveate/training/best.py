"""The best weights of a run, judged on held-out scenes: on few pictures the last ones have often been learned by heart.

They are part of the checkpoint. So one file, replaced in one step, holds the last and the best weights of the same
moment, and a resumed run knows the best of exactly the steps that it goes on from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


class Best:
    """Copies of the weights at the best probe, on the CPU. The scenes of the probe must not be those reported on."""

    def __init__(self) -> None:
        self.metric = -math.inf
        self.step: int | None = None
        """Where the kept weights come from; None: nothing was offered yet."""
        self.judged_step: int | None = None
        """The last step that was offered."""
        self.weights: dict[str, dict[str, Tensor]] = {}

    def offer(self, modules: Mapping[str, nn.Module], *, metric: float, step: int) -> int:
        """Copy the weights unless better ones were offered; of equals the later stay, as their looks explored less.

        Returns the step of those that are kept."""
        self.judged_step = step
        if self.step is not None and metric < self.metric:
            return self.step
        self.metric, self.step = metric, step
        self.weights = {
            name: {key: value.detach().cpu().clone() for key, value in module.state_dict().items()}
            for name, module in modules.items()
        }
        return step

    def put_into(self, modules: Mapping[str, nn.Module]) -> None:
        """Overwrite the weights by the best ones."""
        for name, weights in self.weights.items():
            modules[name].load_state_dict(weights)

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return vars(self).copy()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Inverse of :meth:`state`."""
        vars(self).update(state)
