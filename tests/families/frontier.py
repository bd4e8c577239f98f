"""A throw-away family that the contract must carry: a zoom frontier (looking at a quadtree's node opens its children),
k = 4 looks per step by any policy for candidates, ragged candidates that run out, no bound on looks, and deferral.
n rows, m nodes, k looks, c features."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foveate.core import Observation, ObservationShape
from foveate.geometry.viewpoint import grid_centers
from foveate.price import Price
from foveate.rows import Rowwise

C, LEVELS, SIZE_PX = 6, (2, 4), (8, 8)


@dataclass(frozen=True, kw_only=True)
class FrontierState(Rowwise):
    features: Tensor  # [n, m, c] what its parent showed of a node
    is_open: Tensor  # [n, m]
    coverage: Tensor  # [n, m]
    evidence: Tensor  # [n, c]
    num_looks: Tensor
    sizes_px: Tensor


class Frontier(nn.Module):
    opening, max_looks, value_range, num_bands = "glance", None, (0.0, 255.0), 3
    observation_shape = ObservationShape(feature_dim=C, summary_dim=C, grid=None, num_steps=1, zoom=True)

    def __init__(self, num_outputs: int = 2) -> None:
        super().__init__()
        self.glance, self.embed, self.head = nn.Linear(192, C), nn.Linear(192, C), nn.Linear(C, num_outputs)
        levels = [torch.cat([grid_centers((g, g), torch.zeros(1)), torch.full((g * g, 2), 1 / g)], 1) for g in LEVELS]
        nodes = torch.cat(levels)
        inside = ((nodes[None, :, :2] - nodes[:, None, :2]).abs() < nodes[:, None, 2:]).all(-1)
        child = inside & (nodes[None, :, 2] == nodes[:, None, 2] / 2)  # [parent, child]
        self.register_buffer("nodes", nodes)
        self.register_buffer("child", child.float())

    def glimpse_size_px(self, look_index):
        return SIZE_PX

    def open(self, glance, sizes_px):
        seen, m = self.glance(torch.as_tensor(glance).float().flatten(1) / 255), len(self.nodes)
        is_open = (self.nodes[:, 2] == 1 / LEVELS[0]).expand(len(seen), m)
        counts = torch.zeros(len(seen), dtype=torch.int64)
        return FrontierState(features=seen[:, None] * is_open[..., None], is_open=is_open, evidence=seen,
                             coverage=seen.new_zeros(len(seen), m), num_looks=counts,
                             sizes_px=torch.as_tensor(sizes_px))  # fmt: skip

    def update(self, state, glimpses, look):
        code = self.embed(torch.as_tensor(glimpses).float().flatten(2) / 255).relu()  # [n, k, c]
        far = (look.viewpoints[:, :, None] - self.nodes).abs().sum(-1)  # [n, k, m]
        node = far.masked_fill(~state.is_open[:, None], torch.inf).argmin(-1)  # the nearest that is open
        hit = nn.functional.one_hot(node, len(self.nodes)) * look.valid[..., None].float()
        opened = hit @ self.child  # [n, k, m]
        return FrontierState(
            features=state.features + opened.transpose(1, 2) @ code,
            is_open=(state.is_open & ~hit.bool().any(1)) | opened.bool().any(1),
            coverage=state.coverage + hit.sum(1),
            evidence=state.evidence + (code * look.valid[..., None]).sum(1),
            num_looks=state.num_looks + look.valid.sum(1),
            sizes_px=state.sizes_px,
        )

    def observe(self, state):
        features, summary = state.features.detach().float(), state.evidence.detach().float()
        nodes = self.nodes.expand(len(summary), -1, 4)
        return Observation(candidates=nodes, features=features, mask=state.is_open, coverage=state.coverage,
                           summary=summary, num_looks=state.num_looks, sizes_px=state.sizes_px)  # fmt: skip

    def predict(self, state):
        return self.head(state.evidence)

    def training_looks(self):
        return ()

    def price(self):
        m, out = len(self.nodes), self.head.out_features
        parts = {"open/glance": 192 * C, "look/embed": 192 * C + m * m + m * C, "predict/head": C * out}
        return Price(parts=parts)
