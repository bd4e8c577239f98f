"""A trained model trained further on a folder of labelled pictures, with a new answer where the classes are others.

Everything else goes on: the weights, where it looks and what it expects of looking, the sizes of what it sees, and its
preprocessing. Pictures keep their own size, as `foveate look` reads them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from foveate.compatible import check_compatible
from foveate.episode import Player
from foveate.errors import IncompatibleError, UsageError, suggest
from foveate.model_folder import WEIGHTS, SavedSystem, load_system
from foveate.recipes.folder_parts import FolderParts, find_parts
from foveate.recipes.picture_folder import FolderRecipe, folder_training
from foveate.recipes.recipe import check_counts
from foveate.recipes.transfer import Names, Weights, for_classes, head_of, take_over, weights_of
from foveate.scenes.folders import SHOWN
from foveate.scenes.pictures import PictureScenes
from foveate.system import PartSpec, System
from foveate.tasks import TASKS
from foveate.training.config import TrainConfig

LR = 2e-4  # a tenth of what a folder is learned with from scratch
WARMUP_FRAC = 0.05
AGENT_WAITS_FRAC = 0.2  # rewards mean nothing until a new answer has learned to answer
FREEZABLE = ("backbone", "agent")


@dataclass(frozen=True, kw_only=True)
class FinetuneRecipe(FolderRecipe):
    """A run on a folder that begins with trained weights."""

    weights: Weights = field(repr=False)
    """To begin with; what is not here starts anew."""
    head: Names
    """Of the weights whose shape depends on the number of answers."""
    origin: Mapping[str, Any]
    """What it starts from, in plain values."""
    frozen: str | None
    """One of ``FREEZABLE``, or None."""

    @property
    def new_weights(self) -> tuple[str, ...]:
        """Names of the weights that start anew; ``policy.*`` for all of a part."""
        heads = {part: self.head[part] for part in self.weights}
        anew = [f"{part}.*" for part in self.head if part not in self.weights]
        return (*anew, *(f"{p}.{name}" for p, names in heads.items() for name in names if name not in self.weights[p]))

    @property
    def provenance(self) -> Mapping[str, Any]:
        return {"finetuned_from": {**self.origin, "new_weights": self.new_weights, "frozen": self.frozen}}

    def build(self) -> System:
        """The trained weights in their places; of a frozen backbone, all of the model but its head is fixed."""
        system = super().build()
        take_over(system, self.weights, head=self.head)
        if self.frozen == "backbone":
            for name, weight in system.model.named_parameters():
                weight.requires_grad_(name in self.head["model"])
        return system

    def with_policy(self, name: str, **config: Any) -> Self:
        """The same run with another policy, which starts anew; with the model's own, the same run."""
        if name == self.system.policy.name and not config:
            return self
        if self.frozen == "agent":
            raise UsageError(
                f"the policy {name!r} would start anew and never learn, as the agent is frozen: leave out one"
            )
        weights = {part: given for part, given in self.weights.items() if part != "policy"}
        notes = (*self.notes, f"policy     {name}, which starts anew")
        return replace(super().with_policy(name, **config), weights=weights, notes=notes)


def finetune(
    path: str | os.PathLike[str],
    *,
    start: str | os.PathLike[str],
    minutes: float | None = None,
    steps: int | None = None,
    looks: int | None = None,
    seed: int = 0,
    flip: bool = False,
    freeze: str | None = None,
    lr: float = LR,
    batch_size: int | None = None,
    processes: int = 1,
) -> FinetuneRecipe:
    """Train the model of the folder ``start`` (or of a run folder, or a shipped one by name) further on the pictures of
    ``path``.

    With the model's own classes in its own order all weights are kept; else those of its head start anew. ``freeze``:
    "backbone" trains the head and the agent only, "agent" leaves policy and critic as they are. ``looks``: of an
    episode; as the model was trained when None. ``lr``: peak learning rate of all. Others as
    :func:`foveate.recipes.picture_folder.picture_folder`.

    Raises ModelFolderError for what is no model folder, IncompatibleError for a model that cannot learn from labelled
    colour pictures, DataError for a folder that cannot be learned from.
    """
    _check_freeze(freeze)
    check_counts(batch_size=batch_size)
    saved = load_system(start)
    _check_task(saved)
    parts = find_parts(path, seed=seed)
    _check_pictures(saved, parts)
    class_names, head = parts.folder.class_names, {"critic": (), **head_of(saved.system)}
    is_same = class_names == saved.manifest.labels
    spec = saved.system.spec if is_same else for_classes(saved.system, class_names)
    sources, batch = parts.sources(flip=flip), batch_size or parts.batch_size(processes)
    training = folder_training(minutes=minutes, steps=steps, looks=saved.looks_of(looks), seed=seed, batch_size=batch)
    recipe = FinetuneRecipe(
        name="finetune",
        system=spec if spec.critic else replace(spec, critic=PartSpec(name="spatial_value")),  # of an imported model
        train=_gently(training, lr=lr, agent_waits_frac=_agent_waits_frac(freeze, is_same=is_same)),
        source=sources["train"],
        calibration=sources["calibrate"],
        test=sources["test"],
        majority=parts.majority,
        notes=(),
        weights=weights_of(saved.system, without={} if is_same else head),
        head=head,
        origin=_origin(saved),
        frozen=freeze,
    )
    return replace(recipe, notes=(*parts.found(), *_notes(saved, recipe, parts), *parts.doubts()))


