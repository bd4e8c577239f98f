"""The value stop at 2.0 mean looks against a fixed count, random, anti-value and certainty, all executed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.effort import Effort
from benchmarks.harness import Benchmark, Cell, Context, Results, Values
from benchmarks.search import ours
from benchmarks.tables import Table, at_least, differences, numbers, percent, points, spread
from benchmarks.training import Remembered, Training, fresh_scenes, learned, needed
from foveate.evaluation.record import record
from foveate.evaluation.report_data import Check
from foveate.evaluation.run import evaluate
from foveate.model_folder import read_manifest, shipped
from foveate.recipes.small_sign import small_sign
from foveate.stopping.budgets import BudgetTable
from foveate.stopping.stopper import Stopper
from foveate.system import System

MEAN_LOOKS = 2.0
RULES = ("value", "confidence", "entropy", "margin", "count", "random", "anti_value")
TASKS = ("search", "small_sign")
CHUNK = {"search": 1024, "small_sign": 128}  # scenes that are held in memory at a time
BATCH = {"search": 64, "small_sign": 16}


def benchmarks(effort: Effort) -> list[Benchmark]:
    title = f"Stopping by value at {MEAN_LOOKS:.1f} mean looks"
    return [Benchmark(name="stopping", title=title, cells=_cells(effort), run=_run, tables=_tables)]


def _cells(effort: Effort) -> list[Cell]:
    cells = []
    for seed in effort.seeds:
        training = ours(effort, seed)
        config = {"training": training.plain(), "calibration_scenes": effort.calibration_scenes}
        cells.append(
            Cell(benchmark="stopping", variant="search", seed=seed, minutes=1.5, priority=2, uses=(training,),
                 config={**config, "scenes": effort.test_scenes})
        )  # fmt: skip
        uses = sign_training(effort, seed)
        source = {"training": uses.plain()} if uses else {"shipped": shipped_hash("small_sign")}
        scenes = {"calibration_scenes": effort.sign_scenes, "scenes": effort.sign_scenes}
        cells.append(
            Cell(benchmark="stopping", variant="small_sign", seed=seed, minutes=4.0, priority=2 if uses is None else 8,
                 uses=(uses,) if uses else (), config={**source, **scenes})
        )  # fmt: skip
    return cells


def sign_training(effort: Effort, seed: int) -> Training | None:
    """None where a trained model is shipped."""
    if "small_sign" in shipped():
        return None
    return Training(recipe="small_sign", seed=seed, seconds=effort.sign_seconds, steps=effort.steps)


def shipped_hash(name: str) -> str:
    """Of all weights, so that results follow the model that is shipped."""
    files = read_manifest(shipped()[name]).files
    weights = "".join(files[file] for file in sorted(files) if file.endswith(".safetensors"))
    return hashlib.sha256(weights.encode()).hexdigest()[:16]


def system_of(cell: Cell, context: Context) -> System:
    """The trained system of the cell, or the shipped one."""
    return learned(cell.uses[0], context).system if cell.uses else needed("small_sign").system


def _run(cell: Cell, context: Context) -> Values:
    system, recipe = system_of(cell, context), cell.uses[0].made() if cell.uses else small_sign()
    looks, batch = recipe.train.num_looks, BATCH[cell.variant]
    traces = record(
        system, recipe.calibration, num_scenes=cell.config["calibration_scenes"], num_looks=looks, batch_size=batch,
        with_ms=False,
    )  # fmt: skip
    table = BudgetTable.build(traces, rules=RULES, units=["looks"])
    full_score = table.full_score_budget("looks", rule="value")
    stops: dict[str, Stopper | None] = {name: table.stopper(MEAN_LOOKS, rule=name) for name in RULES}
    stops |= {"all looks": None, "full score": table.stopper(full_score, rule="value")}
    # One shipped model has one seed; the spread is then that of three sets of test scenes.
    test = recipe.test if cell.uses else fresh_scenes(recipe.test, cell.seed)
    rows = executed(system, test, stops, num_scenes=cell.config["scenes"], max_looks=looks, variant=cell.variant)
    return {"rows": rows, "max_looks": looks, "train_s": _train_seconds(cell, context)}


def _train_seconds(cell: Cell, context: Context) -> float | None:
    if cell.uses:
        return learned(cell.uses[0], context).seconds
    return shipped_seconds("small_sign")


def shipped_seconds(name: str) -> float | None:
    """What the shipped model was trained for, if it says so."""
    seconds = read_manifest(shipped()[name]).provenance.get("train_s")
    return None if seconds is None else float(seconds)


def executed(
    system: System, test: Any, stops: Mapping[str, Stopper | None], *, num_scenes: int, max_looks: int, variant: str
) -> dict[str, dict[str, float]]:
    """Accuracy, looks and MACs of every stop rule on the same scenes, a chunk at a time."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in stops}
    chunk = min(CHUNK[variant], num_scenes)
    for start in range(0, num_scenes - chunk + 1, chunk):
        scenes = Remembered(_Part(test, start, chunk))
        for name, stop in stops.items():
            run = evaluate(system, scenes, num_scenes=chunk, max_looks=max_looks, stop=stop, batch_size=BATCH[variant])
            found[name].append({"accuracy": run.primary, "looks": run.mean_looks, "macs": run.mean_macs})
    return {name: {key: float(np.mean([part[key] for part in parts])) for key in parts[0]}
            for name, parts in found.items()}  # fmt: skip


