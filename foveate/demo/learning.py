"""Trainings of the demonstration: ours on every core, then the controls side by side, one core each."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress

from foveate.atomic import make_folder
from foveate.model_folder import load_system, save
from foveate.recipes.recipe import Recipe
from foveate.recipes.visual_search import visual_search
from foveate.system import System
from foveate.training.trainer import Trainer, TrainResult

POLL_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Learned:
    """A trained system and how it got there."""

    system: System
    result: TrainResult


@dataclass(frozen=True, kw_only=True)
class Control:
    """The same training under another policy. Plain values: it travels to another process."""

    title: str
    policy: str
    options: Mapping[str, Any] = field(default_factory=dict)
    steps: int
    seed: int

    def recipe(self) -> Recipe:
        recipe = visual_search(steps=self.steps, seed=self.seed).with_policy(self.policy, **self.options)
        return recipe.with_train(eval_every=self.steps)


def learn(recipe: Recipe, *, title: str, console: Console | None, folder: Path | None = None) -> Learned:
    """Train a recipe from scratch. KeyboardInterrupt after Ctrl-C."""
    torch.manual_seed(recipe.train.seed)
    system = recipe.build()
    trainer = Trainer(
        system, recipe.source, recipe.train, held_out=recipe.calibration, folder=folder, console=console, title=title
    )
    result = trainer.run()
    if not result.finished:
        raise KeyboardInterrupt
    return Learned(system=system, result=result)


def learn_side_by_side(controls: Mapping[str, Control], console: Console | None) -> dict[str, Learned]:
    """Train each control in its own process on one thread: nets this small gain little from a second."""
    with tempfile.TemporaryDirectory(prefix="foveate-demo-") as place:
        folders = {name: make_folder(Path(place) / name) for name in controls}
        pool = ProcessPoolExecutor(len(controls), mp_context=get_context("spawn"))
        try:
            futures = {name: pool.submit(_learn_apart, one, folders[name]) for name, one in controls.items()}
            _watch(controls, folders, futures, console)
            results = {name: future.result() for name, future in futures.items()}
        finally:
            pool.shutdown(cancel_futures=True)
        return {
            name: Learned(system=load_system(folders[name] / "model").system, result=results[name]) for name in controls
        }


def _learn_apart(control: Control, folder: Path) -> TrainResult:
    torch.set_num_threads(1)
    learned = learn(control.recipe(), title=control.title, console=None, folder=folder)
    save(learned.system, folder / "model", provenance={"command": "foveate demo", "seed": control.seed})
    return learned.result


def _watch(
    controls: Mapping[str, Control],
    folders: Mapping[str, Path],
    futures: Mapping[str, Future[TrainResult]],
    console: Console | None,
) -> None:
    """One bar per process, moved by what each writes down, until all have ended."""
    with Progress(console=console, disable=console is None, refresh_per_second=2) as bars:
        tasks = {name: bars.add_task(one.title, total=one.steps) for name, one in controls.items()}
        while wait(futures.values(), timeout=POLL_S).not_done:
            for name, task in tasks.items():
                bars.update(task, completed=_steps_done(folders[name]))
        for name, task in tasks.items():
            bars.update(task, completed=_steps_done(folders[name]))


def _steps_done(folder: Path) -> int:
    metrics = folder / "metrics.jsonl"
    lines = metrics.read_text().split("\n")[:-1] if metrics.exists() else []  # after the last line's end: half a line
    return int(json.loads(lines[-1])["step"]) if lines else 0
