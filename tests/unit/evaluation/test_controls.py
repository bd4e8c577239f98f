"""The controls beside a learned policy are those that are registered, one of another package too."""

from __future__ import annotations

import pytest

from foveate.evaluation.controls import controls_for
from foveate.policies import POLICIES
from tests.unit.training.tiny import tiny_system


def test_controls_are_those_of_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    known = ("gaussian_random", "random", "centre_corners", "coarse_to_fine", "raster")
    assert controls_for(tiny_system()) == known
    monkeypatch.setattr(POLICIES, "_entries", dict(POLICIES._entries))
    POLICIES.register("spiral", "spirals:Spiral", config="spirals:SpiralConfig", learned=False, control=True)
    POLICIES.register("plain", "spirals:Plain", config="spirals:PlainConfig", learned=False)
    assert controls_for(tiny_system()) == (*known, "spiral")
