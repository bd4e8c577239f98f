"""A model folder: all that is needed to ask a model again, in plain files that say what they are.

``foveate.json`` (format, parts and their configs, provenance, sha256 of every file), ``model.safetensors``,
``policy/weights.safetensors``, ``critic/weights.safetensors``, ``budgets.json``, ``risk.json``, ``README.md``. A run
folder holds one as ``model/``, and every function here takes either. What does not fit exactly is refused by name.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

import foveate
from foveate.atomic import Place, put_back, replacing_folder, write_json, write_text
from foveate.config import from_plain, to_plain
from foveate.core import CONTRACT_VERSION
from foveate.errors import FoveateError, ModelFolderError, OutputError, UsageError, suggest
from foveate.model_card import model_card, versions
from foveate.plain import plain
from foveate.stopping.budgets import BudgetTable
from foveate.stopping.risk import RiskPoint
from foveate.system import System, SystemSpec, build

FORMAT_VERSION = 2
MANIFEST, BUDGETS, RISK, CARD = "foveate.json", "budgets.json", "risk.json", "README.md"
WEIGHTS = {
    "model": "model.safetensors",
    "policy": "policy/weights.safetensors",
    "critic": "critic/weights.safetensors",
}
SHIPPED = Path(__file__).parent / "assets" / "models"
MAY_CHANGE = (CARD,)  # people write into it; its hash only tells whether they did

Migration = Callable[[dict[str, Any]], dict[str, Any]]


def _without_action_dim(values: dict[str, Any]) -> dict[str, Any]:
    """Of set_q, which judges as many dimensions of an action as the family's looks have: null said the same."""
    system = values.get("system")
    critic = system.get("critic") if isinstance(system, dict) else None
    config = critic.get("config") if isinstance(critic, dict) else None
    if not isinstance(config, dict) or config.get("action_dim", 0) is not None:
        return values
    config = {key: value for key, value in config.items() if key != "action_dim"}
    return {**values, "system": {**values["system"], "critic": {**values["system"]["critic"], "config": config}}}


MIGRATIONS: dict[int, Migration] = {1: _without_action_dim}
"""For each older format, what turns its ``foveate.json`` into that of the next one; the number is set by the caller."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The content of ``foveate.json``; plain values only."""

    format: int
    contract: int
    foveate: str
    """Version of foveate that wrote it."""
    system: Mapping[str, Any]
    """:meth:`foveate.system.SystemSpec.to_plain`: parts with their full configs, preprocessing among them."""
    labels: tuple[str, ...]
    """Names of the classes, or of the things that are searched."""
    provenance: Mapping[str, Any]
    """Where it comes from: command, seed, data set and its fingerprint, versions."""
    metrics: Mapping[str, Any]
    """What was measured, on data that neither training nor calibration saw."""
    files: Mapping[str, str]
    """sha256 of every other file; of the card while it is as it was generated."""


@dataclass(frozen=True, kw_only=True)
class SavedSystem:
    """A model folder, loaded."""

    path: Path
    system: System
    manifest: Manifest
    budgets: BudgetTable | None = field(default=None)
    """None: not calibrated; `foveate calibrate` does it."""
    risk: RiskPoint | None = field(default=None)
    """Below which certainty answers are deferred; None: `foveate calibrate --risk` was not asked for it."""

    @property
    def num_looks(self) -> int:
        """Looks of full length: as trained, or as many as the family allows."""
        return int(self.manifest.provenance.get("looks") or self.system.model.max_looks or 4)

    def looks_of(self, asked: int | None) -> int:
        """Looks as asked for, of full length when None. Raises UsageError for more than the family allows."""
        most = self.system.model.max_looks
        if asked is not None and most is not None and asked > most:
            raise UsageError(f"looks is {asked}; the model of {self.path} takes at most {most}: give 1 to {most}")
        return asked or self.num_looks


def save(
    system: System,
    path: Place,
    *,
    provenance: Mapping[str, Any],
    budgets: BudgetTable | None = None,
    risk: RiskPoint | None = None,
    metrics: Mapping[str, Any] | None = None,
    card: str | None = None,
) -> Path:
    """Write a model folder, replacing one that is there; the old one stays until the new one is complete.

    ``provenance`` says at least the command, the seed and the data set; versions are added. ``card`` replaces the
    generated ``README.md``. Raises OutputError; a folder that is no model folder is never replaced.
    """
    target = _replaceable(Path(path))
    with replacing_folder(target) as folder:
        for name, module in system.modules().items():
            file = folder / WEIGHTS[name]
            file.parent.mkdir(exist_ok=True)
            tensors = {key: tensor.detach().cpu().contiguous().clone() for key, tensor in module.state_dict().items()}
            file.write_bytes(safetensors.torch.save(tensors))  # not save_file, whose files only their owner may read
        _write_calibration(folder, budgets, risk)
        manifest = Manifest(
            format=FORMAT_VERSION,
            contract=CONTRACT_VERSION,
            foveate=foveate.__version__,
            system=_without_downloads(plain(system.spec.to_plain())),
            labels=label_names(system),
            provenance={**plain(provenance), "versions": versions()},
            metrics=plain(metrics or {}),
            files={},
        )
        _finish(folder, manifest, budgets, card, name=target.name)
    return target


