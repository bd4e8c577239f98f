"""Policies: where to look next. Learned ones can be improved by reinforcement; the others are the honest controls."""

from __future__ import annotations

from typing import Any

from foveate.registry import Registry

POLICIES: Registry[Any] = Registry("policy")

POLICIES.register("spatial", "foveate.policies.spatial:Spatial", learned=True, summary="heatmap over candidates, times a small offset (our default)")
