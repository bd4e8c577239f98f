"""Visual search after the paper's protocol: what is learned in two minutes, what learning to look adds, more targets,
and our policy beside the paper's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Any

import torch

from benchmarks.effort import Effort
from benchmarks.harness import Benchmark, Cell, Context, Results, Values
from benchmarks.plots import Line, line_plot
from benchmarks.tables import Table, at_least, differences, numbers, percent, points, spread
from benchmarks.training import Learned, Training, learned
from foveate.demo.search import SMALL_GAUSSIAN
from foveate.evaluation.record import batches
from foveate.evaluation.run import accuracy_by_looks
from foveate.system import fresh_policy

PLACEMENTS = ("free", "lattice")
PAPER_ACCURACY = 0.952
TARGETS = {"2": ("3", "5"), "3": ("3", "5", "7"), "5": ("3", "5", "7", "1", "9")}
TARGET_BARS = {"2": 0.95, "3": 0.93, "5": 0.87}
PAPER_TARGETS = {"2": "93.3 %", "3": "90.7 %", "5": "87.0 %"}


def ours(effort: Effort, seed: int, *, placement: str = "free", **options: Any) -> Training:
    """The training that most cells share."""
    return Training(
        recipe="visual_search",
        options={"placement": placement, **options},
        seed=seed,
        seconds=effort.seconds,
        steps=effort.search_steps,
    )


def by_glance_loss(effort: Effort, seed: int, placement: str) -> Training:
    """No reinforcement: looks go where the auxiliary head, which reads the glance, finds the target likely; the reader
    is trained on such looks."""
    own = {"policy": "cam", "model": {"relevance": "attention"}}
    return Training(**{**vars(ours(effort, seed, placement=placement)), **own})


def gaussian(effort: Effort, seed: int) -> Training:
    """The paper's policy, sized for this task, for as many steps as ours made."""
    same = ours(effort, seed)
    return Training(
        recipe="visual_search", options=same.options, policy="gaussian", policy_options=SMALL_GAUSSIAN, seed=seed,
        same_steps_as=same,
    )  # fmt: skip


def benchmarks(effort: Effort) -> list[Benchmark]:
    return [
        Benchmark(name="search", title="Visual search in two minutes", cells=_search_cells(effort), run=_run,
                  tables=_search_tables),
        Benchmark(name="learning", title="What learning to look adds", cells=_learning_cells(effort), run=_run,
                  tables=_learning_tables),
        Benchmark(name="targets", title="Several targets", cells=_target_cells(effort), run=_run,
                  tables=_target_tables),
        Benchmark(name="policies", title="Spatial policy against the Gaussian", cells=_policy_cells(effort), run=_run,
                  tables=_policy_tables, figures=_policy_figure),
    ]  # fmt: skip


# -- cells -------------------------------------------------------------------------------------------------------------


def _cell(benchmark: str, variant: str, training: Training, effort: Effort, priority: int) -> Cell:
    config = {"training": training.plain(), "test_scenes": effort.test_scenes}
    return Cell(
        benchmark=benchmark, variant=variant, seed=training.seed, config=config, minutes=0.6, uses=(training,),
        priority=priority,
    )  # fmt: skip


def _search_cells(effort: Effort) -> list[Cell]:
    return [
        _cell("search", placement, ours(effort, seed, placement=placement), effort, 1 if placement == "free" else 4)
        for placement in PLACEMENTS
        for seed in effort.seeds
    ]


def _learning_cells(effort: Effort) -> list[Cell]:
    cells = []
    for placement in PLACEMENTS:
        priority = 5 if placement == "free" else 7
        for seed in effort.seeds:
            pooled = ours(effort, seed, placement=placement, auxiliary="pooled")
            cells.append(
                _cell("learning", f"glance-loss-{placement}", by_glance_loss(effort, seed, placement), effort, priority)
            )
            cells.append(_cell("learning", f"pooled-{placement}", pooled, effort, priority))
    return cells


def _target_cells(effort: Effort) -> list[Cell]:
    return [
        _cell("targets", number, ours(effort, seed, placement="lattice", targets=names), effort, 6)
        for number, names in TARGETS.items()
        for seed in effort.seeds
    ]


def _policy_cells(effort: Effort) -> list[Cell]:
    return [_cell("policies", "gaussian", gaussian(effort, seed), effort, 3) for seed in effort.seeds]


