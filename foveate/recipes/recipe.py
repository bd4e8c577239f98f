"""What a recipe returns: all that is needed to train, calibrate and test, and to do it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from foveate.errors import UsageError
from foveate.system import PartSpec, System, SystemSpec, build
from foveate.training.config import TrainConfig
from foveate.training.sources import Source


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One run."""

    name: str
    system: SystemSpec
    train: TrainConfig
    source: Source
    """Training scenes."""
    calibration: Source
    """Held-out scenes on which stopping is calibrated; never trained on, never reported on."""
    test: Source
    """Held-out scenes that are reported on."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What was set of it otherwise than it is by itself; plain values."""

    remarks: tuple[str, ...] = ()
    """For people: what else one must know to judge what was measured."""

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What a model folder says of where the model comes from, beside the run itself; plain values."""
        return {}

    def build(self) -> System:
        """The system as training begins with it (seed torch first)."""
        return build(self.system)

    def with_policy(self, name: str, **config: Any) -> Self:
        """The same run with another policy."""
        return replace(self, system=replace(self.system, policy=PartSpec(name=name, config=config)))

    def with_train(self, **changes: Any) -> Self:
        """The same run, trained otherwise."""
        return replace(self, train=replace(self.train, **changes))


def check_counts(**counts: int | None) -> None:
    """UsageError for one that is below 1; None is left to the recipe."""
    for name, count in counts.items():
        if count is not None and count < 1:
            raise UsageError(f"{name} is {count}; it must be at least 1")
