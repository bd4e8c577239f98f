"""Is the small clue somewhere in the big picture, which, and where? A zooming search over scenes never made in full.

Coloured plates can be seen from afar; what is written on them, only from near: one of the ``classes`` on the plate that
is searched, another digit on all others. Training scenes hold more of what is searched than test scenes do, by the same
factor at every scale, so that cells of all scales still count in one unit.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from foveate.errors import UsageError
from foveate.recipes.recipe import Recipe
from foveate.scenes.procedural import ProceduralConfig, ProceduralSet
from foveate.system import PartSpec, SystemSpec
from foveate.training.config import TrainConfig
from foveate.training.lesson import LossConfig
from foveate.training.ppo import PpoConfig
from foveate.training.procedural_source import ProceduralSource, clues

LOOKS_PER_STEP = 8
CONTEXT = 4 / 3  # of a look: marks of up to a fourth of its side are seen whole, wherever they lie
SMALLEST_PX = 512  # below, plates are too small to write on


def big_scene(
    *,
    side_px: int = 1024,
    glimpse_px: int = 64,
    thing_frac: tuple[float, float] = (0.027, 0.074),
    classes: tuple[str, ...] = ("0",),
    looks: int = 32,
    amp: Literal["off", "fp16", "bf16"] = "off",
    steps: int = 1200,
    seconds: float | None = None,
    seed: int = 0,
) -> Recipe:
    """Square scenes of any size, 8 looks per step: an overview, then ever closer. ``thing_frac`` are the sides of the
    smallest and largest plate, as shares of the scene's: 0.07 to 0.5 % of its area. ``amp`` "bf16" takes half the time
    where the processor knows such numbers (avx512_bf16 in its flags, or a GPU)."""
    if side_px < SMALLEST_PX:
        raise UsageError(f"side_px is {side_px}; it must be at least {SMALLEST_PX}")
    low, high = (round(share * side_px) for share in thing_frac)
    scenes = ProceduralConfig(size_px=(side_px, side_px), object_size_px=(low, high), classes=classes)
    crowded = replace(scenes, num_objects=(1, 6), num_distractors=(4, 8), none_frac=0.3)
    names = ("none", *ProceduralSet(scenes).class_names)
    return Recipe(
        name="big_scene",
        system=SystemSpec(
            model=PartSpec(
                name="zoom_search",
                config={
                    "glimpse_px": (glimpse_px, glimpse_px),
                    "context": CONTEXT,
                    "taught_looks": LOOKS_PER_STEP,
                    "finds": True,
                },
            ),
            policy=PartSpec(
                name="spatial", config={"num_looks_per_step": LOOKS_PER_STEP, "offset": 0.0, "starts_flat": True}
            ),
            critic=PartSpec(name="spatial_value"),
            task=PartSpec(name="finding", config={"class_names": names}),
        ),
        train=TrainConfig(
            steps=steps,
            seconds=seconds,
            batch_size=16,
            num_looks=looks,
            lr=2e-3,
            amp=amp,
            opening_frac=0.15,  # what can be seen from afar comes first: it leads all looks
            loss=LossConfig(form="paper"),
            ppo=PpoConfig(gamma=1.0, epochs=2, minibatches=2, lr=1e-3, entropy_weight=0.0),
            seed=seed,
            eval_scenes=64,
            eval_every=250,  # a probe takes as long as a dozen steps
        ),
        source=ProceduralSource(ProceduralSet(crowded, split="train"), clues),
        calibration=ProceduralSource(ProceduralSet(scenes, split="test", size=4096), clues),
        test=ProceduralSource(ProceduralSet(scenes, split="test", size=4096), clues, stream=1),
    )
