"""What a recipe returns: all that is needed to train, calibrate and test, and to do it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

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