class _Part:
    """Some consecutive scenes of a source."""

    def __init__(self, source: Any, start: int, count: int) -> None:
        self.source, self.start, self.count = source, start, count
        self.fingerprint = source.fingerprint

    def __len__(self) -> int:
        return self.count

    def batch(self, indices: np.ndarray[Any, Any], epoch_seed: int) -> Any:
        return self.source.batch(indices + self.start, epoch_seed)


# -- tables ------------------------------------------------------------------------------------------------------------


def _tables(results: Results) -> list[Table]:
    return [_table(results, variant) for variant in TASKS]


def _table(results: Results, variant: str) -> Table:
    values, planned = results.values("stopping", variant), results.planned("stopping", variant)

    def of(rule: str, name: str) -> list[float]:
        return numbers(values, lambda one: one["rows"][rule][name])

    count = of("count", "accuracy")
    rows = [
        [
            rule, spread(of(rule, "looks"), planned=planned, digits=2), percent(of(rule, "accuracy"), planned),
            points(differences(of(rule, "accuracy"), count), planned) if values else "not run",
            spread(of(rule, "macs"), planned=planned, scale=1e-6, digits=2),
        ]
        for rule in (*RULES, "full score", "all looks")
    ]  # fmt: skip
    labels = {"full score": "value, at full score", "all looks": "all looks"}
    rows = [[labels.get(row[0], row[0]), *row[1:]] for row in rows]
    gain = differences(of("value", "accuracy"), count)
    checks = [
        at_least(f"value over fixed count, {variant}", gain, 0.02, target="≥ 2 points", measured=points(gain, planned)),
        _full_score_check(values, of, variant, planned),
    ]
    notes = []
    if values:
        best = max(("value", "confidence", "entropy", "margin"), key=lambda rule: float(np.mean(of(rule, "accuracy"))))
        notes.append(f"The best rule here is {best}.")
    if variant == "small_sign" and "small_sign" in shipped():
        notes.append("One shipped model: the spread is over three sets of test scenes, not over trainings.")
    head = [variant, "mean looks", "accuracy", "against fixed count", "MMACs per scene"]
    return Table(title=f"On {variant}", head=head, rows=rows, checks=checks, notes=notes)


def _full_score_check(values: list[Values], of: Any, variant: str, planned: int) -> Check:
    share = [one["rows"]["full score"]["looks"] / one["rows"]["all looks"]["looks"] for one in values]
    lost = differences(of("full score", "accuracy"), of("all looks", "accuracy"))
    measured = f"{percent(share, planned)} of the looks, {points(lost, planned)}" if values else "not run"
    is_met = bool(np.mean(share) <= 0.6 and np.mean(lost) >= -0.001) if values else None
    return Check(claim=f"full accuracy (within 0.1 points), {variant}", target="≤ 60 % of the looks",
                 measured=measured, is_met=is_met)  # fmt: skip
