"""AdaptiveNN's checkpoints as systems of ours: a ``.pth`` with the weights and an ``argparse.Namespace``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from foveate.config import to_plain
from foveate.errors import ModelFolderError, UsageError
from foveate.importing.adaptivenn_keys import (
    NEVER_USED,
    OFFSETS,
    PaperConfigs,
    agent_modules,
    configs_of,
    model_modules,
    paper_offsets,
)
from foveate.importing.fitting import Fitting, Imported, Weights, their_keys
from foveate.importing.reading import Settings, plain_settings, read_file, sha256
from foveate.layers.map_net import MapNet, MapNetConfig
from foveate.models.adaptivenn import AdaptiveNN
from foveate.system import PartSpec, System, SystemSpec, build

WEIGHT_ENTRIES = ("model", "module", "state_dict")  # where the weights stand in the file; else the file is the weights


@dataclass(frozen=True, kw_only=True)
class ImportedAdaptiveNN:
    """A checkpoint in our terms: load each state dict into the part that its config builds."""

    configs: PaperConfigs
    model: Weights
    """Of ``AdaptiveNN(configs.model)``."""
    policy: Weights
    """Of ``Gaussian(GaussianConfig(**configs.agent))``."""
    critic: Weights
    """Of ``MapValue(MapValueConfig(**configs.agent))``."""
    provenance: Mapping[str, Any]
    """Source file, its sha256, the settings it was trained with, and what was left out; plain JSON values."""


def import_system(path: str | Path, *, class_names: Iterable[str] | None = None) -> Imported:
    """What `foveate import` saves."""
    imported = import_checkpoint(path)
    return Imported(
        system=to_system(imported, class_names=class_names),
        provenance=imported.provenance,
        left_out={"saved by the paper's code and never used": imported.provenance["num_never_used"]},
    )


def import_checkpoint(path: str | Path) -> ImportedAdaptiveNN:
    """Read a ``.pth`` of the paper's code; raises :class:`ModelFolderError` naming every key that does not fit."""
    path = Path(path)
    weights, settings = _read(path)
    try:
        configs = _with_settings(configs_of({name: tuple(w.shape) for name, w in weights.items()}), settings)
        model, policy, critic = convert(weights, configs)
    except ModelFolderError as error:
        raise ModelFolderError(f"{path}: {error}") from None
    unused = sorted(name for name in NEVER_USED if name in weights)
    provenance = {
        "format": "AdaptiveNN (LeapLabTHU), PyTorch checkpoint",
        "file": path.name,
        "sha256": sha256(path),
        "scene_px": settings.get("input_size"),
        "never_used": unused,
        "num_never_used": sum(weights[name].numel() for name in unused),
        "settings": settings,
    }
    return ImportedAdaptiveNN(configs=configs, model=model, policy=policy, critic=critic, provenance=provenance)


def to_system(imported: ImportedAdaptiveNN, *, class_names: Iterable[str] | None = None) -> System:
    """A classifier with the imported weights, ready to save; classes are called by their numbers if not named."""
    model, agent = imported.configs.model, dict(imported.configs.agent)
    names = [str(i) for i in range(model.num_outputs)] if class_names is None else list(class_names)
    if len(names) != model.num_outputs:
        raise UsageError(
            f"{len(names)} class names were given; this checkpoint tells {model.num_outputs} classes apart"
        )
    spec = SystemSpec(
        model=PartSpec(name="adaptivenn_deit_small", config=to_plain(model)),
        policy=PartSpec(name="gaussian", config=agent),
        critic=PartSpec(name="map_value", config=agent),
        task=PartSpec(name="classification", config={"class_names": names}),
    )
    system = build(spec)
    for name, module in system.modules().items():
        module.load_state_dict(getattr(imported, name), strict=True)
    return system.train(False)


def convert(weights: Mapping[str, Tensor], configs: PaperConfigs) -> tuple[Weights, Weights, Weights]:
    """State dicts of our model, policy and critic, float32, from theirs; refuses with the list of what does not fit."""
    steps = configs.model.max_looks
    with torch.device("meta"):
        parts: list[tuple[nn.Module, Any]] = [
            (AdaptiveNN(configs.model), model_modules(configs.model)),
            (_agent(configs, out_dim=2), agent_modules(steps, is_critic=False)),
            (_agent(configs, out_dim=1), agent_modules(steps, is_critic=True)),
        ]
    fit = Fitting(weights)
    converted: list[Weights] = []
    for part, modules in parts:
        table = dict(modules)
        found = {
            ours: fit.take_all(their_keys(ours, table), tuple(like.shape)) for ours, like in part.state_dict().items()
        }
        converted.append({ours: w for ours, w in found.items() if w is not None})
    expected_offsets = paper_offsets(configs.model.update_radius)
    if OFFSETS in weights and not torch.equal(weights[OFFSETS].cpu().long(), expected_offsets):
        fit.problems.append(f"unexpected values: {OFFSETS} (an update neighbourhood that foveate does not have)")
    fit.problems.extend(f"unknown: {name}" for name in sorted(set(weights) - fit.used - {*NEVER_USED, OFFSETS}))
    fit.refuse_misfits()
    return converted[0], converted[1], converted[2]


def _agent(configs: PaperConfigs, *, out_dim: int) -> nn.Module:
    """Names and shapes of a policy or critic: a map network called ``net``."""
    return nn.ModuleDict({"net": MapNet(MapNetConfig(**configs.agent), out_dim=out_dim)})


def _read(path: Path) -> tuple[Weights, dict[str, Any]]:
    """Weights by the paper's names, and the settings if the file has any."""
    content = read_file(path, give="Give the .pth file that the paper's code saves.")
    settings = content.get("args")
    entry = next((content[key] for key in WEIGHT_ENTRIES if isinstance(content.get(key), Mapping)), content)
    weights = {str(name).removeprefix("module."): value for name, value in entry.items() if isinstance(value, Tensor)}
    return weights, plain_settings(settings.state) if isinstance(settings, Settings) else {}


def _with_settings(configs: PaperConfigs, settings: Mapping[str, Any]) -> PaperConfigs:
    """What leaves no trace in the shapes: pixel statistics, and the regulariser of training."""
    changes: dict[str, Any] = {}
    if settings.get("imagenet_default_mean_and_std") is False:
        changes.update(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    if isinstance(side := settings.get("focus_net_reg_size"), int):
        changes["focus_only_px"] = (side, side)
    if isinstance(weight := settings.get("loss_reg_focus_net_weight"), int | float):
        changes["focus_only_weight"] = float(weight)
    if isinstance(drop := settings.get("focus_net_drop_path"), int | float):
        changes["drop_path"] = float(drop)
    return replace(configs, model=replace(configs.model, **changes))
