"""A throw-away family that the contract must carry: no glance, free centre and zoom, dense prediction, queries that
attend to the tokens seen so far. n rows, m candidates, s slots, c features, q queries."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foveate.core import Observation, ObservationShape
from foveate.geometry.viewpoint import contains, grid_centers
from foveate.price import Price
from foveate.rows import Rowwise

C, T, K, SIDE = 8, 3, 2, 4  # features, looks, classes, cells per side of the dense answer


@dataclass(frozen=True, kw_only=True)
class TokensState(Rowwise):
    slots: Tensor  # [n, s, c]: the first is always there, then one per look
    coverage: Tensor  # [n, m]
    num_looks: Tensor
    sizes_px: Tensor


class Tokens(nn.Module):
    opening, max_looks, value_range, num_bands = "free", T, (0.0, 255.0), 3
    observation_shape = ObservationShape(feature_dim=C, summary_dim=C, grid=None, num_steps=T, zoom=True)

    def __init__(self, num_outputs: int = K) -> None:
        super().__init__()
        self.empty = nn.Parameter(torch.randn(C))
        self.embed, self.where, self.head = nn.Linear(3 * 64 + 4, C), nn.Linear(4, C), nn.Linear(C, num_outputs)
        zooms = [torch.cat([grid_centers((g, g), torch.zeros(1)), torch.full((g * g, 2), 1 / g)], 1) for g in (1, 2, 3)]
        self.register_buffer("candidates", torch.cat(zooms))
        places = grid_centers((SIDE, SIDE), torch.zeros(1))
        self.register_buffer("dense", torch.cat([places, torch.ones_like(places)], 1))

    def glimpse_size_px(self, look_index):
        return (8, 8)

    def open(self, glance, sizes_px):
        n, device = len(sizes_px), self.empty.device
        slots = torch.cat([self.empty.expand(n, 1, C), self.empty.new_zeros(n, T, C)], 1)
        counts, coverage = torch.zeros(n, dtype=torch.int64, device=device), slots.new_zeros(n, len(self.candidates))
        return TokensState(slots=slots, coverage=coverage, num_looks=counts, sizes_px=torch.as_tensor(sizes_px))

    def update(self, state, glimpses, look):
        seen = torch.cat([torch.as_tensor(glimpses).float().flatten(2) / 255, look.viewpoints], -1)
        turn = state.num_looks[:, None] + look.valid.cumsum(1)  # [n, k] slot of each look
        put = nn.functional.one_hot(turn.clamp(max=T), T + 1) * look.valid[..., None]
        slots = state.slots + (self.embed(seen)[:, :, None] * put[..., None]).sum(1)
        covered = contains(look.viewpoints, self.candidates[None, :, :2].expand(len(turn), -1, -1))
        coverage = state.coverage + (covered & look.valid[..., None]).sum(1)
        counts = state.num_looks + look.valid.sum(1)
        return TokensState(slots=slots, coverage=coverage, num_looks=counts, sizes_px=state.sizes_px)

    def attend(self, state, queries):
        scores = self.where(queries) @ state.slots.transpose(1, 2) / math.sqrt(C)
        unused = torch.arange(T + 1) > state.num_looks[:, None]
        return scores.masked_fill(unused[:, None], -math.inf).softmax(-1) @ state.slots

    def observe(self, state):
        n, m = state.coverage.shape
        features = self.attend(state, self.candidates.expand(n, m, 4)).detach().float()
        return Observation(candidates=self.candidates.expand(n, m, 4), features=features, coverage=state.coverage,
                           mask=torch.ones(n, m, dtype=torch.bool), summary=features.mean(1),
                           num_looks=state.num_looks, sizes_px=state.sizes_px)  # fmt: skip

    def predict(self, state):
        """Logits [n, K, SIDE, SIDE]."""
        queries = self.dense.expand(len(state.slots), SIDE**2, 4)
        return self.head(self.attend(state, queries)).transpose(1, 2).unflatten(2, (SIDE, SIDE))

    def training_looks(self):
        return ()

    def price(self):
        def attend(q):
            return q * (4 * C + 2 * (T + 1) * C)

        m, q, k = len(self.candidates), SIDE**2, self.head.out_features
        parts = {"look/embed": (3 * 64 + 4) * C, "observe/attend": attend(m), "predict/dense": attend(q) + q * C * k}
        return Price(parts=parts)
