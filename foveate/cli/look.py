"""`foveate look`: what a model says about pictures, where it looked, and what that cost."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foveate.cli.output import note, say
from foveate.cli.pictures import (
    BudgetGiven,
    DeferGiven,
    LimitGiven,
    ModelGiven,
    MostLooksGiven,
    OnDeferGiven,
    PicturesGiven,
    SaveGiven,
    StopRuleGiven,
    choose_a_model,
    file_names,
    find_pictures,
    progress,
    report_failure,
    targets_of,
)
from foveate.errors import DataError, UsageError
from foveate.plain import plain

if TYPE_CHECKING:
    from foveate.answers import Answer
    from foveate.looker import Looker


SHOWN = 4  # files that are named; of many pictures there are many


def look(
    pictures: PicturesGiven,
    model: ModelGiven = None,
    budget: BudgetGiven = None,
    limit: LimitGiven = None,
    stop_rule: StopRuleGiven = None,
    max_looks: MostLooksGiven = None,
    defer_below: DeferGiven = None,
    on_defer: OnDeferGiven = "say",
    out: Annotated[Path, typer.Option(help="Folder for a scanpath picture and a JSON file per picture.")] = Path(
        "looks"
    ),
    draw: Annotated[bool, typer.Option("--draw/--no-draw", help="Draw scanpath pictures.")] = True,
    save: SaveGiven = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Pictures at a time; 1, or what a budget in ms was measured with.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line instead of text.")] = False,
) -> None:
    """Answer about pictures, and show where the model looked.

    One line per picture as soon as it is done: answer, certainty, looks, cost. A picture that cannot be read is named
    and passed over; the exit code is then 1. Pixels of a picture are read only where the model looks, but for what is
    drawn. --save shows every step of it, as `foveate explore` does.
    """
    if model is None:
        raise UsageError(choose_a_model())
    from foveate.asking import Asked
    from foveate.atomic import make_folder
    from foveate.cli.device import pick_device
    from foveate.looker import load

    paths = find_pictures(pictures, leave_out=out)
    targets = targets_of(save or [], paths)
    looker = load(model, device=pick_device(device))
    make_folder(out)
    asked: dict[str, Any] = {
        "budget": budget, "limit": limit or None, "stop_rule": stop_rule, "max_looks": max_looks,
        "defer_below": defer_below, "on_defer": on_defer,
    }  # fmt: skip
    if beware := looker.planner.remark(Asked.of(asked)):
        note(beware)
    looker.warm_up()  # or the first picture's seconds would be those of a start
    answers = looker.look_many(
        paths, batch_size=_batch_size(looker, batch_size, budget), on_error="give", trail=draw, **asked
    )
    results = _Results(looker=looker, out=out, draw=draw, as_json=as_json, asked=asked)
    failed = 0
    with progress(len(paths)) as advance:
        for path, name, places, answer in zip(paths, file_names(paths), targets, answers, strict=True):
            failed += not results.report(path, answer, name=name, places=places)
            advance()
    if failed:
        raise DataError(f"{failed} of {len(paths)} pictures could not be looked at; they are named above")
    if not as_json:
        steps = [str(place) for places in targets for place in places]
        more = [f"{len(steps) - SHOWN} more"] if len(steps) > SHOWN else []
        note(f"saved in {', '.join([f'{out}/', *steps[:SHOWN], *more])}")


def _batch_size(looker: Looker, asked: int | None, budget: str | None) -> int:
    """One picture at a time gives the first answer soonest; a budget in ms holds for the batches it was measured in."""
    from foveate.stopping.units import Budget

    if asked is not None:
        return asked
    is_timed = budget is not None and looker.budgets is not None and Budget.parse(budget).unit == "ms"
    return looker.budgets.origin.batch_size if is_timed and looker.budgets is not None else 1


@dataclass(frozen=True, kw_only=True)
class _Results:
    """What is done with each answer."""

    looker: Looker
    out: Path
    draw: bool
    as_json: bool
    asked: dict[str, Any]

    def report(self, path: str, answer: Any, *, name: str, places: list[Path]) -> bool:
        """Save and print one result; whether there was one. ``places`` are for all its steps."""
        from foveate.answers import Failure
        from foveate.atomic import write_json

        if isinstance(answer, Failure):
            report_failure(path, answer.error, as_json=self.as_json)
            return False
        values = plain({"picture": path, "model": self.looker.name, **answer.to_plain()})
        if self.draw:
            values["scanpath"] = str(self._save_scanpath(path, answer, self.out / f"{name}.png"))
        if places:
            self._save_steps(path, places)
            values["saved"] = [str(place) for place in places]
        write_json(self.out / f"{name}.json", values)
        say(json.dumps(values, ensure_ascii=False) if self.as_json else f"{path}: {answer}")
        return True

    def _save_scanpath(self, path: str, answer: Answer, place: Path) -> Path:
        from foveate.atomic import write_bytes
        from foveate.scanpath import draw_answer

        content = io.BytesIO()
        draw_answer(path, answer, model=self.looker.system.model).save(content, "PNG")
        write_bytes(place, content.getvalue())
        return place

    def _save_steps(self, path: str, places: list[Path]) -> None:
        """Played once more, alone: what happens to a picture depends on no other."""
        from foveate.exploring.exploration import explore
        from foveate.exploring.saving import save

        told = explore(self.looker, path, **self.asked)
        for place in places:
            save(told, place)
