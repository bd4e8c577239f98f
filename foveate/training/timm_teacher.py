"""Any timm classifier as a teacher (extra ``timm``), with weights from a file that must fit it to the last key.

Nothing is downloaded, and nothing is left random: a teacher whose weights were not loaded teaches noise, and no curve
shows it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from foveate.errors import ModelFolderError, UsageError, require_extra, suggest
from foveate.importing.fitting import Fitting
from foveate.importing.reading import read_file, sha256
from foveate.models.preprocess import Preprocess
from foveate.training.taught_source import Teacher

WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model")  # under which training scripts save weights
PREFIXES = r"^(_orig_mod\.|module\.)+"  # of nets that were compiled or trained on several devices
GIVE = "Give the file of the teacher's weights, .pth or .safetensors"


def timm_teacher(model: str, weights: str | os.PathLike[str], *, num_classes: int) -> Teacher:
    """``model`` is timm's name, with the tag where that decides the preprocessing; ``weights`` its file, in the order
    of our classes. Torch's random state is left as it was.

    Raises UsageError for an unknown name, ModelFolderError with the keys that are missing, unknown or of another
    shape."""
    timm, file = require_extra("timm", "timm"), Path(weights)
    if not timm.is_model(model):
        raise UsageError(f"timm has no model {model!r}.{suggest(model, timm.list_models())}")
    with torch.random.fork_rng(devices=[]):
        net = timm.create_model(model, num_classes=num_classes)
    content = read_file(file, give=GIVE)  # says by itself what is wrong with a file that is none
    try:
        net.load_state_dict(_fitted(net.state_dict(), _tensors(content)))
    except ModelFolderError as error:
        raise ModelFolderError(
            f"{file} does not hold a {model} of {num_classes} classes, so it cannot teach: {error}\n  "
            "Give a file of timm's own, or what torch.save(net.state_dict(), FILE) makes of a net that timm built"
        ) from None
    facts = timm.data.resolve_model_data_config(net)
    preprocess = Preprocess(value_range=(0.0, 255.0), mean=facts["mean"], std=facts["std"])
    return Teacher(
        net=nn.Sequential(preprocess, net), input_px=facts["input_size"][1:], name=f"{model}-{sha256(file)[:16]}"
    )


def _tensors(content: Mapping[str, Any]) -> dict[str, Tensor]:
    """Weights by name, out of what a training script saves around them."""
    inner = next((content[name] for name in WRAPPERS if isinstance(content.get(name), Mapping)), content)
    return {re.sub(PREFIXES, "", name): value for name, value in inner.items() if isinstance(value, Tensor)}


def _fitted(like: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """All of ``like`` from a file's weights, which have nothing else."""
    fit = Fitting({_timms(name, like): value for name, value in weights.items()})
    found = {name: fit.take(name, tensor.shape) for name, tensor in like.items()}
    fit.problems.extend(f"unknown: {name}" for name in sorted(set(fit.weights) - fit.used))
    fit.refuse_misfits()
    return {name: tensor for name, tensor in found.items() if tensor is not None}


def _timms(name: str, known: Collection[str]) -> str:
    """DeiT-III's own files, the paper's teacher among them, call the gains of a block by their number only."""
    return name if name in known else re.sub(r"gamma_([12])$", r"ls\1.gamma", name)
