"""Tasks: what is asked of a scene, how the answer is scored, and how sure it is.

Facts: ``config`` is the config class; ``learns_from_labels`` says that class numbers ``[n]`` are target enough, with
``class_names`` in the config, as a folder of labelled pictures gives them (False when absent); ``tells_apart`` says
that models must have as many outputs as it asks for (True when absent); ``does`` is the word for doing it, by which
people ask for a model (the name itself when absent); ``held_out`` is the data that `foveate calibrate` and `foveate
evaluate` can be given for it (a recipe when absent); ``command`` is the one that asks a model for it (look when
absent).
"""

from __future__ import annotations

from typing import Any

from foveate.registry import Registry

TASKS: Registry[Any] = Registry("task")

IGNORED = 255  # as the class of a pixel: nobody says, so it is not learned and not scored

TASKS.register(
    "classification",
    "foveate.tasks.classification:Classification",
    config="foveate.tasks.classification:ClassificationConfig",
    learns_from_labels=True,
    does="classify",
    held_out="FOLDER",
    summary="one label per scene",
)
TASKS.register(
    "search",
    "foveate.tasks.search:Search",
    config="foveate.tasks.search:SearchConfig",
    does="search",
    summary="where is each asked thing?",
)
TASKS.register(
    "spotting",
    "foveate.tasks.spotting:Spotting",
    config="foveate.tasks.classification:ClassificationConfig",
    learns_from_labels=True,
    does="classify",
    held_out="FOLDER",
    summary="which of several things is there, if any; training scenes also say where",
)
TASKS.register(
    "finding",
    "foveate.tasks.finding:Finding",
    config="foveate.tasks.finding:FindingConfig",
    does="find",
    command="find",
    held_out="FOLDER|RECIPE",
    summary="which of several things is there, if any, and where are all of them",
)
TASKS.register(
    "reconstruction",
    "foveate.tasks.reconstruction:Reconstruction",
    config="foveate.tasks.reconstruction:ReconstructionConfig",
    tells_apart=False,
    does="reconstruct",
    held_out="image_folder_reconstruction:FOLDER",
    summary="what does the whole scene look like?",
)
TASKS.register(
    "segmentation",
    "foveate.tasks.segmentation:Segmentation",
    config="foveate.tasks.segmentation:SegmentationConfig",
    does="segment",
    summary="which class does every pixel belong to?",
)