# -- one cell ----------------------------------------------------------------------------------------------------------


def _run(cell: Cell, context: Context) -> Values:
    (training,) = cell.uses
    trained, count = learned(training, context), cell.config["test_scenes"]
    looks = trained.recipe.train.num_looks
    by_looks = accuracy_by_looks(trained.system, trained.recipe.test, num_scenes=count, max_looks=looks)
    random = fresh_policy("random", trained.system.model.observation_shape)
    random_looks = accuracy_by_looks(
        trained.system, trained.recipe.test, num_scenes=count, max_looks=looks, policy=random, explore=True
    )
    return {
        "accuracy": by_looks[-1],
        "by_looks": by_looks,
        "random": random_looks[-1],
        "random_by_looks": random_looks,
        "glance_only": _glance_only(trained, count),
        "train_s": trained.seconds,
        "steps": trained.steps,
        "time_to_s": next((seconds for seconds, metric in trained.curve if metric >= PAPER_ACCURACY), None),
        "curve": [list(point) for point in trained.curve],
    }


@torch.inference_mode()
def _glance_only(trained: Learned, count: int) -> float:
    """Accuracy of what the auxiliary head says of the glance, without any look."""
    system, found = trained.system.train(False), []
    whole = torch.tensor([[[0.0, 0.0, 1.0, 1.0]]])
    for batch in batches(trained.recipe.test, count, 128):
        glance = batch.scenes.read(whole.expand(len(batch.scenes), 1, 4).numpy(), system.model.glimpse_size_px(0))
        state = system.model.open(glance.pixels, batch.scenes.sizes_px)
        metrics = system.task.metrics(system.model.auxiliary_prediction(state), batch.target)
        found.append(metrics[system.task.primary_metric])
    return float(torch.cat(found).mean())


# -- tables ------------------------------------------------------------------------------------------------------------


def _of(results: Results, benchmark: str, variant: str, name: str) -> list[float]:
    return numbers(results.values(benchmark, variant), lambda one: one[name])


def _search_tables(results: Results) -> list[Table]:
    rows, checks = [], []
    bars = {"free": (0.92, "≥ 92 %"), "lattice": (0.97, "≥ 97 %")}
    for placement in PLACEMENTS:
        values, planned = results.values("search", placement), results.planned("search", placement)
        accuracy, random = (_of(results, "search", placement, name) for name in ("accuracy", "random"))
        gap = differences(accuracy, random)
        rows.append(
            [
                _placed(placement), percent(accuracy, planned), percent(random, planned), points(gap, planned),
                _time_to(values, planned), _seconds(values),
            ]
        )  # fmt: skip
        bar, target = bars[placement]
        where = _placed(placement)
        checks += [
            at_least(f"within 7 px, {where}", accuracy, bar, target=target, measured=percent(accuracy, planned)),
            at_least(f"above random looks, {where}", gap, 0.7, target="≥ 70 points", measured=points(gap, planned)),
        ]
    head = ["one target", "found within 7 px", "same reader, random looks", "gap", "seconds to 95.2 %", "training"]
    note = (
        "The paper reaches 95.2 % after about 100 million scenes of MNIST; RAM 16.4 %, DRAM 20.3 %. The digits here "
        "are UCI digits, the test digits those of other writers. Seconds to 95.2 % are read from the trainer's probe "
        "of 256 held-out scenes (± 1.3 points), every 50 steps."
    )
    return [Table(title="", head=head, rows=rows, checks=checks, notes=[note])]


def _placed(placement: str) -> str:
    return "free placement" if placement == "free" else "28 px lattice"


def _time_to(values: list[Values], planned: int) -> str:
    reached = numbers(values, lambda one: one["time_to_s"])
    if not values:
        return spread([], planned=planned)
    if not reached:
        return "not reached"
    text = spread(reached, planned=len(reached), unit="s", digits=0)
    return text if len(reached) == len(values) else f"{text}; not reached by {len(values) - len(reached)}"


def _seconds(values: list[Values]) -> str:
    if not values:
        return "not run"
    steps, seconds = (mean(one[name] for one in values) for name in ("steps", "train_s"))
    return f"{seconds:.0f} s, {steps:.0f} steps"


