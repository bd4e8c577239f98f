"""Which digit stands somewhere among the clutter? AdaGlimpse's scheme, small enough for two cores and some minutes.

A glance shows the whole scene, shrunk fourfold; each look is a square of any place and zoom, and native resolution
covers a sixteenth of the scene. Training scenes say the digit and where it is, as small_sign's do; answers are digits.
"""

from __future__ import annotations

from typing import Any

from foveate.recipes.recipe import Recipe
from foveate.scenes.composed import ComposedConfig, ComposedSet
from foveate.system import PartSpec, SystemSpec
from foveate.training.config import TrainConfig
from foveate.training.ppo import PpoConfig
from foveate.training.sac import SacConfig
from foveate.training.sources import ComposedSource, label_and_place

CANVAS_PX = 128
ENCODER = {"dim": 64, "depth": 2, "num_heads": 4}
READER = {"name": "conv", "channels": (24, 48, 64), "strides": (4, 2, 2), "kernels": (5, 3, 3)}
CANVAS = {"dim": 64, "depth": 1, "num_heads": 4, "grid": (8, 8), "reader": READER}


def tiny_model(**settings: Any) -> dict[str, Any]:
    """Settings that the small recipes share: 32 px glimpses of four patches on a 128 px canvas."""
    return {
        "num_bands": 1,
        "mean": (0.35,),
        "std": (0.15,),
        "size": ENCODER,
        "stem": "max",
        "layer_scale": 0.1,
        "canvas_px": (CANVAS_PX, CANVAS_PX),
        "patch_px": 32,
        "glimpse_grid": 1,
        "canvas": CANVAS,
        **settings,
    }


def tiny_classification(*, steps: int = 1500, seconds: float | None = None, seed: int = 0) -> Recipe:
    """Canvas 128 px, one digit of 20 px, 3-6 blobs; T = 3 looks of 32 px."""
    scenes = ComposedConfig(
        canvas_px=(CANVAS_PX, CANVAS_PX),
        num_objects=(1, 1),
        object_size_px=(20, 20),
        background="noise",
        num_distractors=(3, 6),
        distractors="blobs",
        variants=6,
    )
    names = ("none", *ComposedSet(scenes).class_names)
    model = tiny_model(
        num_outputs=len(names), max_looks=3, opening="glance", answer={"name": "token_classes"}, relevance="places"
    )
    return Recipe(
        name="tiny_classification",
        system=SystemSpec(
            model=PartSpec(name="elastic_tokens", config=model),
            policy=PartSpec(name="spatial"),
            critic=PartSpec(name="spatial_q"),
            task=PartSpec(name="spotting", config={"class_names": names}),
        ),
        train=TrainConfig(
            steps=steps,
            seconds=seconds,
            batch_size=64,
            num_looks=3,
            lr=2e-3,
            random_frac=0.1,
            ppo=PpoConfig(gamma=1.0, epochs=2, minibatches=2, lr=2e-3, entropy_weight=0.01),
            sac=SacConfig(gamma=1.0),
            seed=seed,
        ),
        source=ComposedSource(ComposedSet(scenes, split="train"), label_and_place),
        calibration=ComposedSource(ComposedSet(scenes, split="test", size=4096), label_and_place),
        test=ComposedSource(ComposedSet(scenes, split="test", size=8192), label_and_place, stream=1),
    )
