"""One 24-40 px prohibition sign in a 960 x 1280 street scene: which one, if any? The STSD case, composed on the fly.

The signs share a red ring and differ in a pictogram of a few pixels, so a thumbnail shows that something may be there
but not what; other emoji of the same size stand about as distractors. Training scenes say which sign and where it is;
what is learned is to go there, only when it pays, and to read it.
"""

from __future__ import annotations

from foveate.recipes.recipe import Recipe
from foveate.scenes.composed import ComposedConfig, ComposedSet
from foveate.system import PartSpec, SystemSpec
from foveate.training.config import TrainConfig
from foveate.training.ppo import PpoConfig
from foveate.training.sources import ComposedSource, label_and_place

SCENE_PX = (960, 1280)
SIGNS = (
    "no smoking symbol",
    "no pedestrians",
    "no bicycles",
    "do not litter symbol",
    "non-potable water symbol",
    "no mobile phones",
)
NONE_FRAC = 0.3


def small_sign(*, steps: int = 1200, seconds: float | None = None, seed: int = 0) -> Recipe:
    """Glance 120 x 160 (an eighth), fixations of 64 px, T = 4."""
    scenes = ComposedConfig(
        canvas_px=SCENE_PX,
        bands=3,
        cutouts="emoji",
        classes=SIGNS,
        num_objects=(1, 1),
        none_frac=NONE_FRAC,
        object_size_px=(24, 40),
        background="street",
        num_distractors=(2, 8),
        distractors="emoji",
    )
    class_names = ("none", *ComposedSet(scenes).class_names)
    model = {
        "num_outputs": len(class_names),
        "glance_px": (120, 160),
        "focus_px": (64, 64),
        "state_grid": (15, 20),
        "glance": {"name": "conv", "channels": (16, 24, 32), "strides": (2, 2, 1), "kernels": (5, 3, 3)},
        "focus": {"name": "conv", "channels": (16, 32, 48, 64), "strides": (2, 2, 2, 1), "kernels": (5, 3, 3, 3)},
        "readout": {"name": "pool"},
        "answer_from_glance": False,
        "auxiliary": "places",
        "relevance": "attention",
    }
    return Recipe(
        name="small_sign",
        system=SystemSpec(
            model=PartSpec(name="glance_focus", config=model),
            policy=PartSpec(name="spatial"),
            critic=PartSpec(name="spatial_value"),
            task=PartSpec(name="spotting", config={"class_names": class_names}),
        ),
        train=TrainConfig(
            steps=steps,
            seconds=seconds,
            batch_size=32,
            num_looks=4,
            lr=2e-3,
            opening_frac=0.15,
            # Until fixations can be read, a sign only confuses the answer, and reinforcement would learn to avoid it.
            agent_warmup_frac=0.55,
            ppo=PpoConfig(gamma=1.0, epochs=1, minibatches=2, lr=2e-3, entropy_weight=0.01),
            seed=seed,
            eval_every=100,
        ),
        source=ComposedSource(ComposedSet(scenes, split="train"), label_and_place),
        calibration=ComposedSource(ComposedSet(scenes, split="test", size=2048), label_and_place),
        test=ComposedSource(ComposedSet(scenes, split="test", size=4096), label_and_place, stream=1),
    )