def _learning_tables(results: Results) -> list[Table]:
    rows, sentences = [], []
    for placement in PLACEMENTS:
        planned, where = results.planned("search", placement), _placed(placement)
        reinforced = _of(results, "search", placement, "accuracy")
        others = {
            "argmax of the glance's own loss, no reinforcement": ("learning", f"glance-loss-{placement}", "accuracy"),
            "glance only: that loss's answer at zero looks": ("search", placement, "glance_only"),
            "reinforced, no position loss (pooled glance)": ("learning", f"pooled-{placement}", "accuracy"),
        }
        rows.append([f"reinforced looks, {where}", percent(reinforced, planned), "", ""])
        for label, (benchmark, variant, name) in others.items():
            found = _of(results, benchmark, variant, name)
            gain = differences(reinforced, found)
            random = _of(results, benchmark, variant, "random") if name == "accuracy" else []
            rows.append([f"{label}, {where}", percent(found, planned), percent(random, planned) if random else "",
                         points(gain, planned) if gain else "not run"])  # fmt: skip
        sentences += _sentence(results, placement)
    head = ["", "found within 7 px", "same reader, random looks", "reinforcement adds"]
    note = (
        "The glance's own answer lives on the cells of its map: 28 px on the lattice, where a cell is a place, and 20 "
        "px placed freely, which is coarse for 7 px. The static net on the same 42 px thumbnail, under “Looking pays”, "
        "is the stronger glance."
    )
    return [Table(title="", head=head, rows=rows, notes=[*sentences, note])]


def _sentence(results: Results, placement: str) -> list[str]:
    reinforced = _of(results, "search", placement, "accuracy")
    plain = differences(reinforced, _of(results, "learning", f"glance-loss-{placement}", "accuracy"))
    pooled = _of(results, "learning", f"pooled-{placement}", "accuracy")
    if not plain or not pooled:
        return []
    return [
        f"**What learning to look adds ({_placed(placement)}): {100 * mean(plain):+.1f} points over looking where the "
        f"glance's own loss points; with no position loss at all, reinforcement alone reaches {mean(pooled):.1%}.**"
    ]


def _target_tables(results: Results) -> list[Table]:
    rows, checks = [], []
    for number, bar in TARGET_BARS.items():
        planned = results.planned("targets", number)
        accuracy, random = (_of(results, "targets", number, name) for name in ("accuracy", "random"))
        measured = percent(accuracy, planned)
        rows.append([number, measured, percent(random, planned), PAPER_TARGETS[number],
                     _seconds(results.values("targets", number))])  # fmt: skip
        stretch = " (stretch)" if number == "5" else ""
        checks.append(
            at_least(f"{number} targets, all{stretch}", accuracy, bar, target=f"≥ {bar:.0%}", measured=measured)
        )
    head = ["targets, 28 px lattice", "all found within 7 px", "random looks", "paper", "training"]
    return [Table(title="", head=head, rows=rows, checks=checks)]


def _policy_tables(results: Results) -> list[Table]:
    rows = []
    for label, curves in _policy_curves(results).items():
        planned = results.planned("policies", "gaussian")
        columns = list(zip(*curves, strict=True)) if curves else [()] * 6
        rows.append([label, *(percent(list(column), planned) for column in columns)])
    num_columns = max(len(row) for row in rows) - 1
    head = ["policy", *(f"{looks} look{'' if looks == 1 else 's'}" for looks in range(num_columns))]
    note = (
        "Same recipe, seeds and number of steps; free placement; the answer is read from the fixations only. The "
        "Gaussian is the paper's network, narrower (at the paper's widths, 16 M weights, it ended at 5 to 7 %); its "
        "learning rate is ours, not searched for."
    )
    return [Table(title="", head=head, rows=rows, notes=[note], figure="policies.svg")]


def _policy_curves(results: Results) -> Mapping[str, list[list[float]]]:
    spatial, gauss = results.values("search", "free"), results.values("policies", "gaussian")
    return {
        "spatial (ours)": [one["by_looks"] for one in spatial],
        "Gaussian (the paper's)": [one["by_looks"] for one in gauss],
        "random looks, our reader": [one["random_by_looks"] for one in spatial],
    }


def _policy_figure(results: Results, folder: Path) -> None:
    lines = [
        Line(label=label, points=[(float(looks), 100 * mean(at)) for looks, at in enumerate(zip(*curves, strict=True))])
        for label, curves in _policy_curves(results).items()
        if curves
    ]
    if len(lines) == 3:
        line_plot(folder / "policies.svg", lines, x_title="looks", y_title="found within 7 px, %")
