"""What each training step is for."""

from __future__ import annotations

from typing import Any

import pytest

from foveate.errors import IncompatibleError, UsageError
from foveate.training.curriculum import Curriculum, Stage
from tests.unit.training.tiny import tiny_config, tiny_system

STEPS = 10
LED = (True, False)  # whether the backbone learns, and the agent


def _curriculum(**changes: Any) -> Curriculum:
    return Curriculum(tiny_config(steps=STEPS, **changes), tiny_system())


def _stages(curriculum: Curriculum) -> list[Stage]:
    return [curriculum.at(step, progress=step / STEPS) for step in range(STEPS)]


def _learns(stages: list[Stage]) -> list[tuple[bool, bool]]:
    return [(stage.backbone_learns, stage.agent_learns) for stage in stages]


def test_overviews_come_first_then_looks_of_others_then_its_own() -> None:
    curriculum = _curriculum(opening_frac=0.2, random_frac=0.5, agent_warmup_frac=0.7)
    stages = _stages(curriculum)
    assert [stage.num_looks > 0 for stage in stages] == [False] * 2 + [True] * 8
    strolls = [stage.policy_of(None) is curriculum.stroller for stage in stages]
    assert strolls == [False] * 2 + [True] * 3 + [False] * 5
    assert _learns(stages) == [LED] * 7 + [(True, True)] * 3
    assert curriculum.agent_starts == 0.7


def test_a_guided_stage_needs_targets_that_say_boxes() -> None:
    curriculum = _curriculum(guided_frac=0.5)
    assert _learns(_stages(curriculum)) == [LED] * 5 + [(True, True)] * 5
    with pytest.raises(IncompatibleError, match="guided_frac"):
        curriculum.at(0, progress=0.0).policy_of(None)


def test_backbone_and_agent_take_turns() -> None:
    found = _learns(_stages(_curriculum(random_frac=0.3, backbone="alternating", alternate_every=2)))
    agents, backbones = (False, True), (True, False)
    assert found == [*[LED] * 3, backbones, *[agents] * 2, *[backbones] * 2, *[agents] * 2]
    assert _learns(_stages(_curriculum(backbone="frozen"))) == [(False, True)] * STEPS
    with pytest.raises(UsageError, match="alternating"):
        _curriculum(backbone="sometimes")
