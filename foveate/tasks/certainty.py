"""How sure a categorical answer is: the three facts that certainty-based stop rules read."""

from __future__ import annotations

import torch
from torch import Tensor


def categorical_certainty(logits: Tensor) -> dict[str, Tensor]:
    """``confidence``, ``entropy`` (negated, nats) and ``margin``, each ``[...]``, of logits ``[..., m]``."""
    log_p = torch.log_softmax(logits.detach().float(), -1)
    p = log_p.exp()
    top = p.topk(min(2, p.shape[-1]), dim=-1).values
    runner_up = top[..., 1] if top.shape[-1] > 1 else torch.zeros_like(top[..., 0])
    return {"confidence": top[..., 0], "entropy": (p * log_p).sum(-1), "margin": top[..., 0] - runner_up}
