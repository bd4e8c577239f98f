"""What `foveate train` does after training: calibrate, measure beside controls, save."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from foveate.atomic import write_json
from foveate.cli.measure import Row, calibration_warning, row_of
from foveate.cli.output import note
from foveate.episode import Player
from foveate.evaluation.controls import control
from foveate.evaluation.interval import half_width
from foveate.evaluation.record import record
from foveate.evaluation.rules import rules_for
from foveate.evaluation.run import evaluate
from foveate.model_folder import save, update
from foveate.plain import plain
from foveate.policies import POLICIES
from foveate.rollout import rollout
from foveate.scenes.memory import ArrayScenes
from foveate.stopping.budgets import BudgetTable
from foveate.stopping.stopper import Stopper
from foveate.tasks import TASKS
from foveate.training.static import StaticResult, train_static
from foveate.words import counted

if TYPE_CHECKING:
    from foveate.recipes.recipe import Recipe
    from foveate.system import System
    from foveate.training.trainer import TrainResult

STEPS = 2.0  # of a policy, that the suggested budget is for
STATIC_SHARE = 0.25  # of the training's seconds: a small net on thumbnails takes many more steps in them


def finish(
    recipe: Recipe, system: System, result: TrainResult, folder: Path, *, device: str, max_scenes: int
) -> dict[str, Any]:
    """Everything after training; returns what is printed and written to results.json."""
    num_looks = recipe.train.num_looks
    note(f"calibrating stop thresholds on {counted(min(max_scenes, len(recipe.calibration)), 'held-out scene')}")
    budgets = calibrated(system, recipe.calibration, num_looks=num_looks, num_scenes=max_scenes)
    # Kept from here on, whatever becomes of the comparison: training is what takes long.
    save(system, folder / "model", provenance=provenance(recipe, result), budgets=budgets)
    asked = min(max_scenes, len(recipe.test))
    note(f"measuring on {counted(asked, 'test scene')}, beside the same weights with random looks")
    budget = f"{min(STEPS * system.policy.noise_shape[0], num_looks / 2):g} looks"
    rows = measured(recipe, system, budgets.stopper(budget), num_scenes=asked, budget=budget)
    count = rows[0].num_scenes  # without the broken files
    static = opponent(recipe, system, seconds=STATIC_SHARE * result.seconds, num_scenes=asked, device=device)
    if static is not None:
        rows.append(
            Row(
                name=f"plain net on {static.input_px[0]} x {static.input_px[1]} px",
                num_scenes=count, accuracy=static.accuracy, half_width=half_width(static.accuracy, count), looks=None,
                macs=static.macs, sensed_px=static.input_px[0] * static.input_px[1],
                seconds_per_scene=static.seconds_per_scene,
            )
        )  # fmt: skip
    results = {
        "recipe": recipe.name,
        "settings": recipe.settings,
        "metric": system.task.primary_metric,
        "num_scenes": count,
        "rows": rows,
        "static": static,
        "steps": result.steps,
        "kept_step": result.kept_step,
        "train_s": result.seconds,
        "suggested_budget": budget,
        "suggested_command": TASKS.facts(system.spec.task.name).get("command", "look"),
        "remarks": [*remarks(recipe, count, result, static), *filter(None, [calibration_warning(budgets)])],
    }
    told = {row.name: {"accuracy": row.accuracy, "looks": row.looks, "macs": row.macs} for row in rows}
    update(folder / "model", budgets=budgets, metrics=told)  # with the budgets, the card is written again
    write_json(folder / "results.json", plain(results))
    return results


def calibrated(
    system: System, source: Any, *, num_looks: int, num_scenes: int, rules: Sequence[str] | None = None
) -> BudgetTable:
    """Budgets of the given rules (the first is the default), or of every one that this system can follow."""
    traces = record(system, source, num_scenes=min(num_scenes, len(source)), num_looks=num_looks, batch_size=32)
    return BudgetTable.build(traces, rules=rules or rules_for(system))


def measured(recipe: Recipe, system: System, stop: Stopper, *, num_scenes: int, budget: str) -> list[Row]:
    """Full length, the budget, the glance alone, and random looks with the same weights and length."""
    looks = recipe.train.num_looks
    random, explore = control("random", system)

    def run(name: str, **options: Any) -> Row:
        chosen = {"max_looks": looks, **options}
        result = evaluate(system, recipe.test, num_scenes=num_scenes, batch_size=32, **chosen)
        return row_of(name, result, metric=system.task.primary_metric)

    own = system.spec.policy.name
    whose = "learned" if POLICIES.facts(own)["learned"] else f"the model's {own}"
    return [
        run(f"{whose} looks, all {looks}"),
        run(f"{whose} looks, budget {budget}", stop=stop),
        run(f"random looks, all {looks}", policy=random, explore=explore),
        run(without_looks(system), max_looks=0),
    ]


def without_looks(system: System) -> str:
    """What the row without looks is called."""
    return "glance only" if system.model.opening == "glance" else "nothing seen"


def opponent(recipe: Recipe, system: System, *, seconds: float, num_scenes: int, device: str) -> StaticResult | None:
    """A plain net that sees what the glance sees, or as much as one look where there is none. None for a task whose
    predictions are neither classes nor places, which are all that it can give."""
    model, answer = system.model, blind_prediction(system)
    if getattr(answer, "ndim", None) not in (2, 4):
        return None
    note(f"training a plain net on glance-sized thumbnails for {seconds:.0f} s ({STATIC_SHARE:.0%} of the time)")
    return train_static(
        recipe.source,
        recipe.test,
        system.task,
        num_outputs=system.task.num_outputs,
        input_px=model.glimpse_size_px(0 if model.opening == "glance" else 1),
        places=tuple(answer.shape[2:]) or None,
        seconds=seconds,
        batch_size=min(recipe.train.batch_size, 64),
        seed=recipe.train.seed,
        test_scenes=num_scenes,
        device=device,
    )


@torch.inference_mode()
def blind_prediction(system: System) -> Any:
    """The prediction of one black scene without a look, for its shape."""
    model = system.model
    black = np.full((1, model.num_bands, 64, 64), model.value_range[0], np.float32)
    player = Player(model=model, policy=system.policy, max_looks=0)
    return rollout(ArrayScenes(black, value_range=model.value_range), player).prediction


def remarks(recipe: Recipe, count: int, result: TrainResult, static: StaticResult | None) -> list[str]:
    """What a reader must know to judge the table."""
    lines = [
        f"measured on {counted(count, 'scene')} that were neither trained nor calibrated on; ± is the 95 % interval of "
        "so many",
        f"trained {result.seconds:.0f} s ({result.steps} steps); "
        + (
            "no plain net stands beside it: it gives classes or places, and this task asks for neither"
            if static is None
            else f"the plain net {static.train_s:.0f} s ({static.steps} steps)"
        ),
    ]
    if recipe.train.keep == "best":
        lines.append(
            f"kept the weights of step {result.kept_step}, the best of the tests while training, on "
            f"{min(recipe.train.eval_scenes, len(recipe.calibration))} of the scenes that calibration uses"
        )
    lines += recipe.remarks
    majority = getattr(recipe, "majority", None)
    return lines if majority is None else [*lines, f"always answering the most frequent class gets {majority:.1%}"]


def provenance(recipe: Recipe, result: TrainResult) -> dict[str, Any]:
    return {
        "command": shlex.join(["foveate", *sys.argv[1:]]),
        "recipe": recipe.name,
        **({"settings": recipe.settings} if recipe.settings else {}),
        **recipe.provenance,
        "seed": recipe.train.seed,
        "data": recipe.source.fingerprint,
        "calibration_data": recipe.calibration.fingerprint,
        "test_data": recipe.test.fingerprint,
        "train_scenes": len(recipe.source),
        "steps": result.steps,
        "kept": f"{recipe.train.keep} weights, of step {result.kept_step}",
        "train_s": result.seconds,
        "looks": recipe.train.num_looks,
    }
