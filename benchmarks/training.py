"""Trainings that cells share: each is done once, resumed when it was interrupted, and kept as a model folder."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.harness import Context, NotHereError, key_of, versions
from foveate.atomic import make_folder, write_json
from foveate.model_folder import SavedSystem, load_system, save, shipped
from foveate.recipes import RECIPES
from foveate.recipes.recipe import Recipe
from foveate.system import PartSpec, System
from foveate.training.sources import ComposedSource
from foveate.training.trainer import Trainer

ENDLESS = 1_000_000  # steps of a training that is bounded by time


@dataclass(frozen=True, kw_only=True)
class Training:
    """A recipe, changed. Bounded by ``seconds``, by ``steps``, or by the steps that another training made."""

    recipe: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the recipe."""
    policy: str | None = None
    policy_options: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    """Changed settings of the model."""
    seed: int
    seconds: float | None = None
    steps: int | None = None
    same_steps_as: Training | None = None

    def plain(self) -> dict[str, Any]:
        return asdict(self)

    def folder(self, context: Context) -> Path:
        return context.cache / "trained" / key_of(self.plain(), context.threads)

    def expected_minutes(self, context: Context) -> float:
        """Nothing where it is done already."""
        if (self.folder(context) / "done.json").exists():
            return 0.0
        other = self.same_steps_as
        if other is not None:
            return other.expected_minutes(context) + 1.2 * (other.seconds or 60.0) / 60
        return 1.1 * (self.seconds or 60.0) / 60

    def made(self) -> Recipe:
        """The recipe with the changes; its length is set when it is trained."""
        recipe: Recipe = RECIPES.get(self.recipe)(seed=self.seed, **self.options)
        if self.model:
            spec = recipe.system.model
            changed = PartSpec(name=spec.name, config={**spec.config, **self.model})
            recipe = replace(recipe, system=replace(recipe.system, model=changed))
        return recipe.with_policy(self.policy, **self.policy_options) if self.policy else recipe


@dataclass(frozen=True, kw_only=True)
class Learned:
    """A trained system and how it got there."""

    system: System
    recipe: Recipe
    steps: int
    seconds: float
    metrics: list[dict[str, float]]

    @property
    def curve(self) -> list[tuple[float, float]]:
        """(seconds, primary metric) on the trainer's small held-out probe."""
        return [(row["time/elapsed_s"], row["eval/metric"]) for row in self.metrics if "eval/metric" in row]


def learned(training: Training, context: Context) -> Learned:
    """The training's result, from the cache or made now. KeyboardInterrupt after Ctrl-C, with a checkpoint kept."""
    with _nobody_else(training.folder(context)):
        return _learned(training, context)


@contextmanager
def _nobody_else(folder: Path) -> Iterator[None]:
    """Cells that run at the same time may need the same training: one makes it, the other waits."""
    with (make_folder(folder) / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _learned(training: Training, context: Context) -> Learned:
    folder, recipe = training.folder(context), training.made()
    done = folder / "done.json"
    if done.exists():
        facts = json.loads(done.read_bytes())
        return Learned(system=load_system(folder / "model").system, recipe=recipe, **facts)
    steps = training.steps
    if training.same_steps_as is not None:
        steps = learned(training.same_steps_as, context).steps
    recipe = recipe.with_train(steps=steps or ENDLESS, seconds=training.seconds)
    context.log(f"      training {training.recipe} {recipe.system.policy.name}, seed {training.seed}, "
                f"{f'{training.seconds:.0f} s' if training.seconds else f'{steps} steps'}")  # fmt: skip
    torch.manual_seed(training.seed)
    system = recipe.build()
    run_folder = make_folder(folder / "run")
    result = Trainer(system, recipe.source, recipe.train, held_out=recipe.calibration, folder=run_folder).run(
        resume=True
    )
    if not result.finished:
        raise KeyboardInterrupt
    save(system, folder / "model", provenance={"training": training.plain(), **versions(context.threads)})
    facts = {"steps": result.steps, "seconds": result.seconds, "metrics": result.metrics}
    write_json(done, facts)
    return Learned(system=system, recipe=recipe, **facts)


def needed(name: str) -> SavedSystem:
    """A model that comes with the package. Raises NotHereError."""
    if name not in shipped():
        raise NotHereError(f"the model {name!r} is not shipped with this version")
    return load_system(name)


def fresh_scenes(source: Any, number: int) -> ComposedSource:
    """Test scenes that share none with those of another number; the recipe's own are number 0."""
    return ComposedSource(source.composed, source.target_of, stream=source.stream + number)


class Remembered:
    """A source that keeps its batches, for playing the same scenes several times."""

    def __init__(self, source: Any) -> None:
        self.source, self._batches = source, {}  # type: ignore[var-annotated]

    def __len__(self) -> int:
        return len(self.source)

    @property
    def fingerprint(self) -> str:
        return str(self.source.fingerprint)

    def batch(self, indices: np.ndarray[Any, Any], epoch_seed: int) -> Any:
        key = (indices.tobytes(), epoch_seed)
        if key not in self._batches:
            self._batches[key] = self.source.batch(indices, epoch_seed)
        return self._batches[key]