def _without_downloads(config: Any) -> Any:
    """A config, at any depth, that builds without fetching weights: the folder has its own."""
    if isinstance(config, Mapping):
        return {key: False if key == "pretrained" else _without_downloads(value) for key, value in config.items()}
    return config


def update(
    path: Place,
    *,
    budgets: BudgetTable | None = None,
    risk: RiskPoint | None = None,
    metrics: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> Path:
    """Put budgets, a risk, metrics (added to those there) or further provenance into a model folder; weights stay the
    same. New budgets end a risk that was shown with the old ones."""
    saved = load_system(path)
    manifest = replace(
        saved.manifest,
        provenance={**saved.manifest.provenance, **plain(provenance or {})},
        metrics={**saved.manifest.metrics, **plain(metrics or {})},
    )
    with replacing_folder(saved.path) as folder:
        shutil.copytree(saved.path, folder, dirs_exist_ok=True)
        if budgets is not None:
            (folder / RISK).unlink(missing_ok=True)  # it was shown with other thresholds
        _write_calibration(folder, budgets, risk)
        _finish(folder, manifest, budgets or saved.budgets, None, name=saved.path.name)
    return saved.path


def load_system(path: Place, *, device: Any = "cpu") -> SavedSystem:
    """Load a model folder (or a run folder with one), strictly. Raises ModelFolderError that names what is wrong.

    The parts are in evaluation mode. Torch's random state is left as it was.
    """
    folder = find_folder(path)
    manifest = read_manifest(folder)
    for name, digest in manifest.files.items():
        _check_file(folder, name, digest)
    with torch.random.fork_rng(devices=[]):
        system = _build(folder, manifest)
    for name, module in system.modules().items():
        if WEIGHTS[name] not in manifest.files:
            raise ModelFolderError(f"{folder}: {MANIFEST} lists no weights of the {name}; {_AGAIN}")
        _load_weights(module, folder / WEIGHTS[name])
    budgets = BudgetTable.load(folder / BUDGETS) if BUDGETS in manifest.files else None
    if budgets is not None:
        _check_room(folder, budgets, system.model.max_looks)
    risk = _risk(folder / RISK) if RISK in manifest.files else None
    return SavedSystem(
        path=folder, system=system.to(device).train(False), manifest=manifest, budgets=budgets, risk=risk
    )


def _write_calibration(folder: Path, budgets: BudgetTable | None, risk: RiskPoint | None) -> None:
    if budgets is not None:
        write_json(folder / BUDGETS, budgets.to_dict())
    if risk is not None:
        write_json(folder / RISK, to_plain(risk))


def _risk(path: Path) -> RiskPoint:
    try:
        return from_plain(RiskPoint, json.loads(path.read_bytes()), where=str(path))
    except (ValueError, UsageError) as error:
        raise ModelFolderError(f"{path}: {error}; run `foveate calibrate --risk` again") from error


def find_folder(path: Place) -> Path:
    """The model folder at a path: itself, or ``model/`` inside a run folder. A shipped model may be named instead."""
    path = Path(path)
    put_back(path)
    if not path.exists() and str(path) in shipped():
        return shipped()[str(path)]
    for folder in (path, path / "model", path.parent if path.name == MANIFEST else path):
        if (folder / MANIFEST).is_file():
            return folder
    if not path.exists():
        known = f", or name a shipped model: {', '.join(shipped())}" if shipped() else ""
        raise ModelFolderError(f"{path}: there is no such folder.{suggest(str(path), shipped())} {_GIVE}{known}")
    if (path / "model").is_dir() or any((path / name).exists() for name in WEIGHTS.values()):
        raise ModelFolderError(f"{path}: {MANIFEST} is missing; {_AGAIN}")
    raise ModelFolderError(f"{path}: is not a model folder (it has no {MANIFEST}). {_GIVE}")


def shipped() -> dict[str, Path]:
    """Folders of the models that come with foveate, by name."""
    return {folder.name: folder for folder in sorted(SHIPPED.glob("*")) if (folder / MANIFEST).is_file()}


def read_manifest(path: Place) -> Manifest:
    """``foveate.json`` of a model or run folder, checked and brought to the present format."""
    folder = find_folder(path)
    try:
        values = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelFolderError(f"{folder / MANIFEST}: cannot be read ({error}); {_AGAIN}") from error
    version = values.get("format") if isinstance(values, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ModelFolderError(f"{folder / MANIFEST}: has no format number; {_AGAIN}")
    if version > FORMAT_VERSION:
        raise ModelFolderError(
            f"{folder}: made by a newer foveate: format {version}; this one reads up to {FORMAT_VERSION}; "
            "upgrade foveate"
        )
    for older in range(version, FORMAT_VERSION):
        if older not in MIGRATIONS:
            raise ModelFolderError(f"{folder}: has format {version}, which is no longer read; {_AGAIN}")
        values = {**MIGRATIONS[older](values), "format": older + 1}
    return _checked(values, folder)


def label_names(system: System) -> tuple[str, ...]:
    """Names of what the task tells apart or looks for."""
    config = system.spec.task.config
    return tuple(str(name) for name in config.get("class_names", config.get("target_names", ())))


_AGAIN = "copy the model folder again from where it was made, or make it anew"
_GIVE = "Give the folder that `foveate train` or `foveate import` printed, or a run folder that holds `model/`"


def _replaceable(path: Path) -> Path:
    if path.is_dir() and any(path.iterdir()) and not (path / MANIFEST).is_file():
        raise OutputError(
            "is a folder with other things in it, which a model folder would replace: choose another place", path=path
        )
    if path.exists() and not path.is_dir():
        raise OutputError("is a file; a model is saved as a folder: choose another name", path=path)
    return path


def _finish(folder: Path, manifest: Manifest, budgets: BudgetTable | None, card: str | None, *, name: str) -> None:
    """The card, and last the manifest with every file's hash; a card of somebody's own stays, and has none."""
    is_ours = card is None and _is_generated(folder / CARD, manifest)
    if card is not None or is_ours:
        risk = _risk(folder / RISK) if (folder / RISK).is_file() else None
        made = model_card(asdict(manifest), budgets, risk, name=name)
        write_text(folder / CARD, made if card is None else card)
    names = [*WEIGHTS.values(), BUDGETS, RISK, *([CARD] if is_ours else ())]
    files = {name: _sha256(folder / name) for name in names if (folder / name).is_file()}
    write_json(folder / MANIFEST, asdict(replace(manifest, files=files)))


def _is_generated(card: Path, manifest: Manifest) -> bool:
    """Whether nobody wrote into the card, so that it may be made again."""
    return not card.exists() or _sha256(card) == manifest.files.get(CARD)


def _checked(values: dict[str, Any], folder: Path) -> Manifest:
    known = [f.name for f in fields(Manifest)]
    if unknown := sorted(set(values) - set(known)):
        raise ModelFolderError(f"{folder / MANIFEST}: unknown entries {', '.join(unknown)}; {_AGAIN}")
    if missing := [name for name in known if name not in values]:
        raise ModelFolderError(f"{folder / MANIFEST}: lacks {', '.join(missing)}; {_AGAIN}")
    if values["contract"] != CONTRACT_VERSION:
        raise ModelFolderError(
            f"{folder}: made for version {values['contract']} of foveate's contract, by foveate {values['foveate']}; "
            f"this one, {foveate.__version__}, has version {CONTRACT_VERSION}: install that one, or train anew"
        )
    kinds = {"system": dict, "provenance": dict, "metrics": dict, "files": dict, "labels": list}
    if wrong := [name for name, kind in kinds.items() if not isinstance(values[name], kind)]:
        raise ModelFolderError(f"{folder / MANIFEST}: {', '.join(wrong)} have the wrong form; {_AGAIN}")
    if strange := sorted(set(values["files"]) - {*WEIGHTS.values(), BUDGETS, RISK, CARD}):
        raise ModelFolderError(f"{folder / MANIFEST}: lists files that no model has: {', '.join(strange)}; {_AGAIN}")
    return Manifest(**{**values, "labels": tuple(values["labels"])})


def _check_file(folder: Path, name: str, digest: str) -> None:
    if name in MAY_CHANGE:
        return
    file = folder / name
    if not file.is_file():
        raise ModelFolderError(f"{file}: is missing; {_AGAIN}")
    if _sha256(file) != digest:
        raise ModelFolderError(f"{file}: was altered or cut off after it was saved (its sha256 differs); {_AGAIN}")


def _build(folder: Path, manifest: Manifest) -> System:
    try:
        return build(SystemSpec.from_plain(manifest.system))
    except UsageError as error:
        raise ModelFolderError(
            f"{folder / MANIFEST}: {error}. If a package of yours registers this part, import it before loading"
        ) from error
    except FoveateError:
        raise
    except Exception as error:
        raise ModelFolderError(
            f"{folder / MANIFEST}: describes no system that can be built ({error}); {_AGAIN}"
        ) from error


def _check_room(folder: Path, budgets: BudgetTable, most: int | None) -> None:
    """Thresholds for more looks than the model has room for are those of another one."""
    longest = max(budgets.extremes("looks", rule=rule)[1].amount for rule in budgets.rules)
    if most is not None and longest > most:
        raise ModelFolderError(
            f"{folder}: {BUDGETS} is for {longest:g} looks, and the model of {MANIFEST} has room for {most}: one of "
            f"the two was altered after it was saved; {_AGAIN}"
        )


def _load_weights(module: torch.nn.Module, file: Path) -> None:
    try:
        module.load_state_dict(load_file(file), strict=True)
    except SafetensorError as error:
        raise ModelFolderError(f"{file}: is damaged or cut off ({error}); {_AGAIN}") from error
    except RuntimeError as error:  # torch lists the keys that are missing, unknown or of another shape
        raise ModelFolderError(
            f"{file}: does not fit the model that {MANIFEST} describes; {_AGAIN}. {error}"
        ) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
