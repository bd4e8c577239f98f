"""Looks that targets ask for: training begins with what is to be read, not with the search for it.

Most are at things, whether searched or alike, the rest anywhere; most as close as can be, the rest from all distances.
Shape letters: n scenes, k looks, t things.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from foveate.core import Look, Observation, ObservationShape
from foveate.errors import IncompatibleError
from foveate.geometry.viewpoint import clamp_inside

AT_THINGS, CLOSEST = 0.75, 0.75  # shares of the looks
SPREAD = 0.7  # how far from a look's middle things may lie, in its half extents


class Guide:
    """Plays training scenes whose target says ``boxes`` ``[n, t, 4]`` in the frame, those that are things ``is_thing``
    ``[n, t]``. Looks of scenes without any thing are anywhere."""

    def __init__(self, target: Any, shape: ObservationShape, *, num_looks_per_step: int) -> None:
        """Raises IncompatibleError for targets without boxes, and for models that do not zoom."""
        if not isinstance(target, Mapping) or not {"boxes", "is_thing"} <= set(target):
            raise IncompatibleError("guided looks need scenes whose targets say boxes: set guided_frac to 0")
        if not shape.zoom or shape.closest_px is None:
            raise IncompatibleError("guided looks need a model that zooms, such as zoom_search: set guided_frac to 0")
        boxes = target["boxes"]
        self.middles = (boxes[..., :2] + boxes[..., 2:]) / 2
        self.is_thing = target["is_thing"]
        self.closest_px = shape.closest_px
        self.noise_shape = (num_looks_per_step, 5)

    def look(self, observation: Observation, noise: Any | None = None) -> Look:
        """With noise ``[n, k, 5]``: whether at a thing, at which, from how far, and how far beside its middle."""
        assert noise is not None  # it only plays while training explores
        sizes = observation.sizes_px.float()
        u = torch.as_tensor(noise, device=sizes.device).float()
        half, beside = self._half(sizes, u[..., 2]), 2 * u[..., 3:] - 1
        near = self._middles(u[..., 1]) + SPREAD * beside * half
        anywhere = beside * (1 - half)
        at_thing = (u[..., 0] < AT_THINGS) & self.is_thing.any(1)[:, None]
        center = torch.where(at_thing[..., None], near, anywhere)
        viewpoints = clamp_inside(torch.cat([center, half], -1))
        valid = torch.ones(viewpoints.shape[:2], dtype=torch.bool, device=sizes.device)
        return Look(action={"center": center}, viewpoints=viewpoints, valid=valid)

    def _half(self, sizes: Tensor, u: Tensor) -> Tensor:
        """Half extents ``[n, k, 2]``: the closest, or anything between it and the whole scene, alike in octaves."""
        least = (sizes.new_tensor(self.closest_px) / sizes).clamp(max=1)[:, None]
        farther = ((u - CLOSEST) / (1 - CLOSEST)).clamp(min=0)[..., None]
        return least ** (1 - farther)

    def _middles(self, u: Tensor) -> Tensor:
        """Of one thing ``[n, k, 2]`` per look, each as likely."""
        counts = self.is_thing.sum(1, keepdim=True)
        which = (u * counts).long().clamp(max=(counts - 1).clamp(min=0))
        order = (~self.is_thing).byte().argsort(dim=1, stable=True)
        chosen = order.gather(1, which)
        return self.middles.gather(1, chosen[..., None].expand(-1, -1, 2))

    def macs(self, observation: Observation) -> int:
        return 0
