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

    def __init__(self, judged_on: str = "") -> None:
        """``judged_on`` names the scenes of the probe: metrics on others cannot be compared with these."""
        self.judged_on = judged_on
        self.metric = -math.inf
        self.step: int | None = None
        """Where the kept weights come from; None: nothing was offered yet."""
        self.judged_step: int | None = None
        """The last step that was offered."""
        self.weights: dict[str, dict[str, Tensor]] = {}

    def offer(self, modules: Mapping[str, nn.Module], *, metric: float, step: int) -> int:
        """Copy the weights unless better ones were offered; of equals the later stay, as their looks explored less.

        A metric that is NaN is worse than any other. Returns the step of those that are kept."""
        self.judged_step = step
        if self.step is not None and not metric >= self.metric:
            return self.step
        self.metric, self.step = -math.inf if math.isnan(metric) else metric, step
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
        """Inverse of :meth:`state`; what was judged on other scenes is forgotten."""
        if state.get("judged_on", self.judged_on) == self.judged_on:  # older checkpoints do not say
            vars(self).update(state)
