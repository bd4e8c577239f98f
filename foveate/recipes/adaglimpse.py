"""AdaGlimpse's runs on the data sets of its README, each under a name of its own (dossier, sections 5, 6 and 10).

Their schedule: the backbone learns to read random glimpses; then soft actor-critic and backbone in turns. What a full
run takes is many GPU days; ``size``, ``epochs`` and ``batch_size`` make smaller ones. Where we differ: random glimpses
are squares of any zoom, as many as an episode has, where theirs are 196 patches without squares; agents use layer
norms and are told places in [0, 1]; the backbone's rate is for a start from scratch.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any, Literal

import numpy as np

from foveate.datasets import DATASETS
from foveate.datasets.listing import Pictures, Target
from foveate.errors import UsageError, suggest
from foveate.recipes.recipe import Recipe, check_counts
from foveate.system import PartSpec, SystemSpec
from foveate.training.config import TrainConfig
from foveate.training.lesson import LossConfig
from foveate.training.picture_augment import PictureAugment
from foveate.training.picture_source import PictureSource, Resample
from foveate.training.sac import SacConfig
from foveate.training.sources import Source
from foveate.training.taught_source import TaughtSource
from foveate.training.timm_teacher import timm_teacher

Folder = str | os.PathLike[str]
SCENE_PX = (224, 224)
CALIBRATION_FRAC = 0.02  # of the training pictures: stopping is never calibrated on what is reported
LEAST_CALIBRATION, MOST_CALIBRATION_FRAC = 400, 0.15  # at least so many, but no larger share of a small set
CANVASES = {  # of each size of encoder
    "test": {"dim": 32, "depth": 1, "num_heads": 2},
    "nano": {"dim": 96, "depth": 2, "num_heads": 3},
    "tiny": {"dim": 128, "depth": 4, "num_heads": 4},
    "small": {"dim": 256, "depth": 8, "num_heads": 16},
    "base": {"dim": 512, "depth": 8, "num_heads": 16},
    "large": {"dim": 512, "depth": 8, "num_heads": 16},
}
WIDE = (512, 256, 256, 256, 256)
WIDTHS = {"test": (16, 8), "nano": (96, 64, 48, 32), "tiny": WIDE, "small": WIDE, "base": WIDE, "large": WIDE}


LOOKS: dict[Target, int] = {"label": 14, "picture": 12, "mask": 8}
TASKS: dict[Target, str] = {"label": "classification", "picture": "reconstruction", "mask": "segmentation"}
AREA_FRAC: dict[Target, tuple[float, float]] = {"label": (0.08, 1.0), "picture": (0.2, 1.0), "mask": (0.75, 1.0)}


def adaglimpse(
    folder: Folder,
    *,
    name: str,
    dataset: str,
    target: Target,
    size: str = "base",
    glimpse_grid: int = 2,
    looks: int | None = None,
    scene_px: tuple[int, int] = SCENE_PX,
    area_frac: tuple[float, float] | Literal["usual"] | None = "usual",
    compute: Literal["reencode", "cached"] = "reencode",
    epochs: int = 100,
    batch_size: int = 128,
    steps: int | None = None,
    seconds: float | None = None,
    lr: float = 1e-4,
    seed: int = 0,
    amp: str = "off",
    teacher: str | None = None,
    teacher_weights: Folder | None = None,
) -> Recipe:
    """One run. ``area_frac``: of random crops; None mirrors only, "usual" is the paper's for the task. ``teacher``: the
    name of a timm classifier that sees whole scenes and is learned from instead of labels, with the file of its weights
    (the paper's is deit3_base_patch16_224).

    Raises DataError, with the remedy, for a folder of another layout, ModelFolderError for weights that do not fit the
    teacher."""
    if size not in CANVASES:
        raise UsageError(f"size is {size!r}.{suggest(size, CANVASES)} Known: {', '.join(CANVASES)}")
    check_counts(glimpse_grid=glimpse_grid, scene_px=min(scene_px), epochs=epochs, batch_size=batch_size)
    parts = _parts(dataset, folder, target, seed)
    num_looks = looks or LOOKS[target]
    frac = AREA_FRAC[target] if area_frac == "usual" else area_frac
    augment = PictureAugment(area_frac=frac)
    resample: Resample = "bicubic" if target == "picture" else "bilinear"
    per_epoch = max(1, len(parts["train"]) // batch_size)

    def source(part: str, **options: Any) -> PictureSource:
        return PictureSource(parts[part], target=target, scene_px=scene_px, **options)

    return Recipe(
        name=name,
        system=_system(parts["train"], target, size, glimpse_grid, num_looks, scene_px, compute),
        train=TrainConfig(
            steps=steps or epochs * per_epoch,
            seconds=seconds,
            batch_size=min(batch_size, len(parts["train"])),
            num_looks=num_looks,
            lr=lr,
            weight_decay=1e-4,
            loss=LossConfig(form="last"),
            learner="sac",
            sac=SacConfig(batch_size=batch_size),
            random_frac=0.3,
            backbone="alternating",
            alternate_every=per_epoch,
            amp=amp,  # type: ignore[arg-type]
            seed=seed,
            eval_every=per_epoch,
        ),
        source=_taught(source("train", augment=augment, resample=resample), teacher, teacher_weights),
        calibration=source("calibrate"),
        test=source("test"),
    )


def _taught(source: PictureSource, teacher: str | None, weights: Folder | None) -> Source:
    """The same scenes, with what the teacher makes of them if there is one."""
    if teacher is None and weights is None:
        return source
    if source.target != "label":
        raise UsageError(
            f"a teacher was given; it tells classes of scenes, and {source.pictures.name} is to teach a "
            f"{source.target}: leave it out"
        )
    if teacher is None or weights is None:
        raise UsageError(
            f"teacher is {teacher!r} and teacher_weights {weights and os.fspath(weights)!r}: give both, the name of a "
            "timm classifier and the file of its weights, or neither"
        )
    return TaughtSource(source, timm_teacher(teacher, weights, num_classes=len(source.pictures.class_names or ())))


def _parts(dataset: str, folder: Folder, target: Target, seed: int) -> dict[str, Pictures]:
    """The set's own three parts where it has them; else its val to test on, and of train some to calibrate on."""
    reader = DATASETS.get(dataset)
    train = reader(folder, split="train", target=target)
    val = reader(folder, split="val", target=target)
    if DATASETS.facts(dataset).get("val_calibrates", False):
        return {"train": train, "calibrate": val, "test": reader(folder, split="test", target=target)}
    order = np.random.default_rng(seed).permutation(len(train))
    enough = min(LEAST_CALIBRATION, MOST_CALIBRATION_FRAC * len(train))
    count = max(1, round(max(enough, CALIBRATION_FRAC * len(train))))
    return {
        "train": train.select(np.sort(order[count:])),
        "calibrate": train.select(np.sort(order[:count])),
        "test": val,
    }


def _system(
    pictures: Pictures,
    target: Target,
    size: str,
    glimpse_grid: int,
    num_looks: int,
    scene_px: tuple[int, int],
    compute: str,
) -> SystemSpec:
    names = pictures.class_names or ()
    model: dict[str, Any] = {
        "size": size,
        "glimpse_grid": glimpse_grid,
        "canvas_px": scene_px,
        "max_looks": num_looks,
        "compute": compute,
        "importance": "rollout",
        "zooms": (1.0, 16 * glimpse_grid / min(scene_px)),
    }
    task: dict[str, Any] = {"score_unit": 10.0}
    if target != "picture":
        model["num_outputs"], task = len(names), {"class_names": names}
    if target != "label":
        model["answer"] = {"name": "pixels"} if target == "picture" else {"name": "segments", "widths": WIDTHS[size]}
        model["canvas"] = CANVASES[size]
    return SystemSpec(
        model=PartSpec(name="elastic_tokens", config=model),
        policy=PartSpec(name="squashed_gaussian"),
        critic=PartSpec(name="set_q"),
        task=PartSpec(name=TASKS[target], config=task),
    )


# A reader of the signature, such as the command line, sees all options of each run, and their defaults.
imagenet_classification = partial(adaglimpse, name="imagenet_classification", dataset="imagenet", target="label")
"""14 glimpses of 32 px; README: 77.5 %."""
imagenet_reconstruction = partial(adaglimpse, name="imagenet_reconstruction", dataset="imagenet", target="picture")
"""12 glimpses of 32 px; README: RMSE 14.5."""
ade20k_segmentation = partial(adaglimpse, name="ade20k_segmentation", dataset="ade20k", target="mask", glimpse_grid=3)
"""8 glimpses of 48 px; README: mIoU 25.7."""
ade20k_reconstruction = partial(adaglimpse, name="ade20k_reconstruction", dataset="ade20k", target="picture")
"""12 glimpses of 32 px; README: RMSE 14.0, trained on ImageNet."""
coco_reconstruction = partial(adaglimpse, name="coco_reconstruction", dataset="coco", target="picture")
"""12 glimpses of 32 px; README: RMSE 14.5, trained on ImageNet."""
sun360_classification = partial(
    adaglimpse, name="sun360_classification", dataset="sun360", target="label", area_frac=None
)
"""Panoramas of 26 kinds of place, 14 glimpses of 32 px; mirrored, never cut, as the paper does."""
sun360_reconstruction = partial(
    adaglimpse, name="sun360_reconstruction", dataset="sun360", target="picture", area_frac=None
)
"""12 glimpses of 32 px; README: RMSE 11.1, trained on ImageNet."""
image_folder_reconstruction = partial(
    adaglimpse, name="image_folder_reconstruction", dataset="pictures", target="picture"
)
"""Any folder of pictures, split by their content."""
