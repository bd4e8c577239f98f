"""The paper's ImageNet recipe for AdaptiveNN-DeiT-S, on any folder of pictures (dossier section 6: the code's command).

300 epochs of batch 4096 are about 23 EFLOP: this is for a machine with many GPUs, by torchrun; smaller variants of the
model and of the schedule are for trying it out.
"""

from __future__ import annotations

import os
from typing import Any

from foveate.recipes.folder_parts import find_parts
from foveate.recipes.picture_folder import FolderRecipe
from foveate.recipes.recipe import check_counts
from foveate.system import PartSpec, SystemSpec
from foveate.training.config import TrainConfig
from foveate.training.crop_source import CropAugment, CropSource
from foveate.training.lesson import LossConfig
from foveate.training.ppo import PpoConfig

EPOCHS, WARMUP_EPOCHS, BATCH, LR, FINAL_LR = 300, 20, 4096, 4e-3, 1e-6
SCENE_PX = 288


def imagenet_deit_small(
    path: str | os.PathLike[str],
    *,
    model: str = "adaptivenn_deit_small",
    model_config: dict[str, Any] | None = None,
    scene_px: int = SCENE_PX,
    epochs: int = EPOCHS,
    batch_size: int = BATCH,
    accumulate: int = 1,
    steps: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    amp: str = "off",
) -> FolderRecipe:
    """Scenes of 288 px, glance and fixations of 112 px, T = 4, for the folder's own classes.

    The learning rate is the paper's for batch 4096, scaled linearly for others. The paper's code uses fp16 (``amp``).
    Raises DataError, with the remedy, for a folder that cannot be learned from.
    """
    check_counts(scene_px=scene_px, epochs=epochs, batch_size=batch_size)
    parts = find_parts(path, seed=seed)
    class_names, num_train, folders = parts.folder.class_names, len(parts.rows["train"]), parts.parts
    size = min(batch_size, num_train)
    per_epoch = num_train // size
    lr = LR * size / BATCH
    config = {"num_outputs": len(class_names), **(model_config or {})}

    def source(part: str, augment: CropAugment | None = None) -> CropSource:
        chosen = [parts.hashes[row] for row in parts.rows[part]]
        return CropSource(folders[part], scene_px=scene_px, augment=augment, hashes=chosen)

    return FolderRecipe(
        name="imagenet_deit_small",
        system=SystemSpec(
            model=PartSpec(name=model, config=config),
            policy=PartSpec(name="gaussian"),
            critic=PartSpec(name="map_value"),
            task=PartSpec(name="classification", config={"class_names": class_names}),
        ),
        train=TrainConfig(
            steps=steps or epochs * per_epoch,
            seconds=seconds,
            batch_size=size,
            accumulate=accumulate,
            num_looks=int(config.get("max_looks", _max_looks(model))),
            lr=lr,
            weight_decay=0.05,
            warmup_frac=WARMUP_EPOCHS / EPOCHS,
            final_lr_frac=FINAL_LR / LR,
            max_grad_norm=5.0,
            loss=LossConfig(form="code", distill_weight=1.0, distill_temperature=1.0),
            ppo=PpoConfig(
                gamma=0.5, gae_lambda=0.84, clip=0.2, epochs=5, minibatches=1, every=10, lr=lr, max_grad_norm=None
            ),
            amp=amp,  # type: ignore[arg-type]
            seed=seed,
            eval_every=per_epoch,
            eval_scenes=2048,
        ),
        source=source("train", CropAugment()),
        calibration=source("calibrate"),
        test=source("test"),
        majority=parts.majority,
        notes=(*parts.found(), *parts.doubts()),
    )


def _max_looks(model: str) -> int:
    from foveate.models import MODELS

    return int(MODELS.facts(model).get("defaults", {}).get("max_looks", 4))
