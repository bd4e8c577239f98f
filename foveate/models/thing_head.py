"""What things are found: how large each is and of which class, said by every place of a glimpse.

Shape letters: b glimpses, h x w places, d channels, c classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

BOX = 4
LOG_EXTENT = -3.0  # at first: an eighth of the window


class ThingHead(nn.Module):
    """Of every place ``[b, h, w, 2 + c]``: the base-2 logarithms of a thing's height and width, as shares of the
    window's, and logits of its class. They hold where a thing's middle is."""

    def __init__(self, *, dim: int, hidden: int, num_classes: int) -> None:
        super().__init__()
        self.dims = (dim, hidden, 2 + num_classes)
        last = nn.Linear(hidden, 2 + num_classes)
        nn.init.constant_(last.bias[:2], LOG_EXTENT)
        self.says = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), last)

    def forward(self, places: Tensor) -> Tensor:
        said: Tensor = self.says(places).float()
        return said

    def macs(self, num_places: int) -> int:
        dim, hidden, out = self.dims
        return num_places * (dim * hidden + hidden * out)


def things_of(said: Tensor, windows: Tensor) -> Tensor:
    """Of every place of windows ``[b, 4]`` the thing ``[b, h, w, 4 + c]`` whose middle is there, as the head ``said``
    ``[b, h, w, 2 + c]``: its viewpoint (row, col, half height, half width) in the frame, and its class logits."""
    height, width = said.shape[1:3]
    rows, cols = ((2 * torch.arange(m, device=windows.device) + 1) / m - 1 for m in (height, width))
    local = torch.stack(torch.meshgrid(rows, cols, indexing="ij"), -1).to(windows.dtype)
    views = windows[:, None, None]
    middles = views[..., :2] + local * views[..., 2:]
    return torch.cat([middles.expand(len(said), -1, -1, -1), said[..., :2].exp2() * views[..., 2:], said[..., 2:]], -1)
