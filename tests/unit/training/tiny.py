"""A system and a source small enough that a training step takes milliseconds."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import torch

from foveate.scenes.memory import ArrayScenes
from foveate.system import PartSpec, System, SystemSpec, build
from foveate.training.config import TrainConfig
from foveate.training.ppo import PpoConfig
from foveate.training.sources import Batch
from foveate.training.trainer import Trainer

CONV = {"name": "conv", "channels": (6, 8), "strides": (2, 2), "kernels": (3, 3)}

GLANCE_FOCUS: dict[str, Any] = {
    "num_outputs": 3,
    "glance_px": (12, 16),
    "focus_px": (8, 8),
    "state_grid": (3, 4),
    "state_dim": 8,
    "glance": CONV,
    "focus": CONV,
    "readout": {"name": "pool", "heads": 2, "hidden": 8},
    "relevance": "attention",
}

ELASTIC: dict[str, Any] = {
    "num_outputs": 3,
    "num_bands": 1,
    "mean": (0.5,),
    "std": (0.25,),
    "size": {"dim": 16, "depth": 2, "num_heads": 2},
    "layer_scale": 1.0,
    "patch_px": 8,
    "glimpse_grid": 1,
    "canvas_px": (24, 32),
    "canvas": {"dim": 16, "depth": 1, "num_heads": 2},
    "max_looks": 3,
    "zooms": (1.0, 0.5),
    "relevance": "attention",
}
FAMILIES = {"glance_focus": {**GLANCE_FOCUS, "num_bands": 1}, "elastic_tokens": ELASTIC}


class Bars:
    """Grey scenes of 24 x 32 px with a bright bar in one of three directions; the label says which."""

    fingerprint = "bars"

    def __init__(self, size: int = 40) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def batch(self, indices: np.ndarray, epoch_seed: int) -> Batch:
        labels = np.asarray(indices) % 3
        images = np.empty((len(indices), 1, 24, 32), np.uint8)
        for row, index in enumerate(indices):
            rng = np.random.default_rng((epoch_seed, int(index)))
            images[row] = rng.integers(60, 120, (1, 24, 32))
            top, left = rng.integers(0, 16), rng.integers(0, 24)
            part = images[row, 0, top : top + 8, left : left + 8]
            part[[slice(3, 5), slice(None), slice(0, 8, 2)][labels[row]]] = 250
            part[:, [slice(None), slice(3, 5), slice(0, 8, 2)][labels[row]]] = 200
        return Batch(scenes=ArrayScenes(images), target=torch.from_numpy(labels), indices=np.asarray(indices))


def tiny_system(
    *, family: str = "glance_focus", policy: str = "spatial", critic: str | None = "spatial_value", seed: int = 0
) -> System:
    torch.manual_seed(seed)
    return build(
        SystemSpec(
            model=PartSpec(name=family, config=FAMILIES[family]),
            policy=PartSpec(name=policy),
            critic=PartSpec(name=critic) if critic else None,
            task=PartSpec(name="classification", config={"class_names": ("a", "b", "c")}),
        )
    )


def tiny_config(**changes: Any) -> TrainConfig:
    ppo = {"epochs": 2, "minibatches": 1, "lr": 1e-3, "every": 2, "entropy_weight": 0.01, **changes.pop("ppo", {})}
    values = {"steps": 6, "batch_size": 8, "num_looks": 2, "lr": 1e-3, "eval_every": 3, "log_every": 1, **changes}
    return TrainConfig(ppo=PpoConfig(**ppo), **values)


def trainer(folder: Path | None = None, *, source: Any = None, system: System | None = None, **changes: Any) -> Trainer:
    held_out = changes.pop("held_out", None)
    chosen = source if source is not None else Bars()
    return Trainer(system or tiny_system(), chosen, tiny_config(**changes), held_out=held_out, folder=folder)


def with_plain_steps(run: Trainer) -> Trainer:
    """Steps along the gradient: Adam would blow rounding errors up where a gradient is zero in theory (a shift of all
    logits), and hide by its normalisation that gradients have a wrong size."""
    run.optimizer = torch.optim.SGD(run.parameters, lr=0.1)  # type: ignore[assignment]
    run.agent.optimizer = torch.optim.SGD(run.agent.parameters, lr=0.1)  # type: ignore[assignment]
    return run


def interrupted_after(run: Trainer, step: int) -> Trainer:
    """The trainer with a Ctrl-C after this step."""
    learn = run._step

    def learn_until(parts: list[Batch], journal: Any) -> None:
        learn(parts, journal)
        if run.step == step:
            signal.raise_signal(signal.SIGINT)

    run._step = learn_until  # type: ignore[method-assign]
    return run


def weights(system: System) -> dict[str, torch.Tensor]:
    """Copies of all parameters, by part and name."""
    return {
        f"{name}.{key}": value.detach().clone()
        for name, module in system.modules().items()
        for key, value in module.state_dict().items()
    }
