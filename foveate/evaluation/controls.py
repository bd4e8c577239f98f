"""Policies that stand beside a learned one: all that are registered as controls and that a model can follow."""

from __future__ import annotations

from typing import Any

from foveate.errors import UsageError
from foveate.policies import POLICIES
from foveate.system import System, fresh_policy


def controls_for(system: System) -> tuple[str, ...]:
    """Names of the controls for a system, those that draw their looks first. Controls that follow a relevance are left
    out: it comes from the model's own answer, so they are no bound of what looking without learning gives."""
    return tuple(sorted((name for name in POLICIES if _is_for(name, system)), key=_place))


def control(name: str, system: System) -> tuple[Any, bool]:
    """A registered policy for a system, built fresh, and whether its looks are draws. UsageError for a learned one."""
    facts = POLICIES.facts(name)
    if facts["learned"]:
        raise UsageError(f"the policy {name!r} is learned, and this model was trained with {system.spec.policy.name!r}")
    return fresh_policy(name, system.model.observation_shape), bool(facts.get("drawn"))


def _is_for(name: str, system: System) -> bool:
    facts, has_grid = POLICIES.facts(name), system.model.observation_shape.grid is not None
    return bool(facts.get("control")) and not facts.get("needs_relevance") and (has_grid or not facts.get("needs_grid"))


def _place(name: str) -> tuple[bool, str]:
    return not POLICIES.facts(name).get("drawn"), name