def _check_freeze(freeze: str | None) -> None:
    if freeze is not None and freeze not in FREEZABLE:
        raise UsageError(f"freeze is {freeze!r}.{suggest(freeze, FREEZABLE)} Allowed: {', '.join(FREEZABLE)}")


def _check_task(saved: SavedSystem) -> None:
    task = saved.system.spec.task.name
    if not TASKS.facts(task).get("learns_from_labels"):
        able = ", ".join(name for name in TASKS if TASKS.facts(name).get("learns_from_labels"))
        raise IncompatibleError(
            f"{saved.path}: its task is {task!r}, and a folder of labelled pictures teaches only {able}: start from a "
            "model of such a task"
        )


def _check_pictures(saved: SavedSystem, parts: FolderParts) -> None:
    """Bands, range of the pixels and parts, before anything is trained: of one picture, as all are read alike."""
    system = saved.system
    player = Player(model=system.model, policy=system.policy, critic=system.critic, max_looks=1)
    try:
        check_compatible(PictureScenes(parts.folder.paths[:1]), player)
    except IncompatibleError as error:
        raise IncompatibleError(
            f"{saved.path} cannot learn from {parts.folder.root}: {error}; or start from another model"
        ) from error


def _agent_waits_frac(freeze: str | None, *, is_same: bool) -> float:
    """Share of the training before the agent's first update, for the classes of before or for others."""
    if freeze == "agent":
        return 1.0
    return 0.0 if is_same else AGENT_WAITS_FRAC


def _gently(base: TrainConfig, *, lr: float, agent_waits_frac: float) -> TrainConfig:
    """As from scratch, but gently: what is there was learned at greater cost than this run has."""
    ppo = replace(base.ppo, lr=lr)
    return replace(base, lr=lr, ppo=ppo, warmup_frac=WARMUP_FRAC, agent_warmup_frac=agent_waits_frac)


def _origin(saved: SavedSystem) -> dict[str, Any]:
    files = saved.manifest.files
    return {
        "folder": str(saved.path),
        "sha256": {file: files[file] for file in WEIGHTS.values() if file in files},
        "data": saved.manifest.provenance.get("data"),
        "seed": saved.manifest.provenance.get("seed"),
    }


def _notes(saved: SavedSystem, recipe: FinetuneRecipe, parts: FolderParts) -> list[str]:
    old, anew = saved.manifest.labels, recipe.new_weights
    named = ", ".join(old[:SHOWN]) + (", ..." if len(old) > SHOWN else "")
    focus_px = saved.system.model.glimpse_size_px(1)
    small = int((parts.sizes_px < focus_px).any(axis=1).sum())
    lines = [
        f"from       {saved.path}, {saved.system.spec.model.name}, which tells {len(old)} classes apart ({named})",
        f"new        {', '.join(anew) or 'nothing: the classes are the same'}; "
        f"{'nothing' if recipe.frozen is None else f'the {recipe.frozen}'} is frozen; "
        f"{recipe.train.batch_size} pictures per step",
    ]
    if small:
        lines.append(f"beware     {small} pictures are smaller than a fixation of {focus_px[0]} x {focus_px[1]} px")
    if recipe.origin["seed"] not in (None, recipe.train.seed):
        lines.append(
            f"beware     {saved.path} was trained with seed {recipe.origin['seed']}: if on these pictures, train with "
            "the same seed, or some that it knows are tested on"
        )
    return lines
