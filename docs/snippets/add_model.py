"""A model family of your own: keeps the mean of what it saw, and may look at nine places."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from foveate.core import Look, Observation, ObservationShape
from foveate.episode import Player
from foveate.geometry.viewpoint import clamp_inside, contains, grid_centers, half_extents_of
from foveate.models import MODELS
from foveate.price import Price
from foveate.rollout import rollout
from foveate.rows import Rowwise
from foveate.scenes.memory import ArrayScenes
from foveate.system import PartSpec, SystemSpec, build

GLANCE_PX, LOOK_PX, GRID = (16, 16), (16, 16), (3, 3)
PIXELS = 3 * 16 * 16


@dataclass(frozen=True, kw_only=True)
class RetinaConfig:
    num_outputs: int
    dim: int = 8


@dataclass(frozen=True, kw_only=True)
class RetinaState(Rowwise):  # Rowwise gives select and detach
    total: Tensor  # [n, d] sum of codes
    candidates: Tensor  # [n, 9, 4]
    coverage: Tensor  # [n, 9]
    num_looks: Tensor  # [n] int64
    sizes_px: Tensor  # [n, 2]


class Retina(nn.Module):
    opening, max_looks, value_range, num_bands = "glance", None, (0.0, 255.0), 3

    def __init__(self, config: RetinaConfig) -> None:
        super().__init__()
        self.config = config
        self.glance, self.focus = nn.Linear(PIXELS, config.dim), nn.Linear(PIXELS, config.dim)
        self.head = nn.Linear(config.dim, config.num_outputs)
        self.observation_shape = ObservationShape(
            feature_dim=config.dim, summary_dim=config.dim, grid=GRID, num_steps=1
        )

    def glimpse_size_px(self, look_index: int) -> tuple[int, int]:
        return LOOK_PX if look_index else GLANCE_PX

    def open(self, glance, sizes_px) -> RetinaState:
        total = self._code(self.glance, glance)[:, 0]
        sizes = torch.as_tensor(sizes_px)
        half = half_extents_of(LOOK_PX, sizes.float())[:, None].expand(-1, 9, -1)
        candidates = clamp_inside(torch.cat([grid_centers(GRID, half).expand_as(half), half], dim=-1))
        num_looks = torch.zeros(len(sizes), dtype=torch.int64)
        coverage = candidates.new_zeros(len(sizes), 9)
        return RetinaState(total=total, candidates=candidates, coverage=coverage, num_looks=num_looks, sizes_px=sizes)

    def update(self, state: RetinaState, glimpses, look: Look) -> RetinaState:
        valid = look.valid[..., None].float()  # [n, k, 1]: a look that is not valid leaves no trace
        covered = contains(look.viewpoints, state.candidates[..., :2]) & look.valid[..., None]
        return replace(
            state,
            total=state.total + (valid * self._code(self.focus, glimpses)).sum(1),
            coverage=state.coverage + covered.sum(1),
            num_looks=state.num_looks + look.valid.sum(1),
        )

    def observe(self, state: RetinaState) -> Observation:
        summary = state.total.detach().float()
        return Observation(
            candidates=state.candidates,
            features=summary[:, None].expand(-1, 9, -1),
            mask=torch.ones_like(state.coverage, dtype=torch.bool),
            coverage=state.coverage,
            summary=summary,
            num_looks=state.num_looks,
            sizes_px=state.sizes_px,
            grid=GRID,
        )

    def predict(self, state: RetinaState) -> Tensor:
        return self.head(state.total / (1 + state.num_looks[:, None]))

    def training_looks(self) -> tuple:
        return ()  # no auxiliary loss

    def price(self) -> Price:
        code, head = PIXELS * self.config.dim, self.config.dim * self.config.num_outputs
        parts = {"open/glance": code, "look/focus": code, "predict/head": head}
        return Price(parts=parts)

    def _code(self, net: nn.Linear, glimpses) -> Tensor:
        """Glimpses [n, k, C, h, w] to codes [n, k, d]."""
        return net(torch.as_tensor(glimpses).float().flatten(2) / 255).relu()


MODELS.register("retina", Retina, config=f"{__name__}:RetinaConfig", opening="glance", summary="a mean of codes")

spec = SystemSpec(
    model=PartSpec(name="retina", config={"num_outputs": 2}),
    policy=PartSpec(name="spatial"),
    task=PartSpec(name="classification", config={"class_names": ("no", "yes")}),
)
system = build(spec).train(False)
scenes = ArrayScenes(np.zeros((2, 3, 64, 96), np.uint8))
with torch.no_grad():
    episode = rollout(scenes, Player(model=system.model, policy=system.policy, max_looks=5))
assert episode.prediction.shape == (2, 2)
assert episode.num_looks.tolist() == [5, 5]
