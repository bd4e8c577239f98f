"""Is the small clue somewhere in the big picture, which, and where? A zooming search over scenes never made in full.

Plates can be seen from afar; what is written on them, only from near: one of the ``classes`` on the plate that is
searched, another digit on all others. Training scenes hold many more things than test scenes do, so that a training
episode reads many; what that changes is told with the targets, and is the same factor at every scale. Some of theirs
are larger, as far as there is room.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from foveate.errors import UsageError
from foveate.recipes.encoders import Encoder, encoder_changes
from foveate.recipes.recipe import Recipe
from foveate.recipes.zoom_parts import zoom_system, zoom_training
from foveate.scenes.placement import largest_px
from foveate.scenes.procedural import ProceduralConfig, ProceduralSet, Scent
from foveate.training.procedural_source import ProceduralSource, clues, crowded

LARGER = 2  # things of training scenes, at most: larger scenes have larger things, which looks must not shrink from
VARIANTS = 12  # of every digit: there are but a hundred of each class to learn from
SMALLEST_PX = 512  # below, plates are too small to write on


def big_scene(
    *,
    side_px: int = 1024,
    glimpse_px: int = 64,
    thing_frac: tuple[float, float] = (0.027, 0.074),
    classes: tuple[str, ...] = ("0",),
    scent: Scent = "strong",
    looks: int = 32,
    encoder: Encoder = "small",
    amp: Literal["off", "fp16", "bf16"] = "off",
    steps: int = 2400,
    seconds: float | None = None,
    seed: int = 0,
) -> Recipe:
    """Square scenes of any size, 8 looks per step: an overview, then ever closer. ``thing_frac`` are the sides of the
    smallest and largest thing, as shares of the scene's: 0.07 to 0.5 % of its area. ``scent``: what is seen of things
    from afar; where it is "none", looks find them by chance. ``encoder`` "efficientnet_lite0" begins with ImageNet's
    weights, of which the first layers stay (extra ``pretrained``); its steps take up to three times as long. ``amp``
    "bf16" takes half the time where the processor knows such numbers (avx512_bf16 in its flags, or a GPU)."""
    if side_px < SMALLEST_PX:
        raise UsageError(f"side_px is {side_px}; it must be at least {SMALLEST_PX}")
    changes = encoder_changes(encoder)
    low, high = (round(share * side_px) for share in thing_frac)
    scenes = ProceduralConfig(size_px=(side_px, side_px), object_size_px=(low, high), classes=classes, scent=scent)
    many = replace(scenes, num_objects=(1, 12), num_distractors=(8, 16), none_frac=0.3, variants=VARIANTS)
    largest = largest_px(many.max_things, canvas_px=many.size_px, gap_px=many.gap_px)
    many = replace(many, object_size_px=(low, max(high, min(LARGER * high, largest))))
    return Recipe(
        name="big_scene",
        system=zoom_system(("none", *ProceduralSet(scenes).class_names), glimpse_px=glimpse_px, model=changes.model),
        train=zoom_training(
            steps=steps,
            seconds=seconds,
            num_looks=looks,
            opening_frac=0.1,
            opening_scenes=16,  # four scenes a step show too seldom what is seen from afar
            guided_frac=0.5,  # look-alikes are known: looks at targets alone would show nothing to tell them from
            amp=amp,
            seed=seed,
            **changes.train,
        ),
        source=ProceduralSource(ProceduralSet(many, split="train"), crowded(clues, scenes=many, at_large=scenes)),
        calibration=ProceduralSource(ProceduralSet(scenes, split="test", size=4096), clues),
        test=ProceduralSource(ProceduralSet(scenes, split="test", size=4096), clues, stream=1),
    )
