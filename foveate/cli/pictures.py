"""What the commands that look at pictures share: their options, finding the pictures, and where each one's files go."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from glob import glob, has_magic
from pathlib import Path
from typing import Annotated, Any

import typer

from foveate.cli.output import note, progress_console, say
from foveate.errors import DataError

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
DeferGiven = Annotated[
    float | None,
    typer.Option(help="Certainty below which a picture is deferred; left out: as `foveate calibrate --risk` found."),
]
OnDeferGiven = Annotated[
    str, typer.Option(help='"say" that a picture is deferred, or "scan" it: read it on tile by tile.')
]
MostLooksGiven = Annotated[int | None, typer.Option(help="Looks per picture at most.")]
SaveGiven = Annotated[
    list[Path] | None,
    typer.Option(
        help="File for all steps: .png is a strip of them, .webp and .gif are animations, .json holds all numbers. "
        "May be repeated. Of several pictures, each one's name is put before the ending."
    ),
]


def find_pictures(given: list[str], *, leave_out: Path | None = None) -> list[str]:
    """Files (and folders that are a picture) as they are, pictures inside other folders (sorted, hidden ones not), and
    what patterns match, each once."""
    from foveate.scenes.files import file_suffixes, is_scene

    found: dict[str, None] = {}
    for text in given:
        if Path(text).is_dir() and not is_scene(text):
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


def targets_of(save: list[Path], paths: list[str]) -> list[list[Path]]:
    """The files of each picture; what cannot be written is refused before anything is worked out."""
    from foveate.atomic import make_folder
    from foveate.exploring.saving import check_place

    many = len(paths) > 1
    targets = [[one.with_stem(f"{one.stem}-{name}") if many else one for one in save] for name in file_names(paths)]
    for place in [*save, *(place for places in targets for place in places)]:
        check_place(place)
        make_folder(place.parent)
    return targets


def report_failure(path: str, error: Exception, *, as_json: bool) -> None:
    text = str(error)
    if as_json:
        say(json.dumps({"picture": path, "error": text}, ensure_ascii=False))
    else:
        note(f"skipped: {text if path in text else f'{path}: {text}'}")


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
def progress(total: int, *, doing: str = "looking") -> Iterator[Any]:
    """A bar on stderr for the person who waits; nothing for one picture, or where nobody sees it."""
    console = progress_console()
    if total < 2 or not console.is_terminal:
        yield lambda: None
        return
    from rich.progress import Progress

    # Lines of the result pass through the bar only where both are the same terminal.
    with Progress(console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as bar:
        task = bar.add_task(doing, total=total)
        yield lambda: bar.advance(task)
