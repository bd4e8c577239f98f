"""What the small recipes share, each small enough for a core and minutes: nets, policies and trainings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foveate.training.config import TrainConfig
from foveate.training.ppo import PpoConfig
from foveate.training.sac import SacConfig

CANVAS_PX, GLIMPSE_PX, NUM_LOOKS = 128, 32, 3
SPREAD: Mapping[int, Mapping[str, Any]] = {
    1: {"mean": (0.35,), "std": (0.15,)},
    3: {"mean": (0.45,) * 3, "std": (0.2,) * 3},
}  # by number of bands
ENCODER = {"dim": 64, "depth": 2, "num_heads": 4}
READER = {"name": "conv", "channels": (24, 48, 64), "strides": (4, 2, 2), "kernels": (5, 3, 3)}
CANVAS = {"dim": 64, "depth": 1, "num_heads": 4, "grid": (8, 8), "reader": READER}
LED_BY_DOUBT = {"offset": 0.0, "starts_flat": True, "relevance_gain": 4.0}  # of the spatial policy


def tiny_model(*, num_bands: int = 1, **settings: Any) -> dict[str, Any]:
    """Settings of nets for 32 px glimpses, each one patch, on a 128 px canvas."""
    return {
        "num_bands": num_bands,
        **SPREAD[num_bands],
        "size": ENCODER,
        "stem": "max",
        "layer_scale": 0.1,
        "canvas_px": (CANVAS_PX, CANVAS_PX),
        "patch_px": GLIMPSE_PX,
        "glimpse_grid": 1,
        "max_looks": NUM_LOOKS,
        "opening": "glance",
        "canvas": CANVAS,
        **settings,
    }


def tiny_training(*, agent_lr: float, entropy_weight: float, **settings: Any) -> TrainConfig:
    """``agent_lr`` and ``entropy_weight`` are those of PPO; rewards of all looks count alike."""
    ppo = PpoConfig(gamma=1.0, epochs=2, minibatches=2, lr=agent_lr, entropy_weight=entropy_weight)
    return TrainConfig(lr=2e-3, random_frac=0.1, ppo=ppo, sac=SacConfig(gamma=1.0), **settings)
