"""The demonstration's first part: three systems learn visual search side by side, and are compared look by look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from rich.console import Console

from foveate.demo.learning import Control, Learned, learn, learn_side_by_side
from foveate.demo.scanpaths import CHOSEN, scanpaths
from foveate.demo.section import (
    control_curves,
    executed_rows,
    exit_histograms,
    full_length_row,
    row_near,
    step_by_step,
    stop_curves,
    training_curve,
    value_bins,
)
from foveate.drawing import Mark
from foveate.evaluation.record import record
from foveate.evaluation.report_data import Check, SceneSection
from foveate.evaluation.rules import rules_for
from foveate.evaluation.run import accuracy_by_looks
from foveate.looker import Looker
from foveate.recipes.recipe import Recipe
from foveate.recipes.visual_search import CANVAS_PX, FOCUS_PX, TOLERANCE_PX, visual_search
from foveate.stopping.budgets import BudgetTable
from foveate.tasks.search import Search

BUDGETS = (1.0, 2.0, 3.0)
SMALL_GAUSSIAN = {"squeeze_dim": 32, "hidden_dims": (256, 128)}  # sized for this task: the paper's is for ImageNet


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much of everything."""

    steps: int
    seconds: float
    """Of training at most; a slow or busy machine takes longer for its steps, and still has something to show."""
    calibration_scenes: int
    test_scenes: int
    seed: int


def train_all(effort: Effort, console: Console | None) -> dict[str, Learned]:
    """Our policy; then, for exactly as many steps, the paper's Gaussian, and a reader that only looked at random."""
    recipe = visual_search(steps=effort.steps, seconds=effort.seconds, seed=effort.seed)
    ours = learn(recipe, title="heatmap policy", console=console)
    steps, seed = ours.result.steps, effort.seed
    controls = {
        "gaussian": Control(title="Gaussian policy", policy="gaussian", options=SMALL_GAUSSIAN, steps=steps, seed=seed),
        "random_trained": Control(title="random looks", policy="random", steps=steps, seed=seed),
    }
    return {"heatmap": ours, **learn_side_by_side(controls, console)}


def search_section(effort: Effort, learned: dict[str, Learned]) -> SceneSection:
    """Calibrate, execute and compare."""
    recipe = visual_search(seed=effort.seed)
    ours, looks = learned["heatmap"].system, recipe.train.num_looks
    table = BudgetTable.build(
        record(ours, recipe.calibration, num_scenes=effort.calibration_scenes, num_looks=looks),
        rules=rules_for(ours),
        units=("looks",),
    )
    test = record(ours, recipe.test, num_scenes=effort.test_scenes, num_looks=looks, with_ms=False)
    rows = executed_rows(ours, table, recipe.test, budgets=BUDGETS, num_scenes=effort.test_scenes, max_looks=looks)
    full = full_length_row(ours, recipe.test, num_scenes=effort.test_scenes, max_looks=looks)
    bins, correlation = value_bins(test)
    accuracy = _accuracies(recipe, learned, looks, effort.test_scenes)
    return SceneSection(
        name="search",
        title="Where is the 3?",
        what_the_task_is=(
            f"6 to 10 handwritten digits (UCI digits, enlarged to {FOCUS_PX} px) of different classes lie anywhere on "
            f"a black {CANVAS_PX} × {CANVAS_PX} px canvas. The model sees one 42 × 42 px thumbnail, then up to {looks} "
            f"fixations of {FOCUS_PX} × {FOCUS_PX} px, and says where the 3 is. The answer is read from the fixations "
            f"only; it is right within {TOLERANCE_PX} px. Test digits were written by people not seen in training."
        ),
        num_scenes=effort.test_scenes,
        accuracy_by_glimpse=accuracy,
        stop_rules=[*rows, full],
        stop_curves=stop_curves(table, test),
        value_vs_loss=bins,
        value_measured="accuracy that looking on to the end really added",
        value_same_unit=False,
        value_rank_correlation=correlation,
        exit_histograms=exit_histograms(table, test, BUDGETS),
        training_curve=training_curve(learned["heatmap"].result.metrics),
        scanpaths=scanpaths(
            ours,
            recipe.test,
            partial(_describe, ours.task),
            stop=table.stopper(2.0, rule="value"),
            max_looks=looks,
            short=partial(_short, ours.task),
        ),
        scanpaths_chosen=CHOSEN.format(good=8, bad=4) + " Stopped by value at 2.0 mean looks.",
        **step_by_step(Looker(ours, budgets=table), recipe.test, partial(_describe, ours.task), max_looks=looks),
        learned_in_words=_words(learned, accuracy, rows),
        checks=_checks(learned, accuracy, rows, full),
    )


