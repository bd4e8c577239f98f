"""What the zooming search's runs have in common: the parts of the system, and how they are trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foveate.system import PartSpec, SystemSpec
from foveate.training.config import TrainConfig
from foveate.training.lesson import LossConfig
from foveate.training.ppo import PpoConfig

LOOKS_PER_STEP = 8
CONTEXT = 4 / 3  # of a look: things of up to a fourth of its side are seen whole, wherever they lie


def zoom_system(class_names: tuple[str, ...], *, glimpse_px: int, model: Mapping[str, Any] | None = None) -> SystemSpec:
    """Of a finder; the first class is none. ``model``: what its config says otherwise than here."""
    config = {
        "glimpse_px": (glimpse_px, glimpse_px),
        "context": CONTEXT,
        "taught_looks": LOOKS_PER_STEP,
        "finds": True,
        **(model or {}),
    }
    return SystemSpec(
        model=PartSpec(name="zoom_search", config=config),
        policy=PartSpec(
            name="spatial", config={"num_looks_per_step": LOOKS_PER_STEP, "offset": 0.0, "starts_flat": True}
        ),
        critic=PartSpec(name="spatial_value"),
        task=PartSpec(name="finding", config={"class_names": class_names}),
    )


def zoom_training(**changes: Any) -> TrainConfig:
    """How finders are trained; ``changes`` are fields of the config, of which ``steps`` is needed."""
    usual: dict[str, Any] = {
        "batch_size": 4,  # of 33 glimpses each: four times as many updates teach more than four times as many scenes
        "lr": 3e-3,
        "opening_frac": 0.15,  # what can be seen from afar comes first: it leads all looks
        "loss": LossConfig(form="paper"),
        "ppo": PpoConfig(gamma=1.0, epochs=2, minibatches=2, every=4, lr=1e-3, entropy_weight=0.0),
        "eval_scenes": 64,
        "eval_every": 500,  # a probe takes as long as fifty steps
    }
    return TrainConfig(**{**usual, **changes})
