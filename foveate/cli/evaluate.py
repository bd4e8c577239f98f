"""`foveate evaluate`: play held-out scenes for real, and show what was right, spent and measured, beside controls."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foveate.cli.broken import report_broken
from foveate.cli.measure import Row, row_of, spent, table
from foveate.cli.output import note, say, say_json, say_table
from foveate.errors import BudgetError, UsageError
from foveate.words import counted

if TYPE_CHECKING:
    from foveate.cli.held_out import HeldOut
    from foveate.model_folder import SavedSystem
    from foveate.stopping.units import Budget

BATCH = 32


def evaluate(
    model: Annotated[Path, typer.Argument(help="Model or run folder.")],
    data: Annotated[str, typer.Option(metavar="FOLDER|RECIPE", help="Pictures that training never saw, or a recipe.")],
    budget: Annotated[str | None, typer.Option(help='Mean per picture: "2 looks", "0.5GMAC", "12%px", "20ms".')] = None,
    limit: Annotated[str | None, typer.Option(help="Hard cap per picture, in the same units.")] = None,
    stop_rule: Annotated[str | None, typer.Option(help="Who decides to stop; the model's default.")] = None,
    policy: Annotated[str | None, typer.Option(help="Another policy than the model's own: see `foveate list`.")] = None,
    scenes: Annotated[int, typer.Option(min=1, help="At most so many scenes.")] = 2048,
    looks: Annotated[int | None, typer.Option(min=1, help="Full length; the model's own when left out.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Measure accuracy, looks, multiply-adds, pixels and seconds on scenes that training never saw.

    Pictures that stop early really leave the batch. Of a folder that training used, only the test part is taken, by
    content. The same weights are measured with looks that nobody learned, for comparison.
    """
    from foveate.cli.device import pick_device
    from foveate.cli.held_out import held_out
    from foveate.evaluation.controls import controls_for
    from foveate.model_folder import load_system

    if stop_rule is not None and budget is None:
        raise UsageError("--stop-rule says who decides, but not how much may be spent: give --budget too")
    saved = load_system(model, device=pick_device(device))
    found = held_out(saved, data, part="test")
    run = _Run(saved=saved, found=found, num_scenes=min(scenes, len(found.source)), num_looks=saved.looks_of(looks))
    note(f"{counted(run.num_scenes, 'scene')}; first with the model's own looks, then with each control")
    asked: dict[str, Any] = {"budget": budget, "limit": limit, "stop_rule": stop_rule}
    run.warm_up()
    first = run.row(policy or "the model's looks", policy=policy, **asked)
    rows = [first, run.row("the same, all looks", policy=policy)] if budget or limit else [first]
    rows += [run.row(name, policy=name) for name in controls_for(saved.system) if name != policy]
    from foveate.cli.train_results import without_looks

    rows.append(run.row(without_looks(saved.system), num_looks=0))
    realised = None if budget is None else run.realised(budget, first)
    report_broken(found.source)
    _show(run, rows, realised, asked, as_json=as_json)


@dataclass(frozen=True, kw_only=True)
class _Run:
    """What all rows share."""

    saved: SavedSystem
    found: HeldOut
    num_scenes: int
    num_looks: int

    def warm_up(self) -> None:
        """The first pass of a process is slower than all others."""
        replace(self, num_scenes=min(BATCH, self.num_scenes)).row("warm-up")

    def row(
        self,
        name: str,
        *,
        policy: str | None = None,
        budget: str | None = None,
        limit: str | None = None,
        stop_rule: str | None = None,
        num_looks: int | None = None,
    ) -> Row:
        from foveate.evaluation.controls import control
        from foveate.evaluation.run import evaluate as play
        from foveate.stopping.limits import Limits

        own = self.saved.system.spec.policy.name
        chosen, explore = (None, None) if policy in (None, own) else control(str(policy), self.saved.system)
        stop = None if budget is None else self._stopper(budget, stop_rule)
        result = play(
            self.saved.system,
            self.found.source,
            num_scenes=self.num_scenes,
            max_looks=self.num_looks if num_looks is None else num_looks,
            stop=stop,
            limits=None if limit is None else Limits.parse(limit),
            policy=chosen,
            batch_size=BATCH,
            explore=explore,
        )
        return row_of(name, result, metric=self.saved.system.task.primary_metric)

    def _stopper(self, budget: str, rule: str | None) -> Any:
        from foveate.evaluation.record import here

        budgets = self.saved.budgets
        if budgets is None:
            raise BudgetError(f"{self.saved.path} is not calibrated: foveate calibrate {self.saved.path} --data ...")
        return budgets.stopper(budget, rule=rule, here=here("", BATCH, self.saved.system))

    def realised(self, budget: str, row: Row) -> Budget | None:
        """What was spent, in the unit that was asked for, where a row says it."""
        from foveate.stopping.units import Budget

        unit = Budget.parse(budget).unit
        amount = spent(row)[unit]
        return None if amount is None else Budget(amount, unit)


def _show(run: _Run, rows: list[Row], realised: Budget | None, asked: dict[str, Any], *, as_json: bool) -> None:
    metric = run.saved.system.task.primary_metric
    if as_json:
        say_json({
            "model": run.saved.path, "data": run.found.source.fingerprint, "data_warning": run.found.warning,
            "num_scenes": rows[0].num_scenes, "metric": metric, "asked": asked,
            "realised": None if realised is None else asdict(realised), "rows": rows,
        })  # fmt: skip
        return
    say_table(table(rows, metric=metric))
    if realised is not None:
        say(f"asked for a mean of {asked['budget']}, realised {realised}")
    if asked["limit"] is not None:
        say(f"{100 * (rows[0].truncated_frac or 0):.1f} % of the pictures were ended by the limit of {asked['limit']}")
    say(f"± is the 95 % interval of {counted(rows[0].num_scenes, 'scene')}")
    if run.found.warning is not None:
        say(run.found.warning)
