"""Which parameters decay: weights do; biases, norms and per-step norm tables do not (as the paper's code). And how fast
all of them learn."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from foveate.layers.blocks import StepNorm

NORMS = (nn.LayerNorm, nn.GroupNorm, nn.modules.batchnorm._BatchNorm, nn.RMSNorm, StepNorm)


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """The learning rate from now on, of all groups."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups for an optimiser: every trainable parameter once, in the model's order within each group."""
    kept: set[int] = set()
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if isinstance(module, NORMS) or name.endswith("bias") or parameter.ndim < 2:
                kept.add(id(parameter))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if id(p) not in kept], "weight_decay": weight_decay},
        {"params": [p for p in trained if id(p) in kept], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
