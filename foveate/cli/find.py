"""`foveate find`: tiny things in many big pictures, where they are, and what finding them cost."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foveate.cli.find_bar import find_bar
from foveate.cli.output import note
from foveate.cli.pictures import (
    BudgetGiven,
    DeferGiven,
    LimitGiven,
    ModelGiven,
    MostLooksGiven,
    OnDeferGiven,
    PicturesGiven,
    StopRuleGiven,
    choose_a_model,
    find_pictures,
    report_failure,
    targets_of,
)
from foveate.cli.plugins import load_plugins
from foveate.errors import DataError, OutputError, UsageError
from foveate.words import counted

if TYPE_CHECKING:
    from foveate.finding.jobs import Order
    from foveate.finding.manifest import Manifest
    from foveate.finding.run import Before, Run
    from foveate.looker import Looker

MANIFEST = "found.jsonl"


def find(
    pictures: PicturesGiven,
    model: ModelGiven = None,
    budget: BudgetGiven = None,
    limit: LimitGiven = None,
    stop_rule: StopRuleGiven = None,
    max_looks: MostLooksGiven = None,
    defer_below: DeferGiven = None,
    on_defer: OnDeferGiven = "say",
    min_score: Annotated[
        float | None, typer.Option(help="Findings less likely than this are left out; the model's own when left out.")
    ] = None,
    save: Annotated[
        list[Path] | None,
        typer.Option(
            help="File for what is found in all pictures: .geojson for GIS tools, .csv, .coco.json, or .json with "
            "everything. May be repeated."
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            help="PNG file that shows what was found and where was looked. Of several pictures, each one's name is "
            "put before the ending."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help=f"Folder for {MANIFEST}, from which a run goes on; beside the first --save when left out."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Pictures at a time, each by a process of its own.")] = 1,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Pass over pictures that are done and unchanged.")
    ] = True,
    strict: Annotated[
        bool, typer.Option("--strict", help="Damaged parts of a picture are an error, not passed over.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line instead of text.")] = False,
) -> None:
    """Find things in big pictures, and save where they are.

    One line per picture as soon as it is done: what it holds, how many findings, the best score, and what that cost.
    Results are also written down at once: a run that was ended goes on when it is started again in the same words. A
    picture that cannot be searched is named and passed over; the exit code is then 1.

    For example: foveate find flights/ --model runs/boats --budget "200 tiles" --save boats.geojson --workers 4
    """
    if model is None:
        raise UsageError(choose_a_model(_finding_tasks()))
    from foveate.asking import Asked
    from foveate.cli.device import pick_device
    from foveate.cli.find_results import failures, save_all, tell_what_is_saved
    from foveate.finding import check_finds
    from foveate.finding.jobs import Order
    from foveate.finding.run import Run
    from foveate.model_folder import find_folder

    places = save or []
    _check_places(places, picture)
    paths, sheets = _with_sheets(find_pictures(pictures, leave_out=out), picture)
    asked: dict[str, Any] = {
        "budget": budget, "limit": limit or None, "stop_rule": stop_rule, "max_looks": max_looks,
        "defer_below": defer_below, "on_defer": on_defer,
    }  # fmt: skip
    order = Order(
        model=str(find_folder(model)), device=pick_device(device), min_score=min_score, strict=strict, asked=asked
    )
    looker = order.looker()
    check_finds(looker, **asked)
    if beware := looker.planner.remark(Asked.of(asked)):
        note(beware)
    path = _manifest_place(out, places)
    header, earlier = _earlier(path, order, resume=resume)
    run = Run(paths, sheets, earlier)
    _tell_what_is_done(run, path, len(paths))
    with _manifest(path, header, earlier) as manifest, _interruptible(run, path, len(paths)):
        failed = _report(run, looker, order, manifest, workers=workers, as_json=as_json)
    saved = save_all(run.founds, places)
    if not as_json:
        drawn = [str(sheet) for sheet in sheets if sheet is not None and sheet.is_file()]
        tell_what_is_saved([*saved, *drawn, *([str(path)] if path else [])])
    if failed:
        raise DataError(failures(failed, len(paths)))


def _finding_tasks() -> list[str]:
    from foveate.tasks import TASKS

    return [name for name in TASKS if TASKS.facts(name).get("does") == "find"]


def _check_places(places: Sequence[Path], picture: Path | None) -> None:
    """What could not be written at the end is refused before the beginning."""
    from foveate.atomic import make_folder
    from foveate.exports import export_for

    for place in places:
        export_for(place)
        if place.is_dir():
            raise OutputError("there is a folder of this name: choose another name", path=place)
        make_folder(place.parent)
    if picture is not None and picture.suffix.lower() != ".png":
        raise UsageError(f"{picture}: --picture draws PNG files: give a name that ends in .png")


def _with_sheets(paths: list[str], picture: Path | None) -> tuple[list[str], list[Path | None]]:
    """The pictures, and where each is drawn. What an earlier run drew beside them is no picture to search."""
    if picture is None:
        return paths, [None] * len(paths)
    drawn = {place.resolve() for places in targets_of([picture], paths) for place in places}
    kept = [path for path in paths if Path(path).resolve() not in drawn]
    if not kept:
        raise UsageError(f"{picture}: --picture would write over the picture that is searched: give another name")
    if len(kept) < len(paths):
        note(f"left out {counted(len(paths) - len(kept), 'picture')} that --picture would write over")
    return kept, [place for (place,) in targets_of([picture], kept)]


def _manifest_place(out: Path | None, places: Sequence[Path]) -> Path | None:
    """None where nothing says where: then nothing is written down."""
    from foveate.atomic import make_folder

    if out is not None:
        return make_folder(out) / MANIFEST
    return places[0].with_name(f"{places[0].stem}.{MANIFEST}") if places else None


def _earlier(path: Path | None, order: Order, *, resume: bool) -> tuple[dict[str, Any], Before]:
    """What the manifest begins with, and what an earlier run left there."""
    from foveate.finding.run import before
    from foveate.model_folder import MANIFEST as FACTS

    facts = Path(order.model, FACTS).read_bytes()
    header = {
        "model": order.model,
        "model_sha256": hashlib.sha256(facts).hexdigest(),
        "asked": {**order.asked, "min_score": order.min_score, "strict": order.strict},
    }
    return header, before(path, header, resume=resume)


def _manifest(path: Path | None, header: dict[str, Any], earlier: Before) -> Any:
    from foveate.finding.manifest import Manifest

    if path is None:
        return nullcontext()
    if earlier.anew is not None:
        aside = path.with_name(f"{path.stem}.old{path.suffix}")
        path.replace(aside)
        note(f"starting anew, as {earlier.anew}; what {path} held is kept as {aside.name}")
    return Manifest(path, header, earlier.entries.values())


def _tell_what_is_done(run: Run, path: Path | None, num_pictures: int) -> None:
    num_done = num_pictures - len(run.jobs)
    if num_done:
        rest = "the others follow" if run.jobs else "nothing is left to search"
        note(f"{num_done} of {counted(num_pictures, 'picture')} done before and unchanged ({path}): {rest}")


@contextmanager
def _interruptible(run: Run, path: Path | None, num_pictures: int) -> Iterator[None]:
    """Says what an interrupted run leaves."""
    try:
        yield
    except KeyboardInterrupt:
        if path is not None:
            done = f"{len(run.founds)} of {counted(num_pictures, 'picture')} are done"
            note(f"{done}; the same command goes on ({path})")
        raise


def _report(
    run: Run, looker: Looker, order: Order, manifest: Manifest | None, *, workers: int, as_json: bool
) -> list[tuple[str, str]]:
    """Print what comes of every picture; (picture, why) of those that could not be searched."""
    from foveate.cli.find_results import tell

    failed = []
    with find_bar(num_pictures=len(run.jobs), most_looks=_most_looks(order)) as bar:
        tell_bar = None if bar is None else bar.looked
        results = run.results(looker, order, manifest=manifest, workers=workers, begin=load_plugins, tell=tell_bar)
        for done in results:
            if done.found is not None:
                tell(done, done.found, looker.name, as_json=as_json)
            else:
                report_failure(done.job.picture, done.error or DataError("unknown"), as_json=as_json)
                failed.append((done.job.picture, str(done.error)))
            if bar is not None:
                bar.done(done)
    return failed


def _most_looks(order: Order) -> int | None:
    """About how many looks a picture takes, as far as the question says it."""
    from foveate.stopping.units import Budget

    given = [order.asked["budget"], *(order.asked["limit"] or [])]
    amounts = [Budget.parse(text) for text in given if text is not None]
    looks = [each.amount for each in amounts if each.unit in ("looks", "tiles")]
    most = [*looks, *([order.asked["max_looks"]] if order.asked["max_looks"] is not None else [])]
    return None if not most or order.asked["on_defer"] == "scan" else round(min(most))
