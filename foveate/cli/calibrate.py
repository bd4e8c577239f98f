"""`foveate calibrate`: solve stop thresholds for a range of budgets on held-out data, and keep them with the model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foveate.cli.broken import report_broken
from foveate.cli.calibrate_risk import calibrate_risk
from foveate.cli.held_out import held_out, set_aside
from foveate.cli.measure import calibration_warning, standard_error
from foveate.cli.output import note, say, say_json, say_table
from foveate.cli.stored import stored
from foveate.errors import UsageError, suggest
from foveate.stopping import STOP_RULES
from foveate.words import counted

if TYPE_CHECKING:
    from foveate.model_folder import SavedSystem
    from foveate.stopping.budgets import BudgetTable
    from foveate.system import System

SHARES = (0.25, 0.5, 0.75, 1.0)  # of full length, shown


def calibrate(
    model: Annotated[Path, typer.Argument(help="Model or run folder.")],
    data: Annotated[str, typer.Option(metavar="FOLDER|RECIPE", help="Pictures that training never saw, or a recipe.")],
    scenes: Annotated[int, typer.Option(min=2, help="At most so many scenes.")] = 2048,
    rules: Annotated[
        str | None, typer.Option(help="Stop rules, with commas; the first is the default. All: none.")
    ] = None,
    looks: Annotated[int | None, typer.Option(min=1, help="Full length; the model's own when left out.")] = None,
    risk: Annotated[
        float | None, typer.Option(help="Find below which certainty to scan: points more missed than by scans (0.02).")
    ] = None,
    confidence: Annotated[float, typer.Option(help="With --risk: how surely it holds.")] = 0.95,
    budget: Annotated[
        str | None, typer.Option(help="With --risk: of a search with this budget, not of full length.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write a calibrated copy here instead.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Record what the model knows after every look at held-out pictures, and solve thresholds for any mean budget.

    Of a folder that training used, only the part that was kept for calibrating is taken, by content. Budgets in ms hold
    for this machine. The model folder is replaced in one step.

    With --risk, instead: below which certainty a picture is deferred, so that with the stated confidence hardly more is
    missed than by scanning all of every picture, when what is deferred is scanned (Learn then Test, arXiv 2110.01052).
    """
    from foveate.cli.device import pick_device
    from foveate.model_folder import load_system

    saved = load_system(model, device=pick_device(device))
    check_place(saved.path, out)
    names = parse_rules(rules, saved.system)
    found = held_out(saved, data, part="calibration")
    if risk is not None:
        if rules is not None:
            raise UsageError("--rules is for budgets, --risk for deferring: run the command once for each")
        calibrate_risk(
            saved, found, risk=risk, confidence=confidence, scenes=scenes, looks=looks, budget=budget, out=out,
            as_json=as_json,
        )  # fmt: skip
        return
    if budget is not None:
        raise UsageError("--budget is for --risk: it says which search; thresholds are solved for all budgets at once")
    source = found.source
    num_looks = saved.looks_of(looks)
    note(f"{counted(min(scenes, len(source)), 'scene')}, {counted(num_looks, 'look')} each")
    from foveate.cli.train_results import calibrated

    budgets = calibrated(saved.system, source, num_looks=num_looks, num_scenes=scenes, rules=names)
    report_broken(source)
    folder = store(saved, budgets, source.fingerprint, out)
    suggested, warning = budgets.full_score_budget(), calibration_warning(budgets)
    if as_json:
        say_json({
            "folder": folder, "num_scenes": budgets.num_scenes, "standard_error": standard_error(budgets),
            "warning": warning, "data_warning": found.warning, "suggested_budget": str(suggested),
            "rules": _points(budgets),
        })  # fmt: skip
        return
    say(f"{folder}: calibrated on {counted(budgets.num_scenes, 'scene')}; expected score at mean looks")
    say_table(_table(budgets))
    for line in filter(None, [warning, found.warning]):
        say(line)
    say(f'next: foveate look PICTURE --model {folder} --budget "{suggested}"')


def parse_rules(text: str | None, system: System) -> tuple[str, ...]:
    """Names of stop rules; without any, all that the model can follow."""
    from foveate.evaluation.rules import can_follow, rules_for

    if text is None:
        return rules_for(system)
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in STOP_RULES:
            raise UsageError(f"unknown stop rule {name!r}.{suggest(name, STOP_RULES)} Known: {', '.join(STOP_RULES)}")
        if not can_follow(system, name):
            raise UsageError(f"the rule {name!r} needs a critic, which this model lacks: `foveate train` makes one")
    if not names:
        raise UsageError("--rules names no rule; leave it out for all of them")
    return names


def check_place(folder: Path, out: Path | None) -> None:
    """A shipped model stays as it was installed: all that use this installation would get other budgets."""
    from foveate.model_folder import shipped

    if out is None and folder.resolve() in [one.resolve() for one in shipped().values()]:
        raise UsageError(
            f"{folder} came with foveate, and calibrating it here would change the installed package: write a "
            f"calibrated copy with --out runs/{folder.name}"
        )


def store(saved: SavedSystem, budgets: BudgetTable, fingerprint: str, out: Path | None) -> Path:
    """Into the model folder itself, or into a copy of it."""
    aside = set_aside(saved, "calibration")
    provenance = {"calibration_data": fingerprint}
    if aside not in (None, fingerprint):  # else the next calibration could not tell that these are other pictures
        provenance["calibration_data_of_training"] = aside
    return stored(saved, out, provenance=provenance, budgets=budgets)


def _points(budgets: BudgetTable) -> dict[str, list[dict[str, float]]]:
    low, high = (budget.amount for budget in budgets.extremes("looks"))
    amounts = [low + share * (high - low) for share in (0.0, *SHARES)]
    return {
        rule: [{"looks": amount, "score": budgets.expected_score(amount, rule=rule)} for amount in amounts]
        for rule in budgets.rules
    }


def _table(budgets: BudgetTable) -> list[list[str]]:
    points = _points(budgets)
    first = next(iter(points.values()))
    rows = [["rule", *(f"{point['looks']:.2f}" for point in first)]]
    return rows + [[rule, *(f"{100 * point['score']:.1f}" for point in curve)] for rule, curve in points.items()]
