"""The paper's visual search: where is each asked digit? The answer is read from fixation features only.

Digits are UCI handwritten digits scaled to 28 px (the paper used MNIST); those of the test scenes are held out.
"""

from __future__ import annotations

from typing import Literal

from foveate.errors import UsageError
from foveate.recipes.recipe import Recipe
from foveate.scenes.composed import ComposedConfig, ComposedSet
from foveate.system import PartSpec, SystemSpec
from foveate.training.config import TrainConfig
from foveate.training.ppo import PpoConfig
from foveate.training.sources import ComposedSource, places_of

CANVAS_PX, FOCUS_PX, TOLERANCE_PX = 224, 28, 7
AGENT_DIM = 32  # as right as 64 here, and a step takes 15 % less
STATE_GRIDS = {"free": (11, 11), "lattice": (8, 8)}  # on the lattice a cell is a place


def visual_search(
    *,
    targets: tuple[str, ...] = ("3",),
    placement: Literal["free", "lattice"] = "free",
    steps: int = 320,
    seconds: float | None = None,
    seed: int = 0,
    auxiliary: Literal["cells", "pooled", "none"] = "cells",
) -> Recipe:
    """Glance 42 px, fixations of 28 px, T = 5; an answer counts within 7 px."""
    scenes = ComposedConfig(
        canvas_px=(CANVAS_PX, CANVAS_PX), required=targets, num_objects=(6, 10), placement=placement, variants=6
    )
    _check_targets(targets, ComposedSet(scenes).class_names)
    model = {
        "num_outputs": len(targets),
        "num_bands": 1,
        "mean": (0.1,),
        "std": (0.25,),
        "glance_px": (42, 42),
        "focus_px": (FOCUS_PX, FOCUS_PX),
        "state_grid": STATE_GRIDS[placement],
        "glance": {"name": "conv", "channels": (24, 48, 48), "strides": (2, 2, 1), "kernels": (5, 3, 3)},
        "focus": {"name": "conv", "channels": (24, 32, 32), "strides": (2, 2, 1), "kernels": (5, 3, 3), "mix": 64},
        "readout": {"name": "map", "grid": (32, 32)},
        "answer_from_glance": False,
        "auxiliary": auxiliary,
        "relevance": "attention" if auxiliary == "cells" else "none",
    }
    tolerance = 2 * TOLERANCE_PX / CANVAS_PX
    return Recipe(
        name="visual_search",
        system=SystemSpec(
            model=PartSpec(name="glance_focus", config=model),
            policy=PartSpec(name="spatial", config={"hidden_dim": AGENT_DIM}),
            critic=PartSpec(name="spatial_value", config={"hidden_dim": AGENT_DIM}),
            task=PartSpec(name="search", config={"target_names": targets, "tolerance": (tolerance, tolerance)}),
        ),
        train=TrainConfig(
            steps=steps,
            seconds=seconds,
            batch_size=128,
            num_looks=5,
            lr=3e-3,
            opening_frac=0.25,
            ppo=PpoConfig(gamma=1.0, epochs=1, minibatches=2, lr=2e-3, entropy_weight=0.01),
            seed=seed,
        ),
        source=ComposedSource(ComposedSet(scenes, split="train"), places_of(len(targets))),
        calibration=ComposedSource(ComposedSet(scenes, split="test", size=4096), places_of(len(targets))),
        test=ComposedSource(ComposedSet(scenes, split="test", size=8192), places_of(len(targets)), stream=1),
    )


def _check_targets(targets: tuple[str, ...], known: tuple[str, ...]) -> None:
    strange = [name for name in targets if name not in known]
    if strange or not targets or len(set(targets)) < len(targets):
        raise UsageError(f"targets is {targets!r}; needed are different ones of {', '.join(known)}, at least one")
