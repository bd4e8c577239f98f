"""Every family with every learner, and what it loses to encode each glimpse once: small classifications, at about the
same cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from statistics import mean

from benchmarks.effort import Effort
from benchmarks.glimpses import BATCH, MAY_LOSE, cell_of, tiny
from benchmarks.harness import Benchmark, Cell, Context, Results, Values
from benchmarks.tables import NOT_RUN, Table, at_least, differences, numbers, percent, points
from benchmarks.training import Learned, learned
from foveate.evaluation.run import metrics_by_looks

FAMILIES = ("elastic_tokens", "glance_focus")
LEARNERS = ("ppo", "sac", "random")
THINGS = ("digits", "signs")
CROSS_STEPS = 200  # of 36 trainings
CROSS_MINUTES = 4.0  # with the trainings, as these are bounded by steps


def benchmarks(effort: Effort) -> list[Benchmark]:
    return [
        Benchmark(name="cross", title="Two families, three ways to choose looks", cells=_cross_cells(effort),
                  run=_run_cross, tables=_cross_tables),
        Benchmark(name="kept", title="What keeping tokens loses", cells=_kept_cells(effort), run=_run_kept,
                  tables=_kept_tables),
    ]  # fmt: skip


# -- cells -------------------------------------------------------------------------------------------------------------


def _cross_cells(effort: Effort) -> list[Cell]:
    return [
        cell_of(effort, "cross", f"{things}-{family}-{learner}",
              tiny(effort, "classification", seed, steps=CROSS_STEPS, things=things, family=family, learner=learner),
              minutes=CROSS_MINUTES, priority=7 + seed)
        for seed in effort.seeds
        for things in THINGS
        for family in FAMILIES
        for learner in LEARNERS
    ]  # fmt: skip


def _kept_cells(effort: Effort) -> list[Cell]:
    """The digits of `glimpses`, and the same with every glimpse encoded once; trained to their end, as half-way seeds
    differ by more than what is asked."""
    cells = []
    for seed in effort.seeds:
        anew = tiny(effort, "classification", seed)
        kept = replace(anew, model={"compute": "cached", "shared_depth": 1})
        cells.append(cell_of(effort, "kept", "digits", anew, kept, minutes=2 * CROSS_MINUTES, priority=7 + seed))
    return cells


# -- one cell ----------------------------------------------------------------------------------------------------------


def _run_cross(cell: Cell, context: Context) -> Values:
    return _outcome(learned(cell.uses[0], context), cell, explore=cell.variant.endswith("-random"))


def _run_kept(cell: Cell, context: Context) -> Values:
    anew, kept = (_outcome(learned(training, context), cell, explore=False) for training in cell.uses)
    return {"anew": anew, "kept": kept}


def _outcome(trained: Learned, cell: Cell, *, explore: bool) -> Values:
    looks, price = trained.recipe.train.num_looks, trained.system.model.price()
    by_looks = metrics_by_looks(
        trained.system, trained.recipe.test, num_scenes=cell.config["scenes"], max_looks=looks, batch_size=BATCH,
        explore=explore,
    )[trained.system.task.primary_metric]  # fmt: skip
    return {"by_looks": by_looks, "macs": int(price.sensed(looks) + price.predict(looks)), "steps": trained.steps,
            "train_s": trained.seconds}  # fmt: skip


# -- tables ------------------------------------------------------------------------------------------------------------


def _cross_tables(results: Results) -> list[Table]:
    rows = []
    for things in THINGS:
        for family in FAMILIES:
            row, macs = [f"{things}, `{family}`"], "not run"
            for learner in LEARNERS:
                variant = f"{things}-{family}-{learner}"
                values, planned = results.values("cross", variant), results.planned("cross", variant)
                row.append(percent(numbers(values, lambda one: one["by_looks"][-1]), planned))
                macs = f"{values[0]['macs'] / 1e6:.0f}" if values else macs
            rows.append([*row, macs])
    head = ["correct after 3 looks", "PPO", "SAC", "random, reader trained on it", "MMACs per episode"]
    notes = [_said(results)] if _said(results) else []
    return [Table(title="", head=head, rows=rows, notes=notes)]


def _said(results: Results) -> str:
    """What the cross table says, once it is complete."""
    found: Mapping[tuple[str, str, str], float] = {
        (things, family, learner): mean(values)
        for things in THINGS
        for family in FAMILIES
        for learner in LEARNERS
        if (values := numbers(results.values("cross", f"{things}-{family}-{learner}"), lambda one: one["by_looks"][-1]))
    }
    if len(found) < len(THINGS) * len(FAMILIES) * len(LEARNERS):
        return ""

    def over(name: str, place: int) -> float:
        return 100 * mean(value for key, value in found.items() if key[place] == name)

    learners = ", ".join(f"{name} {over(name, 2):.1f} %" for name in LEARNERS)
    families = ", ".join(f"{name} {over(name, 1):.1f} %" for name in FAMILIES)
    return f"Means over everything else: {learners}; {families}."


def _kept_tables(results: Results) -> list[Table]:
    values, planned = results.values("kept", "digits"), results.planned("kept", "digits")
    rows, correct = [], {}
    for name, label in (("anew", "all patches anew at each look"), ("kept", "each glimpse once, one block shared")):
        correct[name] = numbers(values, lambda one, name=name: one[name]["by_looks"][-1])
        macs = f"{values[0][name]['macs'] / 1e6:.0f}" if values else NOT_RUN
        rows.append([label, percent(correct[name], planned), macs])
    lost = differences(correct["kept"], correct["anew"])
    check = at_least("cached: accuracy against encoding anew", lost, -MAY_LOSE,
                     target=f"≥ -{100 * MAY_LOSE:.0f} point", measured=points(lost, planned))  # fmt: skip
    note = "The digits of `glimpses`, with its looks and steps; the encoder has two blocks."
    return [Table(title="", head=["encoded", "correct after 3 looks", "MMACs per episode"], rows=rows, checks=[check],
                  notes=[note])]  # fmt: skip
