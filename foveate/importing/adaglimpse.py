"""AdaGlimpse's checkpoints as systems of ours: a Lightning ``.ckpt`` with backbone, actor and critics.

A file holds the actor three times and the critics four times; see :mod:`.adaglimpse_keys`. The system gets no critic:
theirs judge actions, and a value of the state, which the stop rule asks for, was never trained.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from foveate.config import to_plain
from foveate.errors import ModelFolderError, UsageError
from foveate.importing.adaglimpse_config import PaperConfigs, configs_of
from foveate.importing.adaglimpse_weights import EXPECTED_ERROR, Converted, convert, left_out_of, short_names
from foveate.importing.fitting import Imported
from foveate.importing.reading import plain_settings, read_file, sha256
from foveate.system import PartSpec, System, SystemSpec, build

UNTAUGHT = (
    f"{EXPECTED_ERROR}: set to zero, which foretells the largest error everywhere; so certainty is 0 of every picture, "
    "and to stop by it is to stop by chance, until training teaches it"
)


def import_system(path: str | Path, *, class_names: Iterable[str] | None = None) -> Imported:
    """Read a ``.ckpt`` of the paper's code; raises :class:`ModelFolderError` naming every key that does not fit.

    Classes are called by their numbers if not named."""
    path = Path(path)
    content = read_file(path, give="Give the .ckpt file that the paper's code saves.")
    settings = plain_settings(content.get("hyper_parameters"))
    try:
        weights = short_names(content.get("state_dict"))
        configs = configs_of({name: tuple(w.shape) for name, w in weights.items()}, settings)
        converted = convert(weights, configs)
    except ModelFolderError as error:
        raise ModelFolderError(f"{path}: {error}") from None
    left_out = left_out_of(weights, configs)
    provenance = {
        "format": "AdaGlimpse (apardyl), Lightning checkpoint",
        "file": path.name,
        "sha256": sha256(path),
        "scene_px": list(configs.model.canvas_px),
        **plain_settings({name: content.get(name) for name in ("epoch", "pytorch-lightning_version")}),
        **({"untaught": UNTAUGHT} if configs.task == "reconstruction" else {}),
        "left_out": left_out,
        "settings": settings,
    }
    system = to_system(converted, configs, class_names=class_names)
    return Imported(system=system, provenance=provenance, left_out=left_out)


def to_system(converted: Converted, configs: PaperConfigs, *, class_names: Iterable[str] | None = None) -> System:
    """Model and policy with the imported weights, ready to save."""
    spec = SystemSpec(
        model=PartSpec(name="elastic_tokens", config=to_plain(configs.model)),
        policy=PartSpec(name="squashed_gaussian", config=configs.policy_settings),
        task=PartSpec(name=configs.task, config=_task_config(configs, class_names)),
    )
    system = build(spec)
    system.model.load_state_dict(converted.model, strict=True)
    system.policy.load_state_dict(converted.policy, strict=True)
    return system.train(False)


def _task_config(configs: PaperConfigs, class_names: Iterable[str] | None) -> dict[str, Any]:
    if configs.task == "reconstruction":
        if class_names is not None:
            raise UsageError("class names were given; this checkpoint answers with pixels: leave them out")
        return {"value_range": configs.model.value_range}
    count = configs.model.num_outputs
    names = [str(i) for i in range(count)] if class_names is None else list(class_names)
    if len(names) != count:
        raise UsageError(f"{len(names)} class names were given; this checkpoint tells {count} classes apart")
    return {"class_names": names}
