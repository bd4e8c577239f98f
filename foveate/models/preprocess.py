"""From what scenes give (integers or floats in a stated range) to what networks want; saved with the model."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Preprocess(nn.Module):
    """``(pixels - low) / (high - low)``, then minus mean, over std, each per band or one for all; numpy or torch, any
    leading axes."""

    def __init__(self, *, value_range: tuple[float, float], mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        low, high = value_range
        # One multiply-add per pixel: fold range and normalisation into scale and shift.
        mean_t, std_t = torch.tensor(mean, dtype=torch.float64), torch.tensor(std, dtype=torch.float64)
        scale = 1 / ((high - low) * std_t)
        shift = -low * scale - mean_t / std_t
        self.register_buffer("scale", scale.float().view(-1, 1, 1), persistent=False)
        self.register_buffer("shift", shift.float().view(-1, 1, 1), persistent=False)

    def forward(self, pixels: Any) -> Tensor:
        """Float32 ``[..., C, h, w]`` on the module's device."""
        scale: Tensor = self.get_buffer("scale")
        tensor = torch.as_tensor(pixels).to(scale.device, non_blocking=True)
        return torch.addcmul(self.get_buffer("shift"), tensor.to(scale.dtype), scale)
