"""Which stop rules a system can follow: all that are registered, by what they need, so that none is forgotten."""

from __future__ import annotations

import math

from foveate.stopping import STOP_RULES
from foveate.system import System


def rules_for(system: System) -> tuple[str, ...]:
    """Names of the rules that can be calibrated for a system: the default first, controls last."""
    return tuple(sorted((name for name in STOP_RULES if can_follow(system, name)), key=_place))


def can_follow(system: System, name: str) -> bool:
    """Whether a system has what a rule needs; only a critic may be missing."""
    return system.critic is not None or "value" not in STOP_RULES.get(name).needs


def _place(name: str) -> tuple[float, bool, str]:
    facts = STOP_RULES.facts(name)
    return facts.get("default", math.inf), facts.get("control", False), name
