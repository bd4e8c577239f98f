"""AdaGlimpse's tasks, made small: looks that were learned against fixed and random ones of the same number of pixels,
with the same reader; and what stopping early saves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch

from benchmarks.effort import Effort
from benchmarks.harness import Benchmark, Cell, Context, Results, Values
from benchmarks.plots import Line, line_plot
from benchmarks.tables import NOT_RUN, Table, at_least, at_most, differences, numbers, percent, points, spread
from benchmarks.timing import ratio, take_turns
from benchmarks.training import Learned, Training, learned
from foveate.episode import Player
from foveate.evaluation.record import batches, record
from foveate.evaluation.report_data import Check
from foveate.evaluation.run import evaluate, metrics_by_looks
from foveate.geometry.viewpoint import whole_scene
from foveate.noise import Noise
from foveate.rollout import rollout
from foveate.stopping.budgets import BudgetTable
from foveate.stopping.stopper import Stopper
from foveate.system import fresh_policy

TASKS = ("reconstruction", "classification", "segmentation")
CONTROLS = ("random", "raster", "coarse_to_fine")
RULES = ("value", "confidence", "entropy", "margin")
MAY_LOSE = 0.01
SMALLER_RMSE = {"random": 0.15, "control": 0.05}
MORE_POINTS = {"random": 0.10, "coarse_to_fine": 0.05}
BATCH = 32
# With the trainings, as these are bounded by steps.
MINUTES = {"reconstruction": 7.0, "classification": 8.0, "segmentation": 16.0}


def tiny(effort: Effort, task: str, seed: int, *, steps: int | None = None, **options: Any) -> Training:
    """The small recipe, for as many steps as it says or ``steps``; "random" learns no looks."""
    policy = {}
    if options.get("learner") == "random":
        policy = {"policy": options.pop("learner")}
    if asked := effort.steps or steps:
        options["steps"] = asked
    made = Training(recipe=f"tiny_{task}", options=options, seed=seed, **policy)
    return replace(made, steps=made.made().train.steps)


def benchmarks(effort: Effort) -> list[Benchmark]:
    return [
        Benchmark(name="glimpses", title="Where to look, and how closely", cells=_task_cells(effort), run=_run_task,
                  tables=_task_tables, figures=_figures),
    ]  # fmt: skip


# -- cells -------------------------------------------------------------------------------------------------------------


def _task_cells(effort: Effort) -> list[Cell]:
    return [
        cell_of(effort, "glimpses", task, tiny(effort, task, seed), minutes=MINUTES[task], priority=6)
        for task in TASKS
        for seed in effort.seeds
    ]


def cell_of(effort: Effort, benchmark: str, variant: str, *trainings: Training, minutes: float, priority: int) -> Cell:
    config = {
        "training": trainings[-1].plain(), "scenes": effort.glimpse_scenes, "calibration_scenes": effort.glimpse_scenes,
        "repeats": effort.repeats,
    }  # fmt: skip
    return Cell(benchmark=benchmark, variant=variant, seed=trainings[-1].seed, config=config, minutes=minutes,
                priority=priority, uses=trainings)  # fmt: skip


# -- one cell ----------------------------------------------------------------------------------------------------------


def _run_task(cell: Cell, context: Context) -> Values:
    trained, count = learned(cell.uses[0], context), cell.config["scenes"]
    values: Values = {
        "by_looks": {name: _by_looks(trained, count, name) for name in ("learned", *CONTROLS)},
        "primary": trained.system.task.primary_metric,
        "stop": _stopped(trained, cell),
        "train_s": trained.seconds,
        "steps": trained.steps,
    }  # fmt: skip
    if cell.variant == "reconstruction":
        values["thumbnail_rmse"] = _thumbnail_rmse(trained, count)
    return values


def _by_looks(trained: Learned, count: int, name: str) -> dict[str, list[float]]:
    """Every metric after 0, 1, ... looks, by the same reader, of the learned policy or of a control."""
    system, options = trained.system, {}
    if name != "learned":
        options = {"policy": control_policy(system.model, name), "explore": name == "random"}
    return metrics_by_looks(
        system, trained.recipe.test, num_scenes=count, max_looks=trained.recipe.train.num_looks, batch_size=BATCH,
        **options,
    )  # fmt: skip


def control_policy(model: Any, name: str) -> Any:
    """A control as strong as it can be: coarse to fine does not look at the whole scene again after a glance."""
    options = {"first_level": 2} if name == "coarse_to_fine" and model.opening == "glance" else {}
    return fresh_policy(name, model.observation_shape, **options)


def _sensed_px(trained: Learned) -> int:
    model = trained.system.model
    height, width = model.glimpse_size_px(1)
    return (trained.recipe.train.num_looks + (model.opening == "glance")) * height * width


@torch.inference_mode()
def _thumbnail_rmse(trained: Learned, count: int) -> float:
    """Of the whole scene, shrunk to as many pixels as all looks sense and enlarged again: no net at all."""
    side, found = round(_sensed_px(trained) ** 0.5), []
    for batch in batches(trained.recipe.test, count, BATCH):
        small = batch.scenes.read(whole_scene(len(batch.scenes)), (side, side)).pixels[:, 0]
        size = tuple(batch.target.shape[-2:])
        large = torch.nn.functional.interpolate(torch.as_tensor(small).float(), size=size, mode="bicubic")
        found.append((large.clamp(0, 255) - batch.target.float()).square().mean((1, 2, 3)).sqrt())
    return float(torch.cat(found).mean())


def _stopped(trained: Learned, cell: Cell) -> dict[str, Any]:
    """The best rule on calibration scenes that loses a point there, executed on the others; and its seconds."""
    system, recipe, looks = trained.system, trained.recipe, trained.recipe.train.num_looks
    traces = record(system, recipe.calibration, num_scenes=cell.config["calibration_scenes"], num_looks=looks,
                    batch_size=BATCH, with_ms=False)  # fmt: skip
    table = BudgetTable.build(traces, rules=RULES, units=["looks"])
    budgets = {rule: table.full_score_budget("looks", rule=rule, may_lose=MAY_LOSE).amount for rule in RULES}
    rule = min(budgets, key=lambda name: budgets[name])
    stop = table.stopper(budgets[rule], rule=rule)
    runs = {
        name: evaluate(system, recipe.test, num_scenes=cell.config["scenes"], max_looks=looks, stop=each,
                       batch_size=BATCH)
        for name, each in {"all": None, "stopped": stop}.items()
    }  # fmt: skip
    return {
        "rule": rule,
        "primary": {name: run.primary for name, run in runs.items()},
        "looks": {name: run.mean_looks for name, run in runs.items()},
        "pixels": runs["stopped"].mean_sensed_px / runs["all"].mean_sensed_px,
        "macs": runs["stopped"].mean_macs / runs["all"].mean_macs,
        "seconds": _seconds(trained, stop, cell.config["repeats"]),
    }


@torch.inference_mode()
def _seconds(trained: Learned, stop: Stopper, repeats: int) -> dict[str, float]:
    """Of a batch that stops early, over one that does not; in turns."""
    system, looks = trained.system, trained.recipe.train.num_looks
    scenes = trained.recipe.test.batch(np.arange(BATCH), 0).scenes
    parts = {"model": system.model, "policy": system.policy, "critic": system.critic, "task": system.task}

    def play(stop: Stopper | None) -> Callable[[], Any]:
        player = Player(max_looks=looks, stop=stop, **parts)
        return lambda: rollout(scenes, player, noise=Noise(seed=1, scenes=np.arange(len(scenes))))

    seconds = take_turns({"stopped": play(stop), "all": play(None)}, repeats=repeats)
    return ratio(seconds["stopped"], seconds["all"])


# -- tables ------------------------------------------------------------------------------------------------------------


def _task_tables(results: Results) -> list[Table]:
    return [_reconstruction(results), *(_points(results, task) for task in TASKS[1:]), _stopping(results)]


def _last(values: Sequence[Values], policy: str, metric: str) -> list[float]:
    return numbers(values, lambda one: one["by_looks"][policy][metric][-1])


def _reconstruction(results: Results) -> Table:
    values, planned = results.values("glimpses", "reconstruction"), results.planned("glimpses", "reconstruction")
    rows, rmse = [], {}
    for policy in ("learned", *CONTROLS):
        rmse[policy] = _last(values, policy, "rmse")
        curve = _curve(values, policy, "rmse")
        rows.append([
            policy, spread(rmse[policy], planned=planned),
            spread(_last(values, policy, "rmse_pasted"), planned=planned),
            percent(_last(values, policy, "explained"), planned),
            " / ".join(f"{number:.1f}" for number in curve) or NOT_RUN,
        ])  # fmt: skip
    thumbnail = numbers(values, lambda one: one["thumbnail_rmse"])
    rows.append(["one thumbnail of as many pixels, no net", spread(thumbnail, planned=planned), "", "", ""])
    best = min(CONTROLS, key=lambda name: mean(rmse[name])) if values else "control"
    checks = []
    for against, bar in (("random", SMALLER_RMSE["random"]), (best, SMALLER_RMSE["control"])):
        less = [1 - ours / theirs for ours, theirs in zip(rmse["learned"], rmse.get(against, []), strict=False)]
        checks.append(at_least(f"RMSE below {against.replace('_', ' ')}", less, bar, target=f"≥ {bar:.0%}",
                               measured=percent(less, planned)))  # fmt: skip
    head = ["reconstruction", "RMSE, grey levels", "what was seen pasted in", "variance explained", "RMSE by looks"]
    notes = [_trained(values), "The same model reads all; every look senses as many pixels. Raster reads native tiles."]
    return Table(title="Reconstruction", head=head, rows=rows, checks=checks, notes=notes,
                 figure="glimpses_reconstruction.svg")  # fmt: skip


def _points(results: Results, task: str) -> Table:
    values, planned = results.values("glimpses", task), results.planned("glimpses", task)
    metric = values[0]["primary"] if values else "primary metric"
    found = {policy: _last(values, policy, metric) for policy in ("learned", *CONTROLS)}
    rows = []
    for policy, numbers_ in found.items():
        shares = " / ".join(f"{100 * number:.1f}" for number in _curve(values, policy, metric)) or NOT_RUN
        rows.append([policy, percent(numbers_, planned), shares])
    checks = []
    for against, bar in MORE_POINTS.items():
        gap = differences(found["learned"], found[against])
        checks.append(at_least(f"{task}: above {against.replace('_', ' ')}", gap, bar,
                               target=f"≥ {100 * bar:.0f} points", measured=points(gap, planned)))  # fmt: skip
    head = [task, f"{metric.replace('_', ' ')}, all looks", "by looks, %"]
    return Table(title=task.capitalize(), head=head, rows=rows, checks=checks, notes=[_trained(values)],
                 figure=f"glimpses_{task}.svg")  # fmt: skip


def _curve(values: Sequence[Values], policy: str, metric: str) -> list[float]:
    """Means over the seeds after 0, 1, ... looks; empty where none was run."""
    curves = [one["by_looks"][policy][metric] for one in values]
    return [mean(numbers_) for numbers_ in zip(*curves, strict=True)]


def _trained(values: Sequence[Values]) -> str:
    if not values:
        return "Not run."
    steps, seconds = (mean(one[name] for one in values) for name in ("steps", "train_s"))
    return f"Trained for {steps:.0f} steps, {seconds:.0f} s."


def _stopping(results: Results) -> Table:
    rows, checks = [], []
    for task in TASKS:
        values, planned = results.values("glimpses", task), results.planned("glimpses", task)
        stops = [one["stop"] for one in values]
        pixels, seconds = (
            numbers(stops, lambda one: one["pixels"]),
            numbers(stops, lambda one: one["seconds"]["median"]),
        )
        lost = [one["primary"]["stopped"] - one["primary"]["all"] for one in stops]
        rows.append([
            task, ", ".join(sorted({one["rule"] for one in stops})) or "not run",
            spread(numbers(stops, lambda one: one["looks"]["stopped"]), planned=planned, digits=2),
            points(lost, planned), percent(pixels, planned),
            percent(numbers(stops, lambda one: one["macs"]), planned), percent(seconds, planned),
        ])  # fmt: skip
        within = f" ({points(lost, planned)})"
        for unit, found, bar in (("pixels", pixels, 0.6), ("seconds", seconds, 0.7)):
            measured = percent(found, planned) + (within if found else "")
            check = at_most(f"{task}: {unit} at ≤ 1 point loss", found, bar, target=f"≤ {bar:.0%}", measured=measured)
            is_met = None if check.is_met is None else check.is_met and mean(lost) >= -MAY_LOSE
            checks.append(Check(claim=check.claim, target=check.target, measured=check.measured, is_met=is_met))
    head = ["stopping early, executed", "rule", "mean looks", "lost", "pixels", "MACs", "seconds"]
    note = (
        "Shares of what all looks take; the glance counts as pixels. The rule and its threshold are those that lose at "
        f"most a point on calibration scenes for the fewest looks. Seconds: batches of {BATCH}, in turns, the median."
    )
    return Table(title="Stopping early", head=head, rows=rows, checks=checks, notes=[note])


def _figures(results: Results, folder: Path) -> None:
    for task, metric, title in (
        ("reconstruction", "rmse", "RMSE, grey levels"),
        ("classification", None, "correct, %"),
        ("segmentation", None, "mean IoU, %"),
    ):
        values = results.values("glimpses", task)
        if not values:
            continue
        name, scale = (metric, 1.0) if metric else (values[0]["primary"], 100.0)
        lines = [
            Line(
                label=policy.replace("_", " "),
                points=[(float(k), scale * number) for k, number in enumerate(_curve(values, policy, name))],
            )
            for policy in ("learned", *CONTROLS)
        ]
        line_plot(folder / f"glimpses_{task}.svg", lines, x_title="looks", y_title=title)
