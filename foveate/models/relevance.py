"""Class activation on a state map: which cells speak for what the glance alone would answer.

GradCAM (Selvaraju et al., ICCV 2017) weighs features by their mean gradient, LayerCAM (Jiang et al., TIP 2021) by the
positive gradient of each cell. The score is the largest logit; for answers about places, the sum over the asked things.
Shape letters: n rows, m cells, c features, K outputs, R x S places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from foveate.errors import UsageError, suggest

RELEVANCES = ("none", "gradcam", "layercam")


def check_relevance(kind: str, *, known: Sequence[str] = RELEVANCES) -> None:
    """Raises UsageError for a kind that does not exist."""
    if kind not in known:
        raise UsageError(f"relevance is {kind!r}.{suggest(kind, known)} Known: {', '.join(known)}")


def class_activation(head: Callable[[Tensor], Tensor], state_map: Tensor, kind: str) -> Tensor | None:
    """Relevance ``[n, m]`` float32 >= 0 of the cells of ``state_map`` ``[n, m, c]``, without gradient; None for "none".

    ``head`` maps the map to logits ``[n, K]`` or ``[n, K, R, S]``. Works under no_grad and inference_mode too. It costs
    one forward and one backward pass of the head (towards its input only: no gradient of weights is computed).
    """
    if kind == "none":
        return None
    with torch.inference_mode(False), torch.enable_grad(), torch.autocast(state_map.device.type, enabled=False):
        leaf = state_map.detach().float().clone().requires_grad_()
        cells = leaf.clone()  # not a leaf: torch's operator counter cannot follow a gradient towards one
        logits = head(cells)
        best = logits.flatten(2).amax(2).sum(1) if logits.ndim == 4 else logits.amax(1)
        (gradient,) = torch.autograd.grad(best.sum(), cells)
    weight = gradient.mean(1, keepdim=True) if kind == "gradcam" else gradient.relu()
    return (weight * cells.detach()).sum(-1).relu()
