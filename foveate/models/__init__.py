"""Model families: each perceives glimpses, keeps a state, offers an observation, predicts."""

from __future__ import annotations

from typing import Any

from foveate.registry import Registry

MODELS: Registry[Any] = Registry("model family")

MODELS.register(
    "glance_focus",
    "foveate.models.glance_focus:GlanceFocus",
    config="foveate.models.glance_focus:GlanceFocusConfig",
    opening="glance",
    summary="glance + fixations with any two backbones (AdaptiveNN generalised)",
)
