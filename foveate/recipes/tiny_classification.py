"""Which small thing stands somewhere among the clutter? AdaGlimpse's scheme, small enough for a core and minutes.

A glance shows the whole scene, shrunk fourfold; each look is a square of any place and zoom, and native resolution
covers a sixteenth of the scene. Training scenes say what there is and where, as small_sign's do; answers are classes.
The same task can be put to the other family, of about the same cost, and to either learner.
"""

from __future__ import annotations

from typing import Any, Literal

from foveate.errors import UsageError
from foveate.recipes.recipe import Recipe
from foveate.recipes.small_sign import NONE_FRAC, SIGNS
from foveate.recipes.tiny_parts import CANVAS_PX, GLIMPSE_PX, NUM_LOOKS, SPREAD, tiny_model, tiny_training
from foveate.scenes.composed import ComposedConfig, ComposedSet
from foveate.system import PartSpec, SystemSpec
from foveate.training.lesson import LossConfig
from foveate.training.sources import ComposedSource, label_and_place

Things = Literal["digits", "signs"]
Family = Literal["elastic_tokens", "glance_focus"]
Learner = Literal["ppo", "sac"]


def tiny_classification(
    *,
    things: Things = "digits",
    family: Family = "elastic_tokens",
    learner: Learner = "ppo",
    steps: int = 400,
    seconds: float | None = None,
    seed: int = 0,
) -> Recipe:
    """Canvas 128 px, one digit of 20 px (or at most one sign), 3-6 distractors; T = 3 looks of 32 px."""
    scenes = _scenes(things)
    names = ("none", *ComposedSet(scenes).class_names)
    return Recipe(
        name="tiny_classification",
        system=SystemSpec(
            model=PartSpec(name=family, config=_model(family, num_outputs=len(names), num_bands=scenes.bands)),
            policy=PartSpec(name="spatial"),
            critic=PartSpec(name="spatial_q"),
            task=PartSpec(name="spotting", config={"class_names": names}),
        ),
        train=tiny_training(
            agent_lr=2e-3,
            entropy_weight=0.01,
            steps=steps,
            seconds=seconds,
            batch_size=64,
            num_looks=NUM_LOOKS,
            loss=LossConfig(form="paper"),
            learner=learner,
            seed=seed,
        ),
        source=ComposedSource(ComposedSet(scenes, split="train"), label_and_place),
        calibration=ComposedSource(ComposedSet(scenes, split="test", size=4096), label_and_place),
        test=ComposedSource(ComposedSet(scenes, split="test", size=8192), label_and_place, stream=1),
    )


def _scenes(things: Things) -> ComposedConfig:
    shared: dict[str, Any] = {
        "canvas_px": (CANVAS_PX, CANVAS_PX), "num_objects": (1, 1), "object_size_px": (20, 20),
        "num_distractors": (3, 6),
    }  # fmt: skip
    if things == "digits":
        return ComposedConfig(**shared, background="noise", distractors="blobs", variants=6)
    if things == "signs":
        return ComposedConfig(
            **shared, bands=3, cutouts="emoji", classes=SIGNS, none_frac=NONE_FRAC, background="texture",
            distractors="emoji",
        )  # fmt: skip
    raise UsageError(f"things is {things!r}; allowed are digits and signs")


def _model(family: Family, *, num_outputs: int, num_bands: int) -> dict[str, Any]:
    """Of either family, with glimpses of one size, read by nets of about one cost, and looks led by a head that learns
    places."""
    if family == "elastic_tokens":
        answer = {"name": "token_classes"}
        return tiny_model(num_bands=num_bands, num_outputs=num_outputs, answer=answer, relevance="places")
    if family == "glance_focus":
        net = {"name": "conv", "strides": (2, 2, 1), "kernels": (5, 3, 5)}
        return {
            "num_outputs": num_outputs,
            "num_bands": num_bands,
            **SPREAD[num_bands],
            "glance_px": (GLIMPSE_PX, GLIMPSE_PX),
            "focus_px": (GLIMPSE_PX, GLIMPSE_PX),
            "state_grid": (8, 8),
            "glance": {**net, "channels": (24, 64, 128)},
            "focus": {**net, "channels": (32, 64, 176), "strongest": True, "norm": True},
            "readout": {"name": "pool"},
            "answer_from_glance": False,
            "auxiliary": "places",
            "relevance": "attention",
        }
    raise UsageError(f"family is {family!r}; allowed are elastic_tokens and glance_focus")
