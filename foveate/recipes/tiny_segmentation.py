"""Which pixel belongs to which digit? Small things on a large scene; AdaGlimpse's segmentation, in minutes."""

from __future__ import annotations

from foveate.recipes.recipe import Recipe
from foveate.recipes.tiny_parts import CANVAS_PX, GLIMPSE_PX, LED_BY_DOUBT, NUM_LOOKS, tiny_model, tiny_training
from foveate.scenes.composed import ComposedConfig, ComposedSet
from foveate.system import PartSpec, SystemSpec
from foveate.training.lesson import LossConfig
from foveate.training.sources import ComposedSource, class_map


def tiny_segmentation(*, steps: int = 400, seconds: float | None = None, seed: int = 0) -> Recipe:
    """Canvas 128 px, two or three digits of 20 px and as many blobs; T = 3 looks of 32 px after the glance."""
    scenes = ComposedConfig(
        canvas_px=(CANVAS_PX, CANVAS_PX),
        num_objects=(2, 3),
        object_size_px=(20, 20),
        background="noise",
        num_distractors=(2, 4),
        distractors="blobs",
        variants=6,
    )
    names = ("background", *ComposedSet(scenes).class_names)
    model = tiny_model(
        num_outputs=len(names),
        answer={
            "name": "segments",
            "widths": (48, 32, 16, 12),
            "edges": 8,
            "coarse": True,
            "patches": 64,  # or reading is not learned in so few steps
        },  # at half the canvas' resolution
        relevance="doubt",
        zooms=(GLIMPSE_PX / CANVAS_PX,),
    )
    return Recipe(
        name="tiny_segmentation",
        system=SystemSpec(
            model=PartSpec(name="elastic_tokens", config=model),
            policy=PartSpec(name="spatial", config=LED_BY_DOUBT),
            critic=PartSpec(name="spatial_q"),
            task=PartSpec(name="segmentation", config={"class_names": names, "balance": 0.8, "score_scale": 3.0}),
        ),
        train=tiny_training(
            agent_lr=1e-3,
            entropy_weight=0.01,
            steps=steps,
            seconds=seconds,
            batch_size=40,
            num_looks=NUM_LOOKS,
            loss=LossConfig(form="code"),  # the glance too: its doubt leads the first look
            seed=seed,
            eval_scenes=128,
        ),
        source=ComposedSource(ComposedSet(scenes, split="train"), class_map, with_masks=True),
        calibration=ComposedSource(ComposedSet(scenes, split="test", size=512), class_map, with_masks=True),
        test=ComposedSource(ComposedSet(scenes, split="test", size=1024), class_map, stream=1, with_masks=True),
    )
