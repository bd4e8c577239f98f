"""What does the whole photograph look like, from a few small glimpses? AdaGlimpse's reconstruction, in minutes.

Crops of real photographs that come with the package; those of the test are other photographs than those of training.
Calibration has other crops than the test, but of the same few photographs. The policy starts from the model's own
doubt: a look goes where the largest error is expected that a look could mend.
"""

from __future__ import annotations

from typing import Any

from foveate.recipes.recipe import Recipe
from foveate.recipes.tiny_parts import ENCODER, LED_BY_DOUBT, READER, tiny_training
from foveate.system import PartSpec, SystemSpec
from foveate.training.lesson import LossConfig
from foveate.training.photo_source import PhotoCropSource

SCENE_PX = (128, 128)
GLIMPSE_PX = 16
NUM_LOOKS = 12


def tiny_reconstruction(*, steps: int = 150, seconds: float | None = None, seed: int = 0) -> Recipe:
    """Scenes of 128 px, glimpses of 16 px: twelve looks sense 19 % of the pixels."""
    model: dict[str, Any] = {
        "size": ENCODER,
        "stem": "conv",
        "layer_scale": 0.1,
        "patch_px": GLIMPSE_PX,
        "glimpse_grid": 1,
        "canvas_px": SCENE_PX,
        "canvas": {"dim": 96, "depth": 1, "num_heads": 4, "reader": READER},
        "answer": {"name": "pixels"},
        "relevance": "doubt",
        "max_looks": NUM_LOOKS,
        "zooms": (1.0, 0.5, 0.25, 0.125),
        "overlaps": (0.0, 0.0, 0.5, 0.5),  # tiles, as long as each look must show something new
    }
    return Recipe(
        name="tiny_reconstruction",
        system=SystemSpec(
            model=PartSpec(name="elastic_tokens", config=model),
            policy=PartSpec(name="spatial", config=LED_BY_DOUBT),
            critic=PartSpec(name="spatial_q"),
            task=PartSpec(name="reconstruction", config={"score_unit": 10.0}),
        ),
        train=tiny_training(
            agent_lr=5e-4,
            entropy_weight=0.003,
            steps=steps,
            seconds=seconds,
            batch_size=16,
            num_looks=NUM_LOOKS,
            loss=LossConfig(form="paper"),
            seed=seed,
            eval_scenes=128,
        ),
        source=PhotoCropSource("train", scene_px=SCENE_PX, size=1 << 20),
        calibration=PhotoCropSource("test", scene_px=SCENE_PX, size=512),
        test=PhotoCropSource("test", scene_px=SCENE_PX, size=1024, stream=1),
        remarks=("calibrated and tested on different crops of the same photographs, of which none was trained on",),
    )
