"""Which policies stand beside a learned one: all that are registered as controls and that a model can follow."""

from __future__ import annotations

from foveate.policies import POLICIES
from foveate.system import System


def controls_for(system: System) -> tuple[str, ...]:
    """Names of the controls for a system, those that draw their looks first. Controls that follow a relevance are left
    out: it comes from the model's own answer, so they are no bound of what looking without learning gives."""
    return tuple(sorted((name for name in POLICIES if _is_for(name, system)), key=_place))


def _is_for(name: str, system: System) -> bool:
    facts, has_grid = POLICIES.facts(name), system.model.observation_shape.grid is not None
    return bool(facts.get("control")) and not facts.get("needs_relevance") and (has_grid or not facts.get("needs_grid"))


def _place(name: str) -> tuple[bool, str]:
    return not POLICIES.facts(name).get("drawn"), name
