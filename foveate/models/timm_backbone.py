"""Any timm network that gives features as a map, as a backbone of the glance or of the fixations (extra ``timm``).

This is the paper's ResNet variant and more: ResNets, EfficientNets, ViTs. Weights are random unless ``pretrained``,
which timm fetches from its hub.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from foveate.errors import UsageError, require_extra, suggest


class TimmBackbone(nn.Module):
    """``model`` is timm's name; ``stage`` the stage whose output is taken, -1 the last. ``dim`` and ``grid`` say what
    comes out for glimpses of ``image_px`` (height, width)."""

    def __init__(
        self,
        *,
        num_bands: int,
        image_px: tuple[int, int],
        model: str,
        stage: int = -1,
        pretrained: bool = False,
        **options: Any,
    ) -> None:
        super().__init__()
        timm = require_extra("timm", "timm")
        if not timm.is_model(model):
            raise UsageError(f"timm has no model {model!r}.{suggest(model, timm.list_models())}")
        sized = {"img_size": image_px} if _takes_size(timm, model) else {}
        self.net = timm.create_model(
            model,
            features_only=True,
            out_indices=(stage,),
            in_chans=num_bands,
            pretrained=pretrained,
            **sized,
            **options,
        )
        with torch.no_grad():
            shape = self.eval()(torch.zeros(1, num_bands, *image_px)).shape
        self.train()
        self.dim, self.grid = int(shape[1]), (int(shape[2]), int(shape[3]))

    def forward(self, pixels: Tensor) -> Tensor:
        """``[n, C, H, W]`` -> ``[n, d, h, w]``."""
        (tokens,) = self.net(pixels)
        result: Tensor = tokens
        return result


def _takes_size(timm: Any, model: str) -> bool:
    """Transformers with a table of positions must be told the size; convolutional nets take any."""
    config = timm.models.get_pretrained_cfg(model)
    return bool(config is not None and config.fixed_input_size)
