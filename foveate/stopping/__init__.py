"""When to stop: rules (what the appetite is), thresholds solved for a budget, hard limits per scene. No torch."""

from __future__ import annotations

from foveate.core import StopRule
from foveate.registry import Registry

STOP_RULES: Registry[StopRule] = Registry("stop rule")

# Facts: `needs` are the fields of core.Step that the signal reads; `control` marks rules that a real one has to beat.
# `default`: of the rules that a model can follow, the one with the smallest number is followed unless another is asked
# for; the others have none.
STOP_RULES.register("value", "foveate.stopping.rules:value", needs=("value", "scene_noise"), control=False, default=0)
STOP_RULES.register(
    "confidence", "foveate.stopping.rules:confidence", needs=("certainty", "scene_noise"), control=False, default=1
)
STOP_RULES.register("entropy", "foveate.stopping.rules:entropy", needs=("certainty", "scene_noise"), control=False)
STOP_RULES.register("margin", "foveate.stopping.rules:margin", needs=("certainty", "scene_noise"), control=False)
STOP_RULES.register("anti_value", "foveate.stopping.rules:anti_value", needs=("value", "scene_noise"), control=True)
STOP_RULES.register("count", "foveate.stopping.rules:count", needs=("scene_noise",), control=True)
STOP_RULES.register("random", "foveate.stopping.rules:random", needs=("noise",), control=True)
