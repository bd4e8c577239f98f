"""Which digit stands among the clutter? One digit somewhere on a large canvas of noise and pieces that look like ink.

The answer is one label; no place is ever told. The digits of the test scenes are of writers held out.
"""

from __future__ import annotations

from foveate.recipes.recipe import Recipe
from foveate.scenes.composed import ComposedConfig, ComposedSet
from foveate.system import PartSpec, SystemSpec
from foveate.training.config import TrainConfig
from foveate.training.ppo import PpoConfig
from foveate.training.sources import ComposedSource, only_label

CANVAS_PX, OBJECT_PX, FOCUS_PX = 224, 28, 32


def cluttered_classification(*, steps: int = 800, seconds: float | None = None, seed: int = 0) -> Recipe:
    """Canvas 224 px, one digit of 28 px, 6-12 blobs; glance 42 px, fixations of 32 px, T = 4."""
    scenes = ComposedConfig(
        canvas_px=(CANVAS_PX, CANVAS_PX),
        num_objects=(1, 1),
        object_size_px=(OBJECT_PX, OBJECT_PX),
        background="noise",
        num_distractors=(6, 12),
        distractors="blobs",
        variants=6,
    )
    names = ComposedSet(scenes).class_names
    model = {
        "num_outputs": len(names),
        "num_bands": 1,
        "mean": (0.1,),
        "std": (0.25,),
        "glance_px": (42, 42),
        "focus_px": (FOCUS_PX, FOCUS_PX),
        "state_grid": (8, 8),
        "glance": {"name": "conv", "channels": (24, 48, 48), "strides": (2, 2, 1), "kernels": (5, 3, 3)},
        "focus": {"name": "conv", "channels": (24, 32, 48), "strides": (2, 2, 1), "kernels": (5, 3, 3)},
        "readout": {"name": "pool"},
        "auxiliary": "cells",
        "relevance": "attention",
    }
    return Recipe(
        name="cluttered_classification",
        system=SystemSpec(
            model=PartSpec(name="glance_focus", config=model),
            policy=PartSpec(name="spatial"),
            critic=PartSpec(name="spatial_value"),
            task=PartSpec(name="classification", config={"class_names": names}),
        ),
        train=TrainConfig(
            steps=steps,
            seconds=seconds,
            batch_size=64,
            num_looks=4,
            lr=3e-3,
            ppo=PpoConfig(gamma=1.0, epochs=2, minibatches=2, lr=2e-3, entropy_weight=0.01),
            seed=seed,
        ),
        source=ComposedSource(ComposedSet(scenes, split="train"), only_label),
        calibration=ComposedSource(ComposedSet(scenes, split="test", size=4096), only_label),
        test=ComposedSource(ComposedSet(scenes, split="test", size=8192), only_label, stream=1),
    )
