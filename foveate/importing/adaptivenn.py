"""Reading the paper's checkpoints: weights and settings, and nothing that a file could run.

Their ``.pth`` files are pickles that hold tensors, an ``argparse.Namespace`` and numpy scalars. torch's restricted
unpickler rebuilds the tensors; the other two become inert holders defined here, so no foreign class is ever called.
"""

from __future__ import annotations

import hashlib
import pickle
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

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
    their_keys,
)
from foveate.layers.map_net import MapNet, MapNetConfig
from foveate.models.adaptivenn import AdaptiveNN
from foveate.system import PartSpec, System, SystemSpec, build

Weights = dict[str, Tensor]

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


def import_checkpoint(path: str | Path) -> ImportedAdaptiveNN:
    """Read a ``.pth`` of the paper's code; raises :class:`ModelFolderError` naming every key that does not fit."""
    path = Path(path)
    if not path.is_file():
        raise ModelFolderError(f"{path}: no such file. Give the .pth file that the paper's code saves.")
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
        "sha256": _sha256(path),
        "scene_px": settings.get("input_size"),
        "never_used": unused,
        "num_never_used": sum(weights[name].numel() for name in unused),
        "settings": {name: value for name, value in settings.items() if _is_plain(value)},
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
    problems: list[str] = []
    used: set[str] = set()
    converted: list[Weights] = []
    for part, modules in parts:
        table = dict(modules)
        found = {
            ours: _take(weights, their_keys(ours, table), tuple(like.shape), problems, used)
            for ours, like in part.state_dict().items()
        }
        converted.append({ours: w for ours, w in found.items() if w is not None})
    expected_offsets = paper_offsets(configs.model.update_radius)
    if OFFSETS in weights and not torch.equal(weights[OFFSETS].cpu().long(), expected_offsets):
        problems.append(f"unexpected values: {OFFSETS} (an update neighbourhood that foveate does not have)")
    problems += [f"unknown: {name}" for name in sorted(set(weights) - used - {*NEVER_USED, OFFSETS})]
    if problems:
        raise ModelFolderError(_listed("the checkpoint does not fit", problems))
    return converted[0], converted[1], converted[2]


def _agent(configs: PaperConfigs, *, out_dim: int) -> nn.Module:
    """Names and shapes of a policy or critic: a map network called ``net``."""
    return nn.ModuleDict({"net": MapNet(MapNetConfig(**configs.agent), out_dim=out_dim)})


def _take(
    weights: Mapping[str, Tensor],
    theirs: str | tuple[str, ...],
    shape: tuple[int, ...],
    problems: list[str],
    used: set[str],
) -> Tensor | None:
    """One of our tensors from one of theirs, or stacked from one per step; None after noting what is wrong."""
    names, each = ([theirs], shape) if isinstance(theirs, str) else (list(theirs), shape[1:])
    used.update(names)
    before = len(problems)
    for name in names:
        if name not in weights:
            problems.append(f"missing: {name}")
        elif tuple(weights[name].shape) != each:
            problems.append(f"wrong shape: {name} is {_shape(weights[name].shape)}, must be {_shape(each)}")
        elif not torch.isfinite(weights[name]).all():
            problems.append(f"not finite: {name}")
    if len(problems) > before:
        return None
    tensors = [weights[name].detach().float() for name in names]
    return tensors[0].clone() if isinstance(theirs, str) else torch.stack(tensors)


class _Inert:
    """Stands for anything that is not a tensor: remembers the state that the pickle sets, and does nothing."""

    state: Any = None

    def __new__(cls, *args: Any) -> Self:
        return super().__new__(cls)

    def __init__(self, *args: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Settings(_Inert):
    """Stands for ``argparse.Namespace``: the training command's settings."""


INERT_GLOBALS: list[Any] = [
    (_Settings, "argparse.Namespace"),
    *((_Inert, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
    (_Inert, "numpy.dtype"),
    *((_Inert, f"numpy.dtypes.{name}DType") for name in ("Float64", "Float32", "Int64", "Int32", "Bool")),
]


def _read(path: Path) -> tuple[Weights, dict[str, Any]]:
    """Weights by the paper's names, and the settings if the file has any."""
    try:
        with torch.serialization.safe_globals(INERT_GLOBALS):
            # Mapped, so that the optimiser's state (two thirds of the file) is never read.
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        name = re.search(r"GLOBAL (\S+)", str(error))
        if name is None:
            raise ModelFolderError(f"{path}: damaged, or not a PyTorch checkpoint.") from None
        raise ModelFolderError(
            f"{path}: refused; it holds {name[1]}, which is neither a tensor nor a plain setting, and loading it could "
            "run code. Only checkpoints as the paper's code saves them are read."
        ) from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError, IndexError) as error:
        raise ModelFolderError(f"{path}: damaged, or not a PyTorch checkpoint.") from error
    if not isinstance(content, Mapping):
        raise ModelFolderError(f"{path}: holds a {type(content).__name__}, not weights by name.")
    settings = content.get("args")
    entry = next((content[key] for key in WEIGHT_ENTRIES if isinstance(content.get(key), Mapping)), content)
    weights = {str(name).removeprefix("module."): value for name, value in entry.items() if isinstance(value, Tensor)}
    state = settings.state if isinstance(settings, _Settings) else None
    return weights, dict(state) if isinstance(state, dict) else {}


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


def _listed(title: str, problems: Iterable[str], *, at_most: int = 20) -> str:
    lines = list(problems)
    more = [f"... and {len(lines) - at_most} more"] if len(lines) > at_most else []
    return "\n  ".join([f"{title} ({len(lines)} problems):", *lines[:at_most], *more])


def _shape(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape)) or "a scalar"


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, bool | int | float | str)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
