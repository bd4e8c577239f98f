"""`foveate look`: what a model says about pictures, where it looked, and what that cost."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from glob import glob, has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foveate.cli.output import note, progress_console, say
from foveate.errors import DataError, UsageError
from foveate.plain import plain

if TYPE_CHECKING:
    from foveate.answers import Answer
    from foveate.looker import Looker


# What is asked of pictures, in every command that looks at them.
PicturesGiven = Annotated[list[str], typer.Argument(help="Picture files, folders of them, or patterns.")]
ModelGiven = Annotated[
    str | None, typer.Option(help="A model or run folder, or the name of a shipped model (listed when left out).")
]
BudgetGiven = Annotated[
    str | None, typer.Option(help='Mean cost over pictures, by calibration: "2 looks", "1.5GMAC", "20ms".')
]
LimitGiven = Annotated[
    list[str] | None, typer.Option(help='Most that any one picture may cost: "20000px". May be repeated.')
]
StopRuleGiven = Annotated[str | None, typer.Option(help='A calibrated stop rule; "none" looks as often as allowed.')]
MostLooksGiven = Annotated[int | None, typer.Option(help="Looks per picture at most.")]


def look(
    pictures: PicturesGiven,
    model: ModelGiven = None,
    budget: BudgetGiven = None,
    limit: LimitGiven = None,
    stop_rule: StopRuleGiven = None,
    max_looks: MostLooksGiven = None,
    defer_below: Annotated[
        float | None, typer.Option(help="Certainty below which a picture that did not settle is deferred.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for a scanpath picture and a JSON file per picture.")] = Path(
        "looks"
    ),
    draw: Annotated[bool, typer.Option("--draw/--no-draw", help="Draw scanpath pictures.")] = True,
    batch_size: Annotated[
        int | None, typer.Option(help="Pictures at a time; 1, or what a budget in ms was measured with.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line instead of text.")] = False,
) -> None:
    """Answer about pictures, and show where the model looked.

    One line per picture as soon as it is done: answer, certainty, looks, cost. A picture that cannot be read is named
    and passed over; the exit code is then 1. Pixels of a picture are read only where the model looks.
    """
    if model is None:
        raise UsageError(choose_a_model())
    from foveate.atomic import make_folder
    from foveate.cli.device import pick_device
    from foveate.looker import load

    paths = find_pictures(pictures, leave_out=out)
    looker = load(model, device=pick_device(device))
    make_folder(out)
    asked: dict[str, Any] = {
        "budget": budget, "limit": limit or None, "stop_rule": stop_rule, "max_looks": max_looks,
        "defer_below": defer_below,
    }  # fmt: skip
    looker.warm_up()  # or the first picture's seconds would be those of a start
    answers = looker.look_many(
        paths, batch_size=_batch_size(looker, batch_size, budget), on_error="give", trail=draw, **asked
    )
    failed = _report_all(looker, paths, answers, out=out, draw=draw, as_json=as_json)
    if failed:
        raise DataError(f"{failed} of {len(paths)} pictures could not be looked at; they are named above")
    if not as_json:
        note(f"saved in {out}/")


def _batch_size(looker: Looker, asked: int | None, budget: str | None) -> int:
    """One picture at a time gives the first answer soonest; a budget in ms holds for the batches it was measured in."""
    from foveate.stopping.units import Budget

    if asked is not None:
        return asked
    is_timed = budget is not None and looker.budgets is not None and Budget.parse(budget).unit == "ms"
    return looker.budgets.origin.batch_size if is_timed and looker.budgets is not None else 1


def find_pictures(given: list[str], *, leave_out: Path | None = None) -> list[str]:
    """Files as they are, pictures inside folders (sorted, hidden ones not), and what patterns match, each once."""
    from foveate.scenes.files import file_suffixes

    found: dict[str, None] = {}
    for text in given:
        if Path(text).is_dir():
            inside = _inside(Path(text), leave_out)
            if not inside:
                raise DataError(f"{text}: holds no pictures ({', '.join(file_suffixes())}): check the folder")
        elif not Path(text).exists() and has_magic(text):
            inside = sorted(glob(text, recursive=True))  # noqa: PTH207 (absolute patterns too)
            if not inside:
                raise DataError(f"nothing matches {text!r}: check the pattern")
        else:
            inside = [text]
        found.update(dict.fromkeys(inside))
    return list(found)


def _inside(folder: Path, leave_out: Path | None) -> list[str]:
    from foveate.scenes.files import file_suffixes

    results, suffixes = leave_out and leave_out.resolve(), file_suffixes()
    return [
        str(path)
        for path in sorted(folder.rglob("*"))
        if path.name.lower().endswith(suffixes)
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and results not in path.resolve().parents
    ]


def file_names(paths: list[str]) -> list[str]:
    """A name per picture for its results, without its suffix; of pictures of one name, the later ones get numbers.

    All differ also where capitals and small letters are the same to the file system."""
    given: set[str] = set()
    last: dict[str, int] = {}  # number given to each name, so that many of one name take no longer
    names = []
    for path in paths:
        stem = Path(path).stem or "picture"
        name, number = stem, last.get(stem.casefold(), 1)
        while name.casefold() in given:
            number += 1
            name = f"{stem}-{number}"
        last[stem.casefold()] = number
        given.add(name.casefold())
        names.append(name)
    return names


def _report_all(
    looker: Looker, paths: list[str], answers: Iterator[Any], *, out: Path, draw: bool, as_json: bool
) -> int:
    """Save and print each result as soon as it is there; how many pictures had none."""
    failed = 0
    with progress(len(paths)) as advance:
        for path, name, answer in zip(paths, file_names(paths), answers, strict=True):
            failed += not _report(looker, path, answer, out / name if draw else None, out / name, as_json)
            advance()
    return failed


def _report(looker: Looker, path: str, answer: Any, picture: Path | None, data: Path, as_json: bool) -> bool:
    """Save and print one result; whether there was one."""
    from foveate.answers import Failure
    from foveate.atomic import write_json

    if isinstance(answer, Failure):
        if as_json:
            say(json.dumps({"picture": path, "error": str(answer)}, ensure_ascii=False))
        else:
            text = str(answer)
            note(f"skipped: {text if path in text else f'{path}: {text}'}")
        return False
    values = plain({"picture": path, "model": looker.name, **answer.to_plain()})
    if picture is not None:
        values["scanpath"] = str(_save_scanpath(looker, path, answer, picture))
    write_json(data.with_name(data.name + ".json"), values)
    say(json.dumps(values, ensure_ascii=False) if as_json else f"{path}: {answer}")
    return True


def _save_scanpath(looker: Looker, path: str, answer: Answer, place: Path) -> Path:
    from foveate.atomic import write_bytes
    from foveate.scanpath import draw_answer

    content = io.BytesIO()
    draw_answer(path, answer, model=looker.system.model).save(content, "PNG")
    target = place.with_name(place.name + ".png")
    write_bytes(target, content.getvalue())
    return target


def choose_a_model(tasks: Collection[str] | None = None) -> str:
    """Why nothing is done without --model, and what there is to choose from, for some tasks or any."""
    from foveate.model_folder import read_manifest, shipped

    lines = []
    for name, folder in shipped().items():
        manifest = read_manifest(folder)
        task, data = manifest.system["task"]["name"], manifest.provenance.get("data", "unnamed data")
        if tasks is None or task in tasks:
            lines.append(f"  {name}: {task}, trained on {data}")
    if not lines:
        which = "" if tasks is None else f" for {' or '.join(tasks)}"
        return f"--model is needed: a folder that `foveate train` made. No models{which} come with this foveate"
    return "\n".join(
        ["--model is needed, as no model knows every kind of picture. Your own folder, or one of these:", *lines]
    )


@contextmanager
def progress(total: int) -> Iterator[Any]:
    """A bar on stderr for the person who waits; nothing for one picture, or where nobody sees it."""
    console = progress_console()
    if total < 2 or not console.is_terminal:
        yield lambda: None
        return
    from rich.progress import Progress

    # Lines of the result pass through the bar only where both are the same terminal.
    with Progress(console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as bar:
        task = bar.add_task("looking", total=total)
        yield lambda: bar.advance(task)
