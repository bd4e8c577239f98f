"""Against the cheapest static net of equal accuracy: a sweep of input sizes and widths, each trained for as long as
ours. Time is measured apart, all rivals in turns in one process (with random weights: time does not depend on them)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch

from benchmarks.effort import Effort
from benchmarks.harness import Benchmark, Cell, Context, Results, Values
from benchmarks.plots import Line, line_plot
from benchmarks.search import ours
from benchmarks.stopping import BATCH, shipped_hash, shipped_seconds, sign_training, system_of
from benchmarks.tables import Table, numbers, percent
from benchmarks.timing import ratio, shown, take_turns
from benchmarks.training import Training
from foveate.episode import Player
from foveate.evaluation.record import record
from foveate.evaluation.report_data import Check
from foveate.model_folder import shipped
from foveate.models.static_net import StaticNet, StaticNetConfig
from foveate.noise import Noise
from foveate.recipes.recipe import Recipe
from foveate.recipes.small_sign import NONE_FRAC, SCENE_PX, small_sign
from foveate.recipes.visual_search import CANVAS_PX, visual_search
from foveate.rollout import rollout
from foveate.stopping.budgets import BudgetTable
from foveate.training.static import thumbnails, train_static

TASKS = ("search", "small_sign")
BARS = {"search": {"macs": 1.5}, "small_sign": {"macs": 10.0, "seconds": 4.0}}
CONTENDERS = {"search": ("84x84-w8", "112x112-w8"), "small_sign": ("120x160-w16",)}
"""Static nets that further seeds are worth: the cheapest ones about as accurate as ours, or the best of the others."""
NEARLY = 0.02  # accuracy by which the best static net may lie behind ours and still be compared with it
PATIENT = ("small_sign", (480, 640), 8, 2)
"""A static net that is given more time: task, input, width, times the seconds of ours."""
CHANCE = {"small_sign": NONE_FRAC}  # always "none"
GLANCE = {"search": (42, 42), "small_sign": (120, 160)}
PLACES = {"search": (32, 32), "small_sign": None}
ATTENDS = {"search": False, "small_sign": True}  # with labels alone no net learns anything in this time
TIMED_SCENES = {"search": 64, "small_sign": 16}


def benchmarks(effort: Effort) -> list[Benchmark]:
    return [
        Benchmark(
            name="pays", title="Looking pays", cells=[*_static_cells(effort), *_seconds_cells(effort)], run=_run,
            tables=_tables, figures=_figures,
        )
    ]  # fmt: skip


# -- cells -------------------------------------------------------------------------------------------------------------


def _static_cells(effort: Effort) -> list[Cell]:
    cells = []
    for task in TASKS:
        seconds = _seconds(effort, task)
        for size_px in _sizes(effort, task):
            for width in effort.widths:
                config = {
                    "task": task, "input_px": list(size_px), "width": width, "seconds": seconds, "steps": effort.steps,
                    "scenes": effort.test_scenes if task == "search" else effort.sign_scenes,
                    "batch": BATCH[task],
                }  # fmt: skip
                config |= {"attends": True} if ATTENDS[task] else {}
                name = f"{size_px[0]}x{size_px[1]}-w{width}"
                seeds = effort.seeds if name in CONTENDERS[task] else effort.seeds[:1]
                variant = f"static-{task}-{name}"
                priority = 9 if task == "search" else 10  # the cheap ones first
                cells += [
                    Cell(benchmark="pays", variant=variant, seed=seed, config=config, priority=priority,
                         minutes=0.5 + 1.05 * (seconds or 6.0) / 60)
                    for seed in seeds
                ]  # fmt: skip
    return [*cells, *_patient_cells(cells)]


def _patient_cells(cells: Sequence[Cell]) -> list[Cell]:
    """One of the static nets again, with more time than ours had: what the others may lack is patience."""
    task, (height, width_px), width, times = PATIENT
    name = f"{task}-{height}x{width_px}-w{width}"
    like = next((cell for cell in cells if cell.variant == f"static-{name}" and cell.config["seconds"]), None)
    if like is None:
        return []
    config = {**like.config, "seconds": times * like.config["seconds"]}
    return [replace(like, variant=f"patient-{name}", config=config, minutes=times * like.minutes, priority=11)]


def _seconds(effort: Effort, task: str) -> float | None:
    """Training seconds of a static net: as many as ours had."""
    if task == "search":
        return effort.seconds
    if effort.sign_seconds is not None and "small_sign" in shipped():
        return shipped_seconds("small_sign") or effort.sign_seconds
    return effort.sign_seconds


def _sizes(effort: Effort, task: str) -> list[tuple[int, int]]:
    return [(side, side) for side in effort.static_sides] if task == "search" else list(effort.sign_sides)


def _seconds_cells(effort: Effort) -> list[Cell]:
    cells = []
    for task in TASKS:
        training: Training | None = ours(effort, 0) if task == "search" else sign_training(effort, 0)
        config = {
            "model": training.plain() if training else shipped_hash("small_sign"),
            "sizes": [list(size) for size in _sizes(effort, task)], "widths": list(effort.widths),
            "repeats": effort.repeats, "mean_looks": 2.0, "scenes": TIMED_SCENES[task],
            "calibration_scenes": 512 if effort.seconds else 32,
        }  # fmt: skip
        cells.append(
            Cell(benchmark="pays", variant=f"seconds-{task}", config=config, minutes=4.0,
                 priority=8, alone=True, uses=(training,) if training else ())
        )  # fmt: skip
    return cells


# -- one cell ----------------------------------------------------------------------------------------------------------


def _run(cell: Cell, context: Context) -> Values:
    return _run_seconds(cell, context) if cell.variant.startswith("seconds") else _run_static(cell)


def _recipe(task: str, seed: int) -> Recipe:
    return visual_search(seed=seed) if task == "search" else small_sign(seed=seed)


def _run_static(cell: Cell) -> Values:
    config, task = cell.config, cell.config["task"]
    recipe = _recipe(task, cell.seed)
    system = recipe.build()
    result = train_static(
        recipe.source, recipe.test, system.task, num_outputs=system.task.num_outputs,
        input_px=(config["input_px"][0], config["input_px"][1]), width=config["width"], places=PLACES[task],
        attends=ATTENDS[task],
        seconds=config["seconds"], steps=config["steps"], batch_size=config["batch"], seed=cell.seed,
        test_scenes=config["scenes"],
    )  # fmt: skip
    return {
        "accuracy": result.accuracy, "macs": result.macs, "params": result.params, "steps": result.steps,
        "train_s": result.train_s,
    }  # fmt: skip


@torch.inference_mode()
def _run_seconds(cell: Cell, context: Context) -> Values:
    task, config = cell.variant.removeprefix("seconds-"), cell.config
    system, recipe = system_of(cell, context), _recipe(task, 0)
    looks = recipe.train.num_looks
    traces = record(system, recipe.calibration, num_scenes=config["calibration_scenes"], num_looks=looks,
                    batch_size=BATCH[task], with_ms=False)  # fmt: skip
    stop = BudgetTable.build(traces, rules=["value"], units=["looks"]).stopper(config["mean_looks"])
    scenes = recipe.test.batch(np.arange(config["scenes"]), 0).scenes
    parts = {"model": system.model, "policy": system.policy, "critic": system.critic}

    def play(**options: Any) -> Callable[[], Any]:
        player = Player(max_looks=looks, **parts, **options)
        return lambda: rollout(scenes, player, noise=Noise(seed=1, scenes=np.arange(len(scenes))))

    rivals: dict[str, Callable[[], Any]] = {"value stop": play(stop=stop), "all looks": play()}
    for size in config["sizes"]:
        for width in config["widths"]:
            rivals[f"{size[0]}x{size[1]}-w{width}"] = _static(system, scenes, (size[0], size[1]), width, task)
    seconds = take_turns(rivals, repeats=config["repeats"])
    return {
        "over_value_stop": {name: ratio(taken, seconds["value stop"]) for name, taken in seconds.items()},
        "over_all_looks": {name: ratio(taken, seconds["all looks"]) for name, taken in seconds.items()},
        "value_stop_ms": 1e3 * float(np.median(seconds["value stop"])) / len(scenes),
    }


def _static(system: Any, scenes: Any, size_px: tuple[int, int], width: int, task: str) -> Callable[[], Any]:
    config = StaticNetConfig(
        num_outputs=system.task.num_outputs, input_px=size_px, width=width, places=PLACES[task], attends=ATTENDS[task],
        num_bands=scenes.num_bands, value_range=scenes.value_range,
    )  # fmt: skip
    net = StaticNet(config)
    return lambda: net.answer_of(thumbnails(scenes, size_px))


# -- tables ------------------------------------------------------------------------------------------------------------

OPERATING = {"value": ("value stop, 2.0 looks", "over_value_stop"), "all looks": ("all looks", "over_all_looks")}


def _nets(results: Results, task: str) -> dict[str, tuple[float, float]]:
    """(mean accuracy, MACs) of every static net that was trained, cheapest first."""
    prefix, nets = f"static-{task}-", {}
    for variant in results.variants("pays"):
        values = results.values("pays", variant)
        if variant.startswith(prefix) and values:
            nets[variant.removeprefix(prefix)] = (mean(one["accuracy"] for one in values), float(values[0]["macs"]))
    return dict(sorted(nets.items(), key=lambda item: item[1][1]))


def _ours(results: Results, task: str, rule: str) -> tuple[float, float] | None:
    values = results.values("stopping", task)
    if not values:
        return None
    rows = [one["rows"][rule] for one in values]
    return mean(row["accuracy"] for row in rows), mean(row["macs"] for row in rows)


def _tables(results: Results) -> list[Table]:
    return [_table(results, task) for task in TASKS]


def _table(results: Results, task: str) -> Table:
    rows, prefix = [], f"static-{task}-"
    seconds = next(iter(results.values("pays", f"seconds-{task}")), None)
    for variant in results.variants("pays"):
        if variant.startswith(prefix):
            rows.append(_static_row(results, variant, prefix, seconds))
    rows += [_our_row(results, task, rule, seconds) for rule in OPERATING]
    checks, notes = [], []
    for rule in OPERATING:
        found = _saved(results, task, rule)
        notes.append(found.sentence)
        if rule == "value":
            checks += found.checks
    checks += _glance_check(results, task)
    notes += _patience(results, task)
    head = [task, "accuracy", "MMACs per scene", "time ÷ ours at the value stop", "seeds"]
    return Table(title=f"On {task}", head=head, rows=rows, checks=checks, notes=notes, figure=f"pareto_{task}.svg")


def _static_row(results: Results, variant: str, prefix: str, seconds: Values | None) -> list[str]:
    values, planned = results.values("pays", variant), results.planned("pays", variant)
    name = variant.removeprefix(prefix)
    macs = f"{values[0]['macs'] / 1e6:.2f}" if values else "not run"
    accuracy = percent(numbers(values, lambda one: one["accuracy"]), planned)
    return [f"static {name}", accuracy, macs, shown((seconds or {}).get("over_value_stop", {}).get(name)),
            f"{len(values)} of {planned}"]  # fmt: skip


def _our_row(results: Results, task: str, rule: str, seconds: Values | None) -> list[str]:
    values, planned = results.values("stopping", task), results.planned("stopping", task)
    ours_now, label = _ours(results, task, rule), OPERATING[rule][0]
    name = "value stop" if rule == "value" else "all looks"
    accuracy = percent(numbers(values, lambda one: one["rows"][rule]["accuracy"]), planned)
    macs = f"{ours_now[1] / 1e6:.2f}" if ours_now else "not run"
    return [f"**ours, {label}**", accuracy, macs, shown((seconds or {}).get("over_value_stop", {}).get(name)),
            f"{len(values)} of {planned}"]  # fmt: skip


class _Saving:
    """What looking saves against the cheapest static net that is at least as accurate."""

    def __init__(self, sentence: str, checks: Sequence[Check]) -> None:
        self.sentence, self.checks = sentence, list(checks)


def _saved(results: Results, task: str, rule: str) -> _Saving:
    ours_now, nets = _ours(results, task, rule), _nets(results, task)
    label, over = OPERATING[rule]
    bars = BARS[task]
    planned = [v for v in results.variants("pays") if v.startswith(f"static-{task}-")]
    if ours_now is None or len(nets) < len(planned):
        best_yet = f", the best {max(accuracy for accuracy, _ in nets.values()):.1%}" if nets else ""
        so_far = f"{len(nets)} of {len(planned)} static nets run{best_yet}"
        missing = [_check(task, unit, bar, so_far, None) for unit, bar in bars.items()]
        return _Saving(f"{label}: not run completely ({so_far}).", missing)
    equal = next((name for name, (accuracy, _) in nets.items() if accuracy >= ours_now[0]), None)
    best = max(nets, key=lambda name: nets[name][0])
    if equal is None and nets[best][0] < ours_now[0] - NEARLY:
        text = (
            f"none of the sweep comes near: {nets[best][0]:.1%} at most, by {best} at {nets[best][1] / 1e6:.0f} MMACs"
        )
        undecided = [_check(task, unit, bar, text, None) for unit, bar in bars.items()]
        return _Saving(f"{label} ({ours_now[0]:.1%}), {ours_now[1] / 1e6:.0f} MMACs: {text}.", undecided)
    chosen = equal or best
    macs = nets[chosen][1] / ours_now[1]
    seconds = next(iter(results.values("pays", f"seconds-{task}")), None)
    took = None if seconds is None else seconds[over][chosen]
    sign = "" if equal else "(none is as accurate) "
    what = f"{sign}{macs:.1f} × fewer MACs" + ("" if took is None else f", {shown(took)} × less time")
    sentence = f"{label} ({ours_now[0]:.1%}) against static {chosen} ({nets[chosen][0]:.1%}): {what}."
    measured = {"macs": macs, "seconds": None if took is None else took["median"]}
    checks = []
    for unit, bar in bars.items():
        value = measured[unit]
        text = "not run" if value is None else f"{sign}{value:.1f} × against {chosen}"
        checks.append(_check(task, unit, bar, text, None if value is None else value >= bar))
    return _Saving(sentence, checks)


def _patience(results: Results, task: str) -> list[str]:
    """What a static net reached with more time."""
    if task != PATIENT[0]:
        return []
    name = f"{task}-{PATIENT[1][0]}x{PATIENT[1][1]}-w{PATIENT[2]}"
    values = next(iter(results.values("pays", f"patient-{name}")), None)
    reached = "not run" if values is None else f"{values['accuracy']:.1%} after {values['train_s']:.0f} s"
    return [f"With {PATIENT[3]} times the seconds, static {name.partition('-')[2]}: {reached}."]


def _check(task: str, unit: str, bar: float, measured: str, is_met: bool | None) -> Check:
    what = "MACs" if unit == "macs" else "seconds"
    claim = f"{task}: fewer {what} than the cheapest static net of equal accuracy"
    return Check(claim=claim, target=f"≥ {bar:g} ×", measured=measured, is_met=is_met)


def _glance_check(results: Results, task: str) -> list[Check]:
    """The glance-sized static nets must not solve the task by themselves."""
    if task not in CHANCE:
        return []
    size = "x".join(map(str, GLANCE[task]))
    found = [accuracy for name, (accuracy, _) in _nets(results, task).items() if name.startswith(f"{size}-")]
    bar = CHANCE[task] + 0.1
    measured = f"{max(found):.1%}" if found else "not run"
    is_met = max(found) <= bar if found else None
    claim = f"{task}: the best static net of the glance's size ({size})"
    return [Check(claim=claim, target=f"≤ chance + 10 points ({bar:.0%})", measured=measured, is_met=is_met)]


def _figures(results: Results, folder: Path) -> None:
    sides = {"search": CANVAS_PX, "small_sign": SCENE_PX[0]}
    for task in sides:
        nets = _nets(results, task)
        mine = [point for rule in OPERATING if (point := _ours(results, task, rule)) is not None]
        if len(nets) < 2 or not mine:
            continue
        lines = [Line(label="ours", points=[(macs, 100 * accuracy) for accuracy, macs in mine])]
        lines += _lines_by_width(nets)
        line_plot(folder / f"pareto_{task}.svg", lines, x_title="multiply-adds per scene", y_title="accuracy, %",
                  is_log_x=True)  # fmt: skip


def _lines_by_width(nets: Mapping[str, tuple[float, float]]) -> list[Line]:
    widths = sorted({int(name.rpartition("-w")[2]) for name in nets})
    return [
        Line(
            label=f"static, width {width}",
            points=[(macs, 100 * accuracy) for name, (accuracy, macs) in nets.items() if name.endswith(f"-w{width}")],
        )
        for width in widths
    ]
