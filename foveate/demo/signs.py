"""The demonstration's second part: looking that pays. A shipped model reads small signs in scenes it could not afford
to read whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from foveate.demo.scanpaths import CHOSEN, scanpaths
from foveate.demo.section import (
    control_curves,
    executed_rows,
    exit_histograms,
    full_length_row,
    row_near,
    step_by_step,
    stop_curves,
    value_bins,
)
from foveate.drawing import Mark
from foveate.evaluation.record import record
from foveate.evaluation.report_data import Check, SceneSection, StaticNet
from foveate.looker import Looker
from foveate.model_folder import load_system
from foveate.recipes.small_sign import NONE_FRAC, SCENE_PX, SIGNS, small_sign

BUDGETS = (1.0, 2.0)


def signs_section(*, test_scenes: int) -> SceneSection:
    """Execute the shipped model on fresh scenes."""
    saved = load_system("small_sign")
    system, table, recipe = saved.system, saved.budgets, small_sign()
    assert table is not None  # shipped calibrated
    names, looks = system.task.config.class_names, recipe.train.num_looks
    test = record(system, recipe.test, num_scenes=test_scenes, num_looks=looks, with_ms=False, batch_size=16)
    rows = executed_rows(system, table, recipe.test, budgets=BUDGETS, num_scenes=test_scenes, max_looks=looks)
    full = full_length_row(system, recipe.test, num_scenes=test_scenes, max_looks=looks)
    bins, correlation = value_bins(test)
    controls = control_curves(system, recipe.test, num_scenes=test_scenes, max_looks=looks, batch_size=16)
    accuracy = {"heatmap": [float(score) for score in test.scores.mean(axis=0)], **controls}

    def describe(prediction: Any, target: Any) -> tuple[str, Sequence[Mark]]:
        answer, truth = names[int(prediction.argmax(1))], names[int(target["label"][0])]
        verdict = "right" if answer == truth else f"wrong, it is “{truth}”"
        row, col = ((target["place"][0, 0] + 1) / 2 * torch.tensor(SCENE_PX)).tolist()
        marks = (Mark(center_px=(row, col), label="truth"),) if truth != names[0] else ()
        return f"answer “{answer}”: {verdict}", marks

    def short(prediction: Any) -> str:
        p = prediction.float().softmax(1)[0]
        return f"{names[int(p.argmax())]}\n{float(p.max()):.0%} sure"

    return SceneSection(
        name="small_sign",
        title="Which sign stands in this street?",
        what_the_task_is=(
            f"A street of {SCENE_PX[0]} × {SCENE_PX[1]} px holds one prohibition sign of 24 to 40 px, or none, among 2 "
            "to 8 other things of that size. The model sees a 120 × 160 px thumbnail, where a sign is 3 to 5 px wide, "
            f"and up to {looks} fixations of 64 × 64 px. Its training scenes said which sign and where; it "
            "ships with the package; these scenes are new to it, its sign drawings are not (there is one per class)."
        ),
        num_scenes=test_scenes,
        accuracy_by_glimpse=accuracy,
        chance=max(NONE_FRAC, (1 - NONE_FRAC) / len(SIGNS)),
        stop_rules=[*rows, full],
        stop_curves=stop_curves(table, test),
        static_nets=[StaticNet(**net) for net in saved.manifest.metrics.get("static_nets", [])],
        value_vs_loss=bins,
        value_measured="accuracy that looking on to the end really added",
        value_same_unit=False,
        value_rank_correlation=correlation,
        exit_histograms=exit_histograms(table, test, BUDGETS),
        scanpaths=scanpaths(
            system, recipe.test, describe, stop=table.stopper(2.0, rule="value"), max_looks=looks, short=short,
            pool=min(96, test_scenes), num_good=8, num_bad=4,
        ),
        scanpaths_chosen=CHOSEN.format(good=8, bad=4) + " Stopped by value at 2.0 mean looks.",
        **step_by_step(Looker.of(saved), recipe.test, describe, max_looks=looks),
        learned_in_words=[
            f"The thumbnail alone answers {accuracy['heatmap'][0]:.0%}; with {looks} looks it is "
            f"{accuracy['heatmap'][-1]:.0%}, of which random looks reach {accuracy['random'][-1]:.0%}."
        ],
        checks=_checks(rows),
    )  # fmt: skip


def _checks(rows: Sequence[Any]) -> list[Check]:
    gain = 100 * (row_near(rows, "value", 2.0).accuracy - row_near(rows, "count", 2.0).accuracy)
    return [
        Check(
            claim="value stop over fixed count at 2.0 mean looks", target="≥ 2 points",
            measured=f"{gain:+.1f} points", is_met=gain >= 2,
        )
    ]  # fmt: skip