def _accuracies(recipe: Recipe, learned: dict[str, Learned], looks: int, count: int) -> dict[str, list[float]]:
    def own(name: str) -> list[float]:
        return accuracy_by_looks(learned[name].system, recipe.test, num_scenes=count, max_looks=looks)

    controls = control_curves(learned["heatmap"].system, recipe.test, num_scenes=count, max_looks=looks)
    return {name: own(name) for name in ("heatmap", "gaussian")} | controls | {"random_trained": own("random_trained")}


def _describe(task: Search, prediction: Any, target: Any) -> tuple[str, Sequence[Mark]]:
    truth = ((target[0, 0] + 1) / 2 * CANVAS_PX).tolist()
    answer = ((task.places(prediction)[0, 0] + 1) / 2 * CANVAS_PX).tolist()
    miss_px = ((truth[0] - answer[0]) ** 2 + (truth[1] - answer[1]) ** 2) ** 0.5
    verdict = "found" if miss_px <= TOLERANCE_PX else "missed"
    marks = [Mark(center_px=(truth[0], truth[1]), label="truth")]
    return f"{verdict}: the answer is {miss_px:.0f} px from the middle of the 3", marks


def _short(task: Search, prediction: Any) -> str:
    return f"{float(task.certainty(prediction)['confidence'][0]):.0%} sure"


def _words(learned: dict[str, Learned], accuracy: dict[str, list[float]], rows: Sequence[Any]) -> list[str]:
    ours, seconds = accuracy["heatmap"], learned["heatmap"].result.seconds
    value, count = row_near(rows, "value", 2.0), row_near(rows, "count", 2.0)
    confidence = row_near(rows, "confidence", 2.0)
    return [
        f"After {seconds:.0f} seconds of training from scratch, the first look of the heatmap policy answers "
        f"{ours[1]:.0%} of scenes, and all {len(ours) - 1} looks answer {ours[-1]:.0%}.",
        f"The same reader with random looks answers {accuracy['random'][-1]:.0%}; a reader trained with random looks, "
        f"{accuracy['random_trained'][-1]:.0%}. The difference is where they look.",
        f"The paper's Gaussian policy, trained for the same number of steps, answers {accuracy['gaussian'][-1]:.0%}. "
        "Its one mode cannot stand on several likely places at once.",
        f"At 2.0 looks on average, stopping by value is right in {value.accuracy:.1%}, a fixed count in "
        f"{count.accuracy:.1%}, stopping by confidence in {confidence.accuracy:.1%}.",
    ]


def _checks(
    learned: dict[str, Learned], accuracy: dict[str, list[float]], rows: Sequence[Any], full: Any
) -> list[Check]:
    ours, random = accuracy["heatmap"][-1], accuracy["random"][-1]
    gain = 100 * (row_near(rows, "value", 2.0).accuracy - row_near(rows, "count", 2.0).accuracy)
    seconds = learned["heatmap"].result.seconds
    enough = [row for row in rows if row.rule in ("value", "confidence") and row.accuracy >= full.accuracy - 0.001]
    cheapest = min((row.mean_glimpses / full.mean_glimpses for row in enough), default=None)
    return [
        Check(
            claim="found within 7 px after ≤ 2 minutes of training, free placement", target="≥ 92 %",
            measured=f"{ours:.1%} after {seconds:.0f} s", is_met=ours >= 0.92 and seconds <= 120,
        ),
        Check(
            claim="above random looks with the same reader", target="≥ 70 points",
            measured=f"{100 * (ours - random):.1f} points", is_met=ours - random >= 0.70,
        ),
        Check(
            claim="value stop over fixed count at 2.0 mean looks", target="≥ 2 points",
            measured=f"{gain:+.1f} points", is_met=gain >= 2,
        ),
        Check(
            claim="full accuracy with fewer looks", target="≤ 60 % of the looks",
            measured="not at the budgets executed" if cheapest is None else f"{cheapest:.0%} of the looks",
            is_met=cheapest is not None and cheapest <= 0.6,
        ),
    ]  # fmt: skip
