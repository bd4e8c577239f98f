"""Every registered stop rule that a system can follow is calibrated, one that was registered a moment ago too."""

from __future__ import annotations

from typing import Any

import pytest

from foveate.cli.calibrate import parse_rules
from foveate.cli.train_results import calibrated
from foveate.errors import UsageError
from foveate.evaluation.rules import rules_for
from foveate.stopping import STOP_RULES
from foveate.stopping.rules import rule
from tests.unit.training.tiny import Bars, tiny_system


@pytest.fixture
def own_rule(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(STOP_RULES, "_entries", dict(STOP_RULES._entries))

    @rule("value", "certainty")
    def doubt(step: Any) -> Any:
        return step.value - step.certainty["confidence"]

    STOP_RULES.register("doubt", doubt, needs=("value", "certainty", "scene_noise"), control=False)
    return "doubt"


def test_the_default_comes_first_and_controls_last() -> None:
    assert rules_for(tiny_system()) == ("value", "confidence", "entropy", "margin", "anti_value", "count", "random")
    assert rules_for(tiny_system(critic=None)) == ("confidence", "entropy", "margin", "count", "random")


def test_a_new_rule_is_calibrated_by_train_and_by_calibrate(own_rule: str) -> None:
    system = tiny_system()
    assert rules_for(system)[0] == "value"  # a new rule is not the default by its name
    assert own_rule in parse_rules(None, system)
    assert own_rule in calibrated(system, Bars(12), num_looks=2, num_scenes=12).rules


def test_a_rule_that_needs_a_critic_is_left_out_where_there_is_none(own_rule: str) -> None:
    system = tiny_system(critic=None)
    assert parse_rules(None, system) == rules_for(system)
    assert own_rule not in rules_for(system)
    with pytest.raises(UsageError, match="'doubt' needs a critic"):
        parse_rules("count,doubt", system)
    assert parse_rules("count, random", system) == ("count", "random")
