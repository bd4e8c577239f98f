"""`foveate explore`: a picture played step by step, as a strip, an animation or numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foveate.cli.output import note, say, say_table
from foveate.cli.pictures import (
    BudgetGiven,
    LimitGiven,
    ModelGiven,
    MostLooksGiven,
    PicturesGiven,
    SaveGiven,
    StopRuleGiven,
    choose_a_model,
    find_pictures,
    progress,
    report_failure,
    targets_of,
)
from foveate.errors import DataError, UsageError, suggest
from foveate.words import counted

if TYPE_CHECKING:
    from foveate.exploring.exploration import Exploration
    from foveate.looker import Looker


def explore(
    pictures: PicturesGiven,
    model: ModelGiven = None,
    task: Annotated[
        str | None, typer.Option(help="What the model must do: reconstruct, segment, classify, search. Only checked.")
    ] = None,
    looks: MostLooksGiven = None,
    budget: BudgetGiven = None,
    limit: LimitGiven = None,
    stop_rule: StopRuleGiven = None,
    save: SaveGiven = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line instead of text.")] = False,
) -> None:
    """Play a picture step by step, and show what a model makes of it.

    For each step: where it looked, what it has seen so far (as coarse as it was sensed), what it answers now (a
    reconstruction, a map of classes, places or probabilities), and what draws its attention. Without --save, the steps
    are a table. A picture that cannot be read is named and passed over; the exit code is then 1.

    For example: foveate explore photo.jpg --model runs/photos --save out.webp
    """
    tasks = None if task is None else tasks_named(task)
    if model is None:
        raise UsageError(choose_a_model(tasks))
    from foveate.cli.device import pick_device
    from foveate.looker import load

    if tasks is not None:
        _check_task(model, str(task), tasks)
    paths = find_pictures(pictures)
    targets = targets_of(save or [], paths)
    looker = load(model, device=pick_device(device))
    asked: dict[str, Any] = {"budget": budget, "limit": limit or None, "stop_rule": stop_rule, "max_looks": looks}
    failed = 0
    with progress(len(paths)) as advance:
        for path, places in zip(paths, targets, strict=True):
            failed += not _explore(looker, path, places, asked, as_json=as_json)
            advance()
    if failed:
        raise DataError(f"{failed} of {len(paths)} pictures could not be looked at; they are named above")


def tasks_named(given: str) -> tuple[str, ...]:
    """The tasks that people mean by a word: what is done ("reconstruct"), or a task's name."""
    from foveate.tasks import TASKS

    words: dict[str, tuple[str, ...]] = {name: (name,) for name in TASKS}
    for name in TASKS:
        word = TASKS.facts(name).get("does", name)
        words[word] = (*words.get(word, ()), name) if word != name else words[word]
    if given not in words:
        known = ", ".join(sorted({TASKS.facts(name).get("does", name) for name in TASKS}))
        raise UsageError(f"--task is {given!r}.{suggest(given, words)} Known: {known}")
    return words[given]


def _check_task(model: str, asked: str, tasks: tuple[str, ...]) -> None:
    """Nothing is chosen by it: a model has one task. Reads no weights."""
    from foveate.model_folder import read_manifest

    name = read_manifest(model).system["task"]["name"]
    if name not in tasks:
        raise UsageError(
            f"{model}: its task is {name}, and --task {asked} wants {' or '.join(tasks)}: give another --model, or "
            "leave out --task"
        )


def _explore(looker: Looker, path: str, places: list[Path], asked: dict[str, Any], *, as_json: bool) -> bool:
    """Play, save and print one picture; whether it could be looked at."""
    from foveate.exploring.exploration import explore
    from foveate.exploring.saving import save

    try:
        told = explore(looker, path, **asked)
    except DataError as error:
        report_failure(path, error, as_json=as_json)
        return False
    for place in places:
        save(told, place)
    if as_json:
        say(json.dumps(told.to_plain() | {"saved": [str(place) for place in places]}, ensure_ascii=False))
    else:
        _print(path, told, places)
    return True


def _print(path: str, told: Exploration, places: list[Path]) -> None:
    """A table of the steps."""
    from foveate.exploring.sheets import answer_in_words, facts_of

    say(f"{path}:")
    steps = [moment.watched for moment in told.moments]
    say_table(
        [f"  {counted(step.num_looks, 'look')}", *facts_of(step)[:3], answer_in_words(step, told.size_px)]
        for step in steps
    )
    say(f"  {facts_of(steps[-1])[-1]}")
    note(f"saved in {', '.join(map(str, places))}" if places else "give --save out.png, out.webp or out.json to see it")
