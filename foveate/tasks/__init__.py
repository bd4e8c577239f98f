"""Tasks: what is asked of a scene, how the answer is scored, and how sure it is."""

from __future__ import annotations

from typing import Any

from foveate.registry import Registry

TASKS: Registry[Any] = Registry("task")

TASKS.register(
    "classification",
    "foveate.tasks.classification:Classification",
    config="foveate.tasks.classification:ClassificationConfig",
    summary="one label per scene",
)
TASKS.register(
    "search",
    "foveate.tasks.search:Search",
    config="foveate.tasks.search:SearchConfig",
    summary="where is each asked thing?",
)
TASKS.register(
    "spotting",
    "foveate.tasks.spotting:Spotting",
    config="foveate.tasks.classification:ClassificationConfig",
    summary="which of several things is there, if any; training scenes also say where",
)
